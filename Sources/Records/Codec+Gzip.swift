import CZlib

/// RFC 1952 members. One is written; several in a row are read, as Java's reader does.
enum Gzip {
    /// 15 bits of window, plus 16: the gzip wrapper.
    private static let windowBits: Int32 = 15 + 16

    static func bound(_ count: Int) -> Int {
        // deflateBound's conservative formula for any state, plus the wrapper.
        count + (count >> 3) + (count >> 8) + 64
    }

    static func compress(
        _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, level: Int?
    ) throws(RecordError) -> Int {
        guard input.count <= UInt32.max, room.count <= UInt32.max else {
            throw .tooLarge(size: input.count, limit: Int(UInt32.max))
        }
        var stream = unsafe z_stream()
        // The other libraries do this themselves; zlib refuses.
        let level = level.map { Int32(max(1, min(9, $0))) } ?? Z_DEFAULT_COMPRESSION
        // Safety: `stream` is zeroed, as deflateInit2_ demands, stays where it is, and is ended below.
        let begun = unsafe deflateInit2_(
            &stream, level, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard begun == Z_OK else { throw .corrupt("gzip cannot begin: error \(begun)") }
        defer { _ = unsafe deflateEnd(&stream) }
        // Safety: zlib does not write to its input, whatever its type says, and stays within both counts.
        unsafe stream.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.avail_in = UInt32(input.count)
        unsafe stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
        unsafe stream.avail_out = UInt32(room.count)
        let ended = unsafe deflate(&stream, Z_FINISH)
        guard ended == Z_STREAM_END else { throw .corrupt("gzip cannot compress: error \(ended)") }
        return unsafe room.count - Int(stream.avail_out)
    }

    static func decompress(_ bytes: RawSpan, limit: Int) throws(RecordError) -> [UInt8] {
        guard bytes.byteCount <= UInt32.max else { throw .tooLarge(size: bytes.byteCount, limit: Int(UInt32.max)) }
        // Safety: the pointer is used within the call only.
        return try unsafe bytes.withUnsafeBytes { (input) throws(RecordError) in
            try unsafe inflateAll(input, limit: limit)
        }
    }

    private static func inflateAll(_ input: UnsafeRawBufferPointer, limit: Int) throws(RecordError) -> [UInt8] {
        var stream = unsafe z_stream()
        // Safety: `stream` is zeroed, as inflateInit2_ demands, stays where it is, and is ended below.
        let begun = unsafe inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard begun == Z_OK else { throw .corrupt("gzip cannot begin: error \(begun)") }
        defer { _ = unsafe inflateEnd(&stream) }
        // Safety: zlib does not write to its input, whatever its type says, and stays within the count.
        unsafe stream.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        unsafe stream.avail_in = UInt32(input.count)
        var output = GrowingOutput(limit: limit, expecting: input.count &* 4)
        while true {
            // Safety: the room is as large as zlib is told.
            let step = try unsafe output.extend { room in
                unsafe stream.next_out = room.baseAddress?.assumingMemoryBound(to: UInt8.self)
                unsafe stream.avail_out = UInt32(clamping: room.count)
                let result = unsafe inflate(&stream, Z_NO_FLUSH)
                return unsafe (Int(UInt32(clamping: room.count) - stream.avail_out), result)
            }
            switch step.result {
            case Z_STREAM_END:
                guard unsafe stream.avail_in > 0 else { return output.finish() }
                // Safety: the stream is valid; what follows is read as another member.
                unsafe inflateReset(&stream)
            case Z_OK: continue
            case Z_BUF_ERROR: throw .corrupt("the gzip stream ends early")
            default: throw .corrupt("gzip: error \(step.result)")
            }
        }
    }
}
