import Records

/// Reads a segment for a cleaning: batch by batch, every byte checked, through one window.
struct CleanerInput {
    /// What comes next.
    enum Piece {
        /// A whole batch whose CRC is right.
        case batch(BatchHeader, ArraySlice<UInt8>)
        /// Whole entries of an old message set.
        case old(ArraySlice<UInt8>)
    }

    private static let windowSize = 1 << 20
    /// Old entries that are handed out together.
    private static let runSize = 64 << 10

    private let file: any DiskFile
    private let end: Int64
    /// The largest batch that is read.
    private let limit: Int
    private(set) var position: Int64
    private var window: [UInt8] = []
    private var windowStart: Int64 = 0

    init(_ file: any DiskFile, from position: Int64, to end: Int64, limit: Int) {
        self.file = file
        self.position = position
        self.end = end
        self.limit = limit
    }

    /// - Returns: nil at the end.
    mutating func next() throws(CleanerFailure) -> Piece? {
        let left = end - position
        guard left > 0 else { return nil }
        try load(Int(min(left, Int64(BatchHeader.size))))
        let head = window[Int(position - windowStart)...]
        guard head.count > 16 else { throw damage("\(left) bytes, less than a batch header") }
        if (0...1).contains(Int8(bitPattern: head[head.startIndex + 16])) { return .old(try oldEntries()) }
        let size = try decoding { () throws(RecordError) in try BatchHeader(parsing: head.rawSpan).size }
        let bytes = try take(size)
        let header = try decoding { () throws(RecordError) in try RecordBatch.checkedHeader(bytes.rawSpan) }
        position += Int64(size)
        return .batch(header, bytes)
    }

    /// An entry of an old message set, and those behind it that the window has already.
    private mutating func oldEntries() throws(CleanerFailure) -> ArraySlice<UInt8> {
        let first = window[Int(position - windowStart)...]
        var size = try decoding { () throws(RecordError) in try MessageHeader(parsing: first.rawSpan).size }
        _ = try take(size)
        let all = window[Int(position - windowStart)...]
        while size < Self.runSize {
            let rest = all.dropFirst(size)
            guard rest.count > 16, (0...1).contains(Int8(bitPattern: rest[rest.startIndex + 16])),
                let next = try? MessageHeader(parsing: rest.rawSpan).size, next <= rest.count,
                position + Int64(size + next) <= end
            else { break }
            size += next
        }
        position += Int64(size)
        return all.prefix(size)
    }

    private mutating func take(_ size: Int) throws(CleanerFailure) -> ArraySlice<UInt8> {
        guard Int64(size) <= end - position else {
            throw damage("a batch of \(size) bytes, of which \(end - position) are there")
        }
        guard size <= limit else { throw damage("a batch of \(size) bytes, more than the \(limit) allowed") }
        try load(size)
        let start = Int(position - windowStart)
        return window[start..<start + size]
    }

    /// Makes `count` bytes from the position on part of the window.
    private mutating func load(_ count: Int) throws(CleanerFailure) {
        guard position < windowStart || position + Int64(count) > windowStart + Int64(window.count) else { return }
        let wanted = Int(min(Int64(max(Self.windowSize, count)), end - position))
        do throws(DiskError) { window = try file.readBytes(at: position, count: wanted) } catch { throw .disk(error) }
        windowStart = position
        guard window.count >= count else { throw damage("the file ends at byte \(position + Int64(window.count))") }
    }

    private func damage(_ reason: String) -> CleanerFailure {
        .damage("\(file.path), byte \(position): \(reason)")
    }

    private func decoding<Result>(_ body: () throws(RecordError) -> Result) throws(CleanerFailure) -> Result {
        do throws(RecordError) { return try body() } catch { throw damage("\(error)") }
    }
}

/// Why a cleaning did not come to its end.
enum CleanerFailure: Error {
    case disk(DiskError)
    /// Something in the log cannot be decoded: it cannot be cleaned as it is.
    case damage(String)
    /// Somebody wants it to end.
    case stopped
    /// The segments are no longer there: retention or a deletion was faster.
    case overtaken
}
