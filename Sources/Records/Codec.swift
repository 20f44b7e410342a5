/// How the records of a batch are compressed; the number is that of attribute bits 0-2.
package enum Codec: UInt8, CaseIterable, Sendable {
    case none, gzip, snappy, lz4, zstd

    /// From the name that Kafka's settings use; nil for any other.
    package init?(name: String) {
        guard let codec = Codec.allCases.first(where: { $0.name == name }) else { return nil }
        self = codec
    }

    package var name: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }

    /// Compresses with the framing that Kafka expects inside a batch.
    /// - Parameter level: the library's own scale (gzip 1-9, lz4 1-12, zstd 1-22), beyond which its last
    ///   one stands; nil is the library's default.
    package func compress(_ bytes: RawSpan, level: Int? = nil) throws(RecordError) -> [UInt8] {
        let buffer = Buffer(capacity: bound(bytes.byteCount))
        let count = try compress(bytes, into: buffer, from: 0, level: level)
        return buffer.span(0..<count).array(0, count)
    }

    /// Undoes ``compress(_:level:)`` and what other writers of Kafka batches make.
    ///
    /// Memory grows with what really comes out, never with what the bytes claim.
    /// - Parameter limit: the most bytes that may come out.
    /// - Parameter hasOldHeaderChecksum: the lz4 frame's header checksum is not looked at: in old messages of format 0 it is
    ///   made over the wrong bytes.
    /// - Throws: `tooLarge` beyond the limit, `corrupt` for anything the library refuses.
    package func decompress(
        _ bytes: RawSpan, limit: Int, hasOldHeaderChecksum: Bool = false
    ) throws(RecordError) -> [UInt8] {
        switch self {
        case .none:
            guard bytes.byteCount <= limit else { throw .tooLarge(size: bytes.byteCount, limit: limit) }
            return bytes.array(0, bytes.byteCount)
        case .gzip: return try Gzip.decompress(bytes, limit: limit)
        case .snappy: return try Snappy.decompress(bytes, limit: limit)
        case .lz4:
            guard hasOldHeaderChecksum else { return try LZ4.decompress(bytes, limit: limit) }
            return try LZ4.decompress(LZ4.withHeaderChecksum(bytes).rawSpan, limit: limit)
        case .zstd: return try Zstd.decompress(bytes, limit: limit)
        }
    }

    /// The most bytes that `count` bytes can become.
    func bound(_ count: Int) -> Int {
        switch self {
        case .none: max(1, count)
        case .gzip: Gzip.bound(count)
        case .snappy: Snappy.bound(count)
        case .lz4: LZ4.bound(count)
        case .zstd: Zstd.bound(count)
        }
    }

    /// Compresses into `output` from byte `start` on, where it has ``bound(_:)`` bytes of room.
    /// - Parameter pool: keeps the compressor's working memory for the next time; nil frees it.
    /// - Returns: the bytes written.
    func compress(
        _ bytes: RawSpan, into output: Buffer, from start: Int, level: Int?, pool: BufferPool? = nil
    ) throws(RecordError) -> Int {
        precondition(output.capacity - start >= bound(bytes.byteCount), "no room for the compressor")
        // Safety: the room behind `start` is checked above; both regions outlive the call and do not overlap.
        return try unsafe bytes.withUnsafeBytes { (input) throws(RecordError) in
            let room = unsafe UnsafeMutableRawBufferPointer(
                start: output.base + start, count: output.capacity - start)
            return switch self {
            case .none: unsafe Self.copy(input, room)
            case .gzip: try unsafe Gzip.compress(input, room, level: level)
            case .snappy: try unsafe Snappy.compress(input, room)
            case .lz4: try unsafe LZ4.compress(input, room, level: level)
            case .zstd:
                try Self.withZstdContext(of: pool) { (context) throws(RecordError) in
                    try unsafe Zstd.compress(input, room, level: level, with: context)
                }
            }
        }
    }

    private static func withZstdContext(
        of pool: BufferPool?, _ body: (ZstdContext) throws(RecordError) -> Int
    ) throws(RecordError) -> Int {
        let context = pool?.takeContext() ?? ZstdContext()
        defer { pool?.give(context) }
        return try body(context)
    }

    private static func copy(_ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer) -> Int {
        // Safety: the caller checked the room.
        unsafe room.copyMemory(from: input)
        return input.count
    }
}
