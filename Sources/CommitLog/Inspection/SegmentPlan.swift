import Glibc
import Records

/// What must be done to one segment for it to be a walk of whole batches again.
struct SegmentPlan {
    /// Bytes that go, and the offsets that an empty batch takes in their place; one of them may be empty.
    struct Change {
        var removed: Range<Int64>
        var offsets: Range<Offset>
        var reason: String
    }

    private let stem: String
    private let base: Offset
    private let size: Int64
    private(set) var changes: [Change] = []
    /// Where the log goes on behind the segment.
    private(set) var next: Offset

    var isWhole: Bool { changes.isEmpty }

    /// - Parameter next: where the log goes on before this segment, nil if it is the first.
    /// - Parameter following: where the next segment begins that is not empty.
    /// - Parameter holesBelow: what compaction may have taken lies below it, where the last segment begins.
    init(
        _ segment: PartitionFiles.Segment, next: Offset?, following: Offset?, holesBelow: Offset,
        rules: LogSurroundings.Rules, disk: Disk
    ) throws(DiskError) {
        stem = segment.stem
        base = segment.base
        size = segment.bytes
        self.next = max(next ?? segment.base, segment.base)
        let file = try disk.open(segment.stem + ".log", .read)
        var scanner = BatchScanner(file, to: size, checksCRC: true)
        /// Where bytes began that cannot stay, and why.
        var bad: (position: Int64, reason: String)?
        walk: while true {
            switch try scanner.next() {
            case .end: break walk
            case .batch(let batch):
                if let objection = objection(to: batch, following) {
                    bad = bad ?? (batch.position, objection)
                    continue
                }
                let isHole = batch.message == nil && batch.baseOffset > self.next
                if let bad {
                    add(bad.position..<batch.position, to: isHole ? batch.baseOffset : self.next, bad.reason)
                } else if isHole, !(rules.mayHaveHoles && batch.baseOffset <= holesBelow) {
                    let reason = "offsets \(self.next) to \(batch.baseOffset - 1) are missing"
                    add(batch.position..<batch.position, to: batch.baseOffset, reason)
                }
                bad = nil
                self.next = batch.nextOffset
            case .bad(let reason):
                bad = bad ?? (scanner.position, reason)
                guard let resumed = try Resumption.next(in: file, behind: scanner.position, end: size) else {
                    break walk
                }
                scanner = BatchScanner(file, from: resumed, to: size, checksCRC: true)
            }
        }
        finish(bad, following, rules)
    }

    /// What follows the last good batch of the segment.
    private mutating func finish(
        _ bad: (position: Int64, reason: String)?, _ following: Offset?, _ rules: LogSurroundings.Rules
    ) {
        let end = following.map { max($0, next) } ?? next
        if let bad {
            add(bad.position..<size, to: end, bad.reason)
        } else if end > next, !rules.mayHaveHoles {
            add(size..<size, to: end, "offsets \(next) to \(end - 1) are missing")
        }
        next = end
    }

    private mutating func add(_ removed: Range<Int64>, to offset: Offset, _ reason: String) {
        changes.append(Change(removed: removed, offsets: next..<max(next, offset), reason: reason))
    }

    private func objection(to batch: ScannedBatch, _ following: Offset?) -> String? {
        // A hole that leads beyond the next segment is none: offsets are outside of the checksum.
        if let following, batch.baseOffset > next, batch.nextOffset > following {
            return "offset \(batch.lastOffset) lies in the segment behind, which begins at \(following)"
        }
        if batch.baseOffset < next { return "offset \(batch.baseOffset) comes after \(next - 1)" }
        if batch.lastOffset - base > Int64(Int32.max) { return "offset \(batch.lastOffset) is too far from \(base)" }
        return nil
    }

    /// Does it: a cut at the end in place, anything else as a new file under the old name.
    func apply(_ disk: Disk) throws(DiskError) {
        let path = stem + ".log"
        // An offset's distance from its segment's base has 31 bits.
        if let wide = changes.first(where: { $0.offsets.upperBound - base > Int64(Int32.max) }) {
            let (from, to) = (wide.offsets.lowerBound, wide.offsets.upperBound - 1)
            throw DiskError(
                operation: "bridge offsets \(from) to \(to), more than a segment has, in", path: path, code: EBADMSG)
        }
        if let only = changes.first, changes.count == 1, only.offsets.isEmpty, only.removed.upperBound == size {
            let file = try disk.open(path, .readWrite)
            try file.truncate(to: only.removed.lowerBound)
            return try file.syncWhole()
        }
        let new = try disk.open(path + ".tmp", .create)
        try new.truncate(to: 0)
        var read: Int64 = 0
        var written: Int64 = 0
        for change in changes {
            written = try Recovery.copy(path, read..<change.removed.lowerBound, to: new, at: written, disk)
            written = try bridge(change.offsets, in: new, at: written)
            read = change.removed.upperBound
        }
        _ = try Recovery.copy(path, read..<size, to: new, at: written, disk)
        try new.syncWhole()
        // What is behind the change lies elsewhere now: its indexes must not outlive it.
        for suffix in [Segment.indexSuffix, Segment.timeIndexSuffix] { try disk.removeIfThere(stem + suffix) }
        let directory = InspectedPlace.parent(path)
        try disk.syncDirectory(directory)
        try disk.rename(path + ".tmp", path)
        try disk.syncDirectory(directory)
    }

    private func bridge(
        _ offsets: Range<Offset>, in file: any DiskFile, at start: Int64
    ) throws(DiskError) -> Int64 {
        guard !offsets.isEmpty else { return start }
        try file.write(Recovery.emptyBatch(from: offsets.lowerBound, to: offsets.upperBound), at: start)
        return start + Int64(BatchHeader.size)
    }
}
