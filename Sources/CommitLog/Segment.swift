import Glibc
import Platform
import Records

/// One segment of a partition: a `.log` file of batches named by its base offset, and its sparse index.
///
/// The partition's writer appends and closes; any thread reads, up to where the partition's ``Partition/View`` says.
final class Segment: Sendable {
    let base: Offset
    /// Without the suffix.
    let stem: String
    private let disk: Disk
    private let state: Lock<State>

    struct State {
        /// Opened when it is first needed, then kept.
        var file: (any DiskFile)?
        /// nil while the index of a closed segment has not been looked at.
        var index: OffsetIndex?
        /// Bytes of whole, committed batches.
        var size: Int64
        /// The offset after the last batch; the base offset while there is none.
        var nextOffset: Offset
        /// Of the first batch, which `segment.ms` counts from; nil while there is none.
        var firstTimestamp: Int64?
        /// -1 while there is none.
        var maxTimestamp: Int64 = -1
        var isClosed: Bool
        /// What must be synced for all of a closed segment to be durable.
        var closedAt = CommitTicket.none
    }

    init(stem: String, base: Offset, disk: Disk, state: State) {
        self.stem = stem
        self.base = base
        self.disk = disk
        self.state = Lock(state)
    }

    /// `/x/t-0/00000000000000000042`
    static func stem(_ directory: String, _ base: Offset) -> String {
        let digits = String(base)
        return directory + "/" + String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    var logPath: String { stem + ".log" }
    var indexPath: String { stem + ".index" }
    /// Everything that belongs to the segment and may be there.
    static let suffixes = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]

    var size: Int64 { state.withLock { $0.size } }
    var nextOffset: Offset { state.withLock { $0.nextOffset } }
    var maxTimestamp: Int64 { state.withLock { $0.maxTimestamp } }
    var closedAt: CommitTicket { state.withLock { $0.closedAt } }
    var firstTimestamp: Int64? { state.withLock { $0.firstTimestamp } }
    /// Entries of the index of a segment that is not closed.
    var indexCount: Int { state.withLock { $0.index?.count ?? 0 } }

    /// The open log file.
    func file() throws(DiskError) -> any DiskFile {
        try state.withLock { (state) throws(DiskError) in
            if let file = state.file { return file }
            let file = try disk.open(logPath, state.isClosed ? .read : .readWrite)
            state.file = file
            return file
        }
    }

    /// Takes over what a committed append added.
    func extend(
        size: Int64, nextOffset: Offset, firstTimestamp: Int64, maxTimestamp: Int64, entries: [OffsetIndex.Entry]
    ) {
        state.withLock { state in
            state.size = size
            state.nextOffset = nextOffset
            if state.firstTimestamp == nil { state.firstTimestamp = firstTimestamp }
            state.maxTimestamp = max(state.maxTimestamp, maxTimestamp)
            if !entries.isEmpty { Self.append(entries, to: &state.index) }
        }
    }

    private static func append(_ more: [OffsetIndex.Entry], to index: inout OffsetIndex?) {
        guard case .growing(var entries)? = index else { return }
        // So that the array has one owner again, and grows in place.
        index = .growing([])
        entries.append(contentsOf: more)
        index = .growing(entries)
    }

    /// Writes the index beside the log, in Kafka's form.
    /// - Returns: the index file, which has unsynced bytes.
    func writeIndex() throws(DiskError) -> any DiskFile {
        let entries = state.withLock { state -> [OffsetIndex.Entry] in
            if case .growing(let entries)? = state.index { entries } else { [] }
        }
        return try Self.writeIndex(entries, stem: stem, disk: disk)
    }

    static func writeIndex(
        _ entries: [OffsetIndex.Entry], stem: String, disk: Disk
    ) throws(DiskError) -> any DiskFile {
        let indexPath = stem + ".index"
        let bytes = OffsetIndex.encode(entries)
        let file = try disk.open(indexPath, .create)
        try file.write(bytes, at: 0)
        try file.truncate(to: Int64(bytes.count))
        return file
    }

    /// From now on nothing is appended: the index, which was written, is mapped when it is next needed.
    func close(at ticket: CommitTicket) {
        state.withLock { state in
            state.index = nil
            state.isClosed = true
            state.closedAt = ticket
        }
    }

    /// Looks something up in the index, which is mapped for it if it is not in memory.
    private func lookUp<Result>(_ body: (OffsetIndex) -> Result) throws(DiskError) -> Result {
        try state.withLock { (state) throws(DiskError) in
            if let index = state.index { return body(index) }
            let file = try disk.open(indexPath, .read)
            let length = Int(try file.status().size) / OffsetIndex.entrySize * OffsetIndex.entrySize
            let index = OffsetIndex.mapped(try file.map(length: length))
            state.index = index
            return body(index)
        }
    }

    // MARK: - Reading

    /// The first batch that reaches `offset` or lies beyond it.
    /// - Parameter limit: where the committed bytes end.
    func batch(reaching offset: Offset, limit: Int64) throws(DiskError) -> ScannedBatch? {
        let start = try lookUp { $0.position(atOrBefore: offset - base) }
        var scanner = BatchScanner(try file(), from: min(start, limit), to: limit, checksCRC: false)
        while case .batch(let batch) = try scanner.next() {
            if batch.lastOffset >= offset { return batch }
        }
        return nil
    }

    /// How far whole batches reach from `first` on without going past `position`; at least `first` itself.
    /// - Parameter limit: where the committed bytes end.
    /// - Returns: the byte after the last of them, and the offset a reader goes on with.
    func extent(
        from first: ScannedBatch, upTo position: Int64, limit: Int64
    ) throws(DiskError) -> (end: Int64, nextOffset: Offset) {
        let firstEnd = first.position + Int64(first.size)
        guard firstEnd < position else { return (firstEnd, first.nextOffset) }
        // Everything before a batch border that is known fits; only what follows it must be walked.
        let border = try lookUp { $0.border(atOrBefore: position - 1) }
        var scanner = BatchScanner(try file(), from: max(border, firstEnd), to: limit, checksCRC: false)
        var result = (end: scanner.position, nextOffset: first.nextOffset)
        var isFirst = true
        while case .batch(let batch) = try scanner.next() {
            guard scanner.position <= position else {
                if isFirst { result.nextOffset = batch.baseOffset }
                break
            }
            result = (scanner.position, batch.nextOffset)
            isFirst = false
        }
        return result
    }

    /// The first batch with a record at or after a time, by the batches' largest timestamps.
    func batch(atOrAfter timestamp: Int64, limit: Int64) throws(DiskError) -> ScannedBatch? {
        var scanner = BatchScanner(try file(), to: limit, checksCRC: false)
        while case .batch(let batch) = try scanner.next() {
            if batch.maxTimestamp >= timestamp { return batch }
        }
        return nil
    }
}
