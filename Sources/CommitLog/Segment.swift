import Glibc
import Platform
import Records

/// One segment of a partition: a `.log` file of batches named by its base offset, and its sparse indexes.
///
/// The partition's writer appends and closes; any thread reads, up to where the partition's ``Partition/View`` says.
final class Segment: Sendable {
    let base: Offset
    /// Without the suffix.
    let stem: String
    let disk: Disk
    let state: Lock<State>
    /// The aborted transactions whose markers are here.
    let aborted: TransactionIndexFile

    struct State {
        /// Opened when it is first needed, then kept.
        var file: (any DiskFile)?
        /// The entries in the index files, nil while nobody has looked for them.
        var offsets: MappedBytes?
        var times: MappedBytes?
        /// What the indexes are to say beyond that; nil once the segment is closed.
        var builder: IndexBuilder?
        /// Bytes of whole, committed batches.
        var size: Int64
        /// The offset after the last batch; the base offset while there is none.
        var nextOffset: Offset
        /// Of the first batch, which `segment.ms` counts from; nil while there is none.
        var firstTimestamp: Int64?
        /// -1 while there is none.
        var maxTimestamp: Int64 = -1
        /// What must be synced for all of a closed segment to be durable.
        var closedAt = CommitTicket.none

        var isClosed: Bool { builder == nil }
    }

    init(stem: String, base: Offset, disk: Disk, state: State) {
        self.stem = stem
        self.base = base
        self.disk = disk
        self.state = Lock(state)
        aborted = TransactionIndexFile(stem: stem, disk: disk)
    }

    /// `/x/t-0/00000000000000000042`
    static func stem(_ directory: String, _ base: Offset) -> String {
        let digits = String(base)
        return directory + "/" + String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    var logPath: String { stem + ".log" }
    /// Everything that belongs to the segment and may be there.
    static let suffixes = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]

    var size: Int64 { state.withLock { $0.size } }
    var nextOffset: Offset { state.withLock { $0.nextOffset } }
    var maxTimestamp: Int64 { state.withLock { $0.maxTimestamp } }
    var closedAt: CommitTicket { state.withLock { $0.closedAt } }
    var firstTimestamp: Int64? { state.withLock { $0.firstTimestamp } }
    /// Entries of both indexes of a segment that is not closed.
    var indexCounts: IndexBuilder.Counts {
        state.withLock {
            IndexBuilder.Counts(offsets: $0.builder?.offsetCount ?? 0, times: $0.builder?.timeCount ?? 0)
        }
    }

    /// The open log file.
    func file() throws(DiskError) -> any DiskFile {
        try state.withLock { (state) throws(DiskError) in
            if let file = state.file { return file }
            let file = try disk.open(logPath, state.isClosed ? .read : .readWrite)
            state.file = file
            return file
        }
    }

    /// Takes over the batches of a committed append, which begin at `start`.
    func extend(_ batches: [EncodedBatch], at start: Int64) {
        state.withLock { state in
            var position = start
            for batch in batches {
                let header = batch.header
                state.builder?.take(
                    position: position, size: batch.size, lastOffset: header.lastOffset,
                    maxTimestamp: header.maxTimestamp)
                position += Int64(batch.size)
                state.nextOffset = header.nextOffset
                if state.firstTimestamp == nil { state.firstTimestamp = header.maxTimestamp }
                state.maxTimestamp = max(state.maxTimestamp, header.maxTimestamp)
            }
            state.size = position
        }
    }

    /// Uses another `index.interval.bytes` from now on.
    func setIndexInterval(_ bytes: Int64) {
        state.withLock { $0.builder?.interval = bytes }
    }

    /// From now on nothing is appended. The indexes were written, and are mapped when they are next needed.
    func close(at ticket: CommitTicket) {
        aborted.close()
        state.withLock { state in
            state.builder = nil
            (state.offsets, state.times) = (nil, nil)
            state.closedAt = ticket
        }
    }
}
