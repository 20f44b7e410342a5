import CLZ4

/// The LZ4 frame format, as Kafka uses it: version 01, independent blocks (FLG 0x60, BD 0x40 when written).
enum LZ4 {
    private static func preferences(level: Int?) -> LZ4F_preferences_t {
        var preferences = LZ4F_preferences_t()
        preferences.frameInfo.blockSizeID = LZ4F_max64KB
        preferences.frameInfo.blockMode = LZ4F_blockIndependent
        preferences.compressionLevel = Int32(clamping: level ?? 0)
        return preferences
    }

    static func bound(_ count: Int) -> Int {
        var preferences = preferences(level: nil)
        // Safety: `preferences` outlives the call.
        return unsafe LZ4F_compressFrameBound(count, &preferences)
    }

    static func compress(
        _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, level: Int?
    ) throws(RecordError) -> Int {
        var preferences = preferences(level: level)
        // Safety: the library stays within the two regions, whose sizes it is given.
        let count = unsafe LZ4F_compressFrame(
            room.baseAddress, room.count, input.baseAddress, input.count, &preferences)
        guard LZ4F_isError(count) == 0 else { throw failure("lz4 cannot compress", count) }
        return count
    }

    static func decompress(_ bytes: RawSpan, limit: Int) throws(RecordError) -> [UInt8] {
        try refuseLinkedBlocks(bytes)
        var context: OpaquePointer?
        // Safety: created here, freed on every way out.
        let created = unsafe LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))
        guard LZ4F_isError(created) == 0 else { throw failure("lz4 cannot begin", created) }
        defer { unsafe LZ4F_freeDecompressionContext(context) }
        var output = GrowingOutput(limit: limit, expecting: bytes.byteCount &* 4)
        var position = 0
        while true {
            let rest = bytes.extracting(position..<bytes.byteCount)
            var consumed = rest.byteCount
            // Safety: the library reads `consumed` and writes `produced` bytes at most, and says how many it did.
            let hint = try unsafe rest.withUnsafeBytes { (input) throws(RecordError) in
                try unsafe output.extend { room in
                    var produced = room.count
                    let hint = unsafe LZ4F_decompress(
                        context, room.baseAddress, &produced, input.baseAddress, &consumed, nil)
                    return (produced, hint)
                }
            }
            guard LZ4F_isError(hint.result) == 0 else { throw failure("lz4", hint.result) }
            position += consumed
            if hint.result == 0 { break }
            guard consumed > 0 || hint.produced > 0 else { throw .corrupt("the lz4 frame ends early") }
        }
        guard position == bytes.byteCount else {
            throw .corrupt("\(bytes.byteCount - position) bytes after the lz4 frame")
        }
        return output.finish()
    }

    /// Java's reader refuses frames whose blocks refer to one another: they must not get into a log.
    private static func refuseLinkedBlocks(_ bytes: RawSpan) throws(RecordError) {
        guard bytes.byteCount >= 7 else { throw .truncated(needed: 7, remaining: bytes.byteCount) }
        guard bytes.integer(0, as: UInt32.self) == 0x0422_4d18 else { throw .corrupt("not an lz4 frame") }
        guard bytes.byte(4) & 0x20 != 0 else { throw .corrupt("the blocks of the lz4 frame are not independent") }
        guard bytes.byte(4) & 0x01 == 0 else { throw .corrupt("the lz4 frame needs a dictionary") }
    }

    private static func failure(_ what: String, _ code: Int) -> RecordError {
        // Safety: the name is a constant of the library.
        unsafe .corrupt("\(what): \(String(cString: LZ4F_getErrorName(code)))")
    }
}
