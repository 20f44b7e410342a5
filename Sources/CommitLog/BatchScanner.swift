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
    private var window: [UInt8] = []
    private var windowStart: Int64 = 0
    private let windowSize: Int
    /// Where the next batch begins.
    private(set) var position: Int64

    /// - Parameter checksCRC: reads every byte, not just headers.
    init(_ file: any DiskFile, from position: Int64 = 0, to end: Int64, checksCRC: Bool) {
        self.file = file
        self.position = position
        self.end = end
        self.checksCRC = checksCRC
        windowSize = checksCRC ? 256 << 10 : 4 << 10
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
            header = try BatchHeader(parsing: window.rawSpan.extracting(droppingFirst: start))
        } catch {
            return .bad("\(error)")
        }
        guard Int64(header.size) <= left else {
            return .bad("a batch of \(header.size) bytes, of which \(left) are there")
        }
        if checksCRC {
            let found = try crc(from: position + 21, to: position + Int64(header.size))
            guard found == header.crc else {
                return .bad("\(RecordError.crcMismatch(stored: header.crc, computed: found))")
            }
        }
        let batch = ScannedBatch(position: position, header: header)
        position += Int64(header.size)
        return .batch(batch)
    }

    /// An entry of a message set of format 0 or 1 (24 or 16 bytes at least before key and value). Such sets come from
    /// old brokers' directories only; their checksums are not looked at.
    private mutating func legacy(at start: Int, left: Int64) throws(DiskError) -> Step {
        var reader = ByteReader(window[start...])
        guard let offset: Int64 = try? reader.read(), let size: Int32 = try? reader.read(), size >= 14, offset >= 0,
            offset < Int64.max
        else { return .bad("neither a batch nor a message") }
        guard Int64(size) + 12 <= left else { return .bad("a message of \(size) bytes, of which \(left) are there") }
        let batch = ScannedBatch(position: position, legacyOffset: offset, size: Int(size) + 12)
        position += Int64(batch.size)
        return .batch(batch)
    }

    private mutating func crc(from start: Int64, to end: Int64) throws(DiskError) -> UInt32 {
        var crc: UInt32 = 0
        var place = start
        while place < end {
            let count = Int(min(end - place, Int64(windowSize)))
            try load(place, count: count)
            let offset = Int(place - windowStart)
            crc = crc32c(window.rawSpan.extracting(offset..<offset + count), continuing: crc)
            place += Int64(count)
        }
        return crc
    }

    /// Makes `count` bytes at `place` part of the window; the file must have them.
    private mutating func load(_ place: Int64, count: Int) throws(DiskError) {
        if place >= windowStart && place + Int64(count) <= windowStart + Int64(window.count) { return }
        window = try file.readBytes(at: place, count: Int(min(Int64(max(windowSize, count)), end - place)))
        windowStart = place
        // The file can only be shorter than `end` if someone else cut it.
        guard window.count >= count else { throw DiskError(operation: "read all of", path: file.path, code: 5) }
    }
}

/// What a walk found: a batch, and where.
struct ScannedBatch: Equatable {
    let position: Int64
    let size: Int
    let baseOffset: Offset
    let lastOffset: Offset
    /// nil for a message of an old format.
    let header: BatchHeader?

    var nextOffset: Offset { lastOffset + 1 }
    var maxTimestamp: Int64 { header?.maxTimestamp ?? -1 }

    init(position: Int64, header: BatchHeader) {
        self.position = position
        size = header.size
        baseOffset = header.baseOffset
        lastOffset = header.lastOffset
        self.header = header
    }

    init(position: Int64, legacyOffset: Offset, size: Int) {
        self.position = position
        self.size = size
        baseOffset = legacyOffset
        lastOffset = legacyOffset
        header = nil
    }
}
