import Glibc
import Records

/// What was durable once and cannot be read any more.
extension Recovery {
    /// Bridges damage: the bad part is set aside, and an empty batch, as compaction leaves them, takes its offsets, so
    /// that readers go on behind it and no offset is given out twice.
    /// - Returns: whether there was any.
    mutating func repairDamage(_ key: Key) throws(DiskError) -> Bool {
        var isDamaged = false
        while let partition = found[key], let hole = try damagedHole(partition) {
            try bridge(partition, hole)
            isDamaged = true
            // There may be more damage behind the first.
            var partition = partition
            partition.scan = try PartitionScan(partition.scan.directory, disk: disk, rules: partition.rules)
            found[key] = partition
        }
        return isDamaged
    }

    struct Hole {
        /// nil if the partition has no segment at all.
        var segment: ScannedSegment?
        var from: Offset
        var to: Offset
        /// Where the segment's file goes on behind the damage; nil if nothing of it can be read from there.
        var resume: Int64?
        var reason: String
    }

    func damagedHole(_ partition: Found) throws(DiskError) -> Hole? {
        let scan = partition.scan
        guard let spot = scan.spots(partition.rules).first else {
            guard scan.logEnd < partition.known else { return nil }
            return Hole(
                segment: scan.segments.last, from: scan.logEnd, to: partition.known, resume: nil,
                reason: "the log ends at \(scan.logEnd)")
        }
        guard spot.offset < partition.known else { return nil }
        let segment = scan.segments[spot.segment]
        if segment.bad != nil, let next = try batch(behindDamageIn: segment), next.baseOffset > spot.offset {
            return Hole(
                segment: segment, from: spot.offset, to: next.baseOffset, resume: next.position, reason: spot.reason)
        }
        let next = spot.segment + 1 < scan.segments.count ? scan.segments[spot.segment + 1].base : partition.known
        // Segments that overlap cannot be bridged: what follows is cut.
        guard next > spot.offset else { return nil }
        return Hole(segment: segment, from: spot.offset, to: next, resume: nil, reason: spot.reason)
    }

    /// The first whole batch behind what is bad in a segment: looked for at every byte, since the length of a bad batch
    /// says nothing.
    private func batch(behindDamageIn segment: ScannedSegment) throws(DiskError) -> ScannedBatch? {
        let file = try disk.open(segment.stem + ".log", .read)
        return try Self.batch(in: file, behind: segment.validSize, after: segment.nextOffset, end: segment.fileSize)
    }

    /// The whole batches behind what is bad in a segment, if something is.
    func forEachBatch(
        behindDamageIn segment: ScannedSegment, _ body: (ScannedBatch) throws(DiskError) -> Void
    ) throws(DiskError) {
        guard segment.bad != nil else { return }
        let file = try disk.open(segment.stem + ".log", .read)
        var position = segment.validSize
        while let next = try Self.batch(in: file, behind: position, after: segment.nextOffset, end: segment.fileSize) {
            try body(next)
            position = next.position + Int64(next.size) - 1
        }
    }

    static func batch(
        in file: any DiskFile, behind position: Int64, after offset: Offset, end: Int64
    ) throws(DiskError) -> ScannedBatch? {
        var start = position + 1
        while start + Int64(BatchHeader.size) <= end {
            let window = try file.readBytes(at: start, count: 1 << 20)
            guard window.count >= BatchHeader.size else { return nil }
            for place in 0...window.count - BatchHeader.size where window[place + 16] == 2 {
                let rest = window.rawSpan.extracting(droppingFirst: place)
                guard let header = try? BatchHeader(parsing: rest), header.baseOffset >= offset,
                    start + Int64(place) + Int64(header.size) <= end
                else { continue }
                var scanner = BatchScanner(file, from: start + Int64(place), to: end, checksCRC: true)
                if case .batch(let found) = try scanner.next() { return found }
            }
            start += Int64(window.count - BatchHeader.size + 1)
        }
        return nil
    }

    /// Writes the segment anew: what is good before the damage, the empty batch, what is good behind it.
    private mutating func bridge(_ partition: Found, _ hole: Hole) throws(DiskError) {
        let stem = hole.segment?.stem ?? Segment.stem(partition.scan.directory, 0)
        let base = hole.segment?.base ?? 0
        let good = hole.segment?.validSize ?? 0
        let size = hole.segment?.fileSize ?? 0
        // An offset's distance from its segment's base has 31 bits: the partition goes offline, with all that it has.
        guard hole.to - base <= Int64(Int32.max) else {
            let what = "bridge offsets \(hole.from) to \(hole.to - 1), more than a segment has, in"
            throw DiskError(operation: what, path: partition.place.path, code: EBADMSG)
        }
        let resume = hole.resume ?? size
        var copy: String?
        if good < resume { copy = try keep(partition.place.name, hole.from, [(stem, good, resume)]) }
        let path = stem + ".log"
        let new = try disk.open(path + ".tmp", .create)
        try new.truncate(to: 0)
        var position = try Self.copy(path, 0..<good, to: new, at: 0, disk)
        try new.write(Self.emptyBatch(from: hole.from, to: hole.to), at: position)
        position += Int64(BatchHeader.size)
        if let resume = hole.resume { position = try Self.copy(path, resume..<size, to: new, at: position, disk) }
        try new.syncWhole()
        // What is behind the damage lies elsewhere now: the indexes are made again.
        for suffix in [Segment.indexSuffix, Segment.timeIndexSuffix] { try disk.removeIfThere(stem + suffix) }
        try disk.syncDirectory(partition.scan.directory)
        try disk.rename(path + ".tmp", path)
        try disk.syncDirectory(partition.scan.directory)
        report.damage.append(
            RecoveryReport.Damage(
                partition: partition.place.name, offsets: hole.from..<hole.to, reason: hole.reason, copy: copy))
    }

    /// Copies a range of a file.
    /// - Returns: where the copy ends.
    static func copy(
        _ path: String, _ range: Range<Int64>, to file: any DiskFile, at start: Int64, _ disk: Disk
    ) throws(DiskError) -> Int64 {
        guard !range.isEmpty else { return start }
        let source = try disk.open(path, .read)
        var position = range.lowerBound
        while position < range.upperBound {
            let bytes = try source.readBytes(at: position, count: Int(min(1 << 20, range.upperBound - position)))
            guard !bytes.isEmpty else { break }
            try file.write(bytes, at: start + position - range.lowerBound)
            position += Int64(bytes.count)
        }
        return start + position - range.lowerBound
    }

    /// A batch without records that takes the offsets from `base` up to, not including, `end`.
    static func emptyBatch(from base: Offset, to end: Offset) -> [UInt8] {
        var writer = ByteWriter(reserving: BatchHeader.size)
        writer.write(base)
        writer.write(Int32(BatchHeader.size - 12))
        writer.write(Int32(-1))  // leader epoch: none
        writer.write(Int8(2))
        writer.write(UInt32(0))  // CRC, below
        writer.write(Int16(0))
        writer.write(Int32(end - base - 1))
        writer.write(Int64(-1))  // base timestamp
        writer.write(Int64(-1))  // largest timestamp
        writer.write(Int64(-1))  // producer
        writer.write(Int16(-1))
        writer.write(Int32(-1))
        writer.write(Int32(0))  // records
        writer.patch(crc32c(writer.bytes.rawSpan.extracting(droppingFirst: 21)), at: 17)
        return writer.bytes
    }
}
