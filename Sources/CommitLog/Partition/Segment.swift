import Glibc
import Platform
import Records

/// One segment of a partition: a `.log` file of batches named by its base offset, and its sparse indexes.
///
/// The partition's writer appends and closes; any thread reads, up to where the partition's ``Partition/View`` says. What
/// is open of it is bounded by the data directory's ``FileCache``.
final class Segment: Sendable {
    let base: Offset
    let directory: String
    let files: FileCache
    let state: Lock<State>

    struct State {
        var log: Kept<any DiskFile>?
        /// The entries in the index files, mapped.
        var offsets: Kept<MappedBytes>?
        var times: Kept<MappedBytes>?
        /// What the indexes are to say beyond that; nil once the segment is closed.
        var builder: IndexBuilder?
        /// Bytes of whole, committed batches.
        var size: Int64
        /// The offset after the last batch, or of the next segment; the base offset while there is no batch.
        var nextOffset: Offset
        /// nil while nobody has looked, or there is no batch.
        var first: First?
        /// Of a closed segment, nil while nobody has looked.
        var largest: TimeIndex.Entry?
        /// What must be synced for all of a closed segment to be durable.
        var closedAt = CommitTicket.none
        /// For an index that must be made again.
        var indexInterval: Int64
        /// `.swap` while compaction has not given the files their names.
        var suffix = ""
        /// Made when first asked for: most segments know no transactions, and nobody asks.
        var aborted: TransactionIndexFile?
        /// Nothing is taken away by the cache.
        var isHeld = false
        /// The files' names may be others' by now.
        var isRetired = false
        /// How often the indexes were made anew.
        var repairs = 0
        /// Counts what was opened.
        var ticket: UInt64 = 0
    }

    /// What the first batch says.
    struct First {
        /// Where it begins, whatever the file is called.
        var offset: Offset
        var timestamp: Int64
    }

    /// Something that is open, and whether it was used since the cache last asked.
    struct Kept<Value: Sendable>: Sendable {
        let value: Value
        let ticket: UInt64
        private var isUsed = true

        init(_ value: Value, _ ticket: UInt64) {
            self.value = value
            self.ticket = ticket
        }

        mutating func use() -> Value {
            isUsed = true
            return value
        }

        /// What is to be done with it when the cache asks.
        mutating func isNeeded() -> Bool {
            defer { isUsed = false }
            return isUsed
        }
    }

    private init(_ directory: String, _ base: Offset, _ files: FileCache, _ state: State) {
        self.directory = directory
        self.base = base
        self.files = files
        self.state = Lock(state)
    }

    /// A segment to which nothing is appended any more. Nothing is opened or read before it is needed.
    /// - Parameter nextOffset: the base of the next segment will do.
    /// - Parameter suffix: of the names of its files, while compaction has not given them theirs.
    convenience init(
        closed base: Offset, in directory: String, size: Int64, nextOffset: Offset, indexInterval: Int64,
        files: FileCache, suffix: String = ""
    ) {
        let state = State(size: size, nextOffset: nextOffset, indexInterval: indexInterval, suffix: suffix)
        self.init(directory, base, files, state)
    }

    /// A segment to append to.
    /// - Parameter builder: of the indexes, which took every batch that is there.
    convenience init(
        growing builder: IndexBuilder, in directory: String, size: Int64, nextOffset: Offset, files: FileCache
    ) {
        let state = State(builder: builder, size: size, nextOffset: nextOffset, indexInterval: builder.interval)
        self.init(directory, builder.base, files, state)
    }

    /// `/x/t-0/00000000000000000042`
    static func stem(_ directory: String, _ base: Offset) -> String {
        let digits = String(base)
        return directory + "/" + String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }

    /// Of the files, without the suffix.
    var stem: String { Self.stem(directory, base) }
    var logPath: String { stem + ".log" }
    /// What a file's name may begin with: all offsets of a segment that begins there, and of the one after it, are numbers.
    static let bases: Range<Offset> = 0..<(.max - (1 << 32))
    /// Everything that belongs to the segment and may be there.
    static let suffixes = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]

    var size: Int64 { state.withLock { $0.size } }
    var nextOffset: Offset { state.withLock { $0.nextOffset } }
    /// The aborted transactions whose markers are here.
    var aborted: TransactionIndexFile {
        state.withLock { state in
            if let made = state.aborted { return made }
            let made = TransactionIndexFile(
                in: directory, base: base, files: files, suffix: state.suffix, isRetired: state.isRetired)
            state.aborted = made
            return made
        }
    }
    var closedAt: CommitTicket { state.withLock { $0.closedAt } }
    /// Entries of both indexes of a segment that is not closed.
    var indexCounts: IndexBuilder.Counts {
        state.withLock {
            IndexBuilder.Counts(offsets: $0.builder?.offsetCount ?? 0, times: $0.builder?.timeCount ?? 0)
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
                if position == 0 { state.first = First(offset: header.baseOffset, timestamp: header.maxTimestamp) }
                position += Int64(batch.size)
                state.nextOffset = header.nextOffset
            }
            state.size = position
        }
    }

    /// Uses another `index.interval.bytes` from now on.
    func setIndexInterval(_ bytes: Int64) {
        state.withLock { state in
            state.builder?.interval = bytes
            state.indexInterval = bytes
        }
    }

    /// From now on nothing is appended. The indexes were written, and are mapped when they are next needed.
    func close(at ticket: CommitTicket) {
        let aborted = state.withLock { state in
            state.largest = state.builder?.largest
            state.builder = nil
            (state.offsets, state.times) = (nil, nil)
            state.closedAt = ticket
            return state.aborted
        }
        aborted?.close()
    }

    /// Of the first batch, nil if there is none: `segment.ms` counts from it.
    func firstTimestamp() throws(DiskError) -> Int64? { try first()?.timestamp }

    func first() throws(DiskError) -> First? {
        let (known, size) = state.withLock { ($0.first, $0.size) }
        if let known { return known }
        guard size > 0 else { return nil }
        var scanner = try scanner(from: 0, to: size)
        guard case .batch(let batch) = try scanner.next() else { return nil }
        let first = First(offset: batch.baseOffset, timestamp: batch.maxTimestamp)
        state.withLock { $0.first = first }
        return first
    }
}
