import Records

/// Walks the batches of a segment file in order, reading ahead through one window.
///
/// Every byte is suspect: what is not a whole batch ends the walk with a reason, never with a trap.
struct BatchScanner {
    enum Step: Equatable {
        case batch(ScannedBatch)
        /// The file ends at a batch border.
        case end
        /// What follows is no whole batch, and why.
        case bad(String)
    }

    private let file: any DiskFile
    private let end: Int64
    private let checksCRC: Bool
    /// Read into again and again; ``windowCount`` bytes of it are the file's, from ``windowStart`` on.
    private var window: [UInt8] = []
    private var windowStart: Int64 = 0
    private var windowCount = 0
    private let windowSize: Int
    /// Whether what follows the bytes that are asked for is likely to be asked for next.
    private var readsAhead: Bool
    /// Where the next batch begins.
    private(set) var position: Int64

    /// The window of a walk over headers.
    static let headerWindow = 4 << 10

    /// - Parameter checksCRC: reads every byte, not just headers.
    /// - Parameter readsAhead: whether more than one batch is expected in the first window.
    init(
        _ file: any DiskFile, from position: Int64 = 0, to end: Int64, checksCRC: Bool, readsAhead: Bool = true
    ) {
        self.file = file
        self.position = position
        self.end = end
        self.checksCRC = checksCRC
        self.readsAhead = readsAhead
        windowSize = checksCRC ? 256 << 10 : Self.headerWindow
    }

    mutating func next() throws(DiskError) -> Step {
        let left = end - position
        guard left > 0 else { return .end }
        guard left >= 17 else { return .bad("\(left) bytes, less than a batch header") }
        try load(position, count: Int(min(left, Int64(BatchHeader.size))))
        let start = Int(position - windowStart)
        if (0...1).contains(Int8(bitPattern: window[start + 16])) { return try legacy(at: start, left: left) }
        let header: BatchHeader
        do throws(RecordError) {
            header = try BatchHeader(parsing: window.rawSpan.extracting(start..<windowCount))
        } catch {
            return .bad("\(error)")
        }
        guard Int64(header.size) <= left else {
            return .bad("a batch of \(header.size) bytes, of which \(left) are there")
        }
        if checksCRC {
            let found = try checksum(from: position + 21, to: position + Int64(header.size), crc32c)
            guard found == header.crc else {
                return .bad("\(RecordError.crcMismatch(stored: header.crc, computed: found))")
            }
        }
        var batch = ScannedBatch(position: position, header: header)
        if header.isControl && header.hasProducer { batch.marker = try marker(of: header) }
        position += Int64(header.size)
        return .batch(batch)
    }

    /// What the control batch at ``position`` says. The whole of it is in the file.
    private mutating func marker(of header: BatchHeader) throws(DiskError) -> TransactionMarker? {
        let count = min(header.size, TransactionMarker.sizeLimit)
        try load(position, count: count)
        let start = Int(position - windowStart)
        return TransactionMarker(records: window[start + BatchHeader.size..<start + count])
    }

    /// An entry of a message set of format 0 or 1, which come from old brokers' directories only.
    private mutating func legacy(at start: Int, left: Int64) throws(DiskError) -> Step {
        let header: MessageHeader
        do throws(RecordError) {
            header = try MessageHeader(parsing: window.rawSpan.extracting(start..<windowCount))
        } catch {
            return .bad("\(error)")
        }
        guard Int64(header.size) <= left else {
            return .bad("a message of \(header.size) bytes, of which \(left) are there")
        }
        if checksCRC {
            let found = try checksum(from: position + 16, to: position + Int64(header.size), crc32)
            guard found == header.crc else {
                return .bad("\(RecordError.crcMismatch(stored: header.crc, computed: found))")
            }
        }
        let batch = ScannedBatch(position: position, message: header)
        position += Int64(batch.size)
        return .batch(batch)
    }

    private mutating func checksum(
        from start: Int64, to end: Int64, _ update: (RawSpan, UInt32) -> UInt32
    ) throws(DiskError) -> UInt32 {
        var sum: UInt32 = 0
        var place = start
        while place < end {
            try load(place, count: 1)
            let offset = Int(place - windowStart)
            let count = Int(min(end - place, Int64(windowCount - offset)))
            sum = update(window.rawSpan.extracting(offset..<offset + count), sum)
            place += Int64(count)
        }
        return sum
    }

    /// Makes `count` bytes at `place` part of the window; the file must have them.
    private mutating func load(_ place: Int64, count: Int) throws(DiskError) {
        if place >= windowStart && place + Int64(count) <= windowStart + Int64(windowCount) { return }
        // Behind a batch that is larger than the window there is likely to be another such one.
        if windowCount > 0 { readsAhead = place <= windowStart + Int64(windowSize) }
        let wanted = Int(min(Int64(readsAhead ? max(windowSize, count) : count), end - place))
        if window.count < wanted { window = [UInt8](repeating: 0, count: wanted) }
        windowCount = 0
        windowCount = try unsafe window.withUnsafeMutableBufferPointer { (all) throws(DiskError) in
            // Safety: `wanted` bytes are there, and the file stays within them.
            try unsafe file.read(into: UnsafeMutableRawBufferPointer(start: all.baseAddress, count: wanted), at: place)
        }
        windowStart = place
        // The file can only be shorter than `end` if someone else cut it.
        guard windowCount >= count else { throw DiskError(operation: "read all of", path: file.path, code: 5) }
    }
}

/// What a walk found: a batch, or an entry of an old message set, and where.
struct ScannedBatch: Equatable {
    let position: Int64
    let size: Int
    /// Of an entry of an old message set only the last offset is known without reading all of it.
    let baseOffset: Offset
    let lastOffset: Offset
    /// nil for an entry of an old message set.
    let header: BatchHeader?
    /// nil for a batch.
    let message: MessageHeader?
    /// How it ends a transaction, if it does.
    fileprivate(set) var marker: TransactionMarker?

    var nextOffset: Offset { lastOffset + 1 }
    var maxTimestamp: Int64 { header?.maxTimestamp ?? message?.timestamp ?? -1 }

    init(position: Int64, header: BatchHeader) {
        self.position = position
        size = header.size
        baseOffset = header.baseOffset
        lastOffset = header.lastOffset
        self.header = header
        message = nil
    }

    init(position: Int64, message: MessageHeader) {
        self.position = position
        size = message.size
        baseOffset = message.offset
        lastOffset = message.offset
        header = nil
        self.message = message
    }
}
