import CZstd

/// Zstandard frames.
enum Zstd {
    static func bound(_ count: Int) -> Int { ZSTD_compressBound(count) }

    static func compress(
        _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer, level: Int?, with context: ZstdContext
    ) throws(RecordError) -> Int {
        guard let raw = unsafe context.raw else { throw .corrupt("zstd cannot begin: no memory") }
        // Safety: the library stays within the two regions, whose sizes it is given.
        let count = unsafe ZSTD_compressCCtx(
            raw, room.baseAddress, room.count, input.baseAddress, input.count, Int32(clamping: level ?? 3))
        guard ZSTD_isError(count) == 0 else { throw failure("zstd cannot compress", count) }
        return count
    }

    /// In one piece, with room that grows until the frame fits: a stream would allocate whatever window the frame claims.
    static func decompress(_ bytes: RawSpan, limit: Int) throws(RecordError) -> [UInt8] {
        guard !bytes.isEmpty else { throw .truncated(needed: 1, remaining: 0) }
        // Safety: the pointer is used within the call only.
        return try unsafe bytes.withUnsafeBytes { (input) throws(RecordError) in
            var room = min(limit, unsafe firstGuess(input))
            while true {
                let (output, code) = unsafe attempt(input, room: room)
                guard ZSTD_isError(code) != 0 else { return output }
                guard ZSTD_getErrorCode(code) == ZSTD_error_dstSize_tooSmall else { throw failure("zstd", code) }
                guard room < limit else { throw .tooLarge(size: room + 1, limit: limit) }
                room = min(limit, max(1024, room) * 4)
            }
        }
    }

    private static func attempt(_ input: UnsafeRawBufferPointer, room: Int) -> (output: [UInt8], code: Int) {
        var code = 0
        let output = unsafe [UInt8](unsafeUninitializedCapacity: max(1, room)) { target, count in
            // Safety: the library writes `room` bytes at most, and says how many it did.
            code = unsafe ZSTD_decompress(target.baseAddress, room, input.baseAddress, input.count)
            count = ZSTD_isError(code) == 0 ? code : 0
        }
        return (output, code)
    }

    /// What the frame claims, if it is likely; four times its size otherwise.
    private static func firstGuess(_ input: UnsafeRawBufferPointer) -> Int {
        let plain = max(1024, input.count &* 4)
        // Safety: reads at most `count` bytes.
        let claimed = unsafe ZSTD_getFrameContentSize(input.baseAddress, input.count)
        guard claimed <= UInt64(plain &* 16) else { return plain }
        return Int(claimed)
    }

    private static func failure(_ what: String, _ code: Int) -> RecordError {
        // Safety: the name is a constant of the library.
        unsafe .corrupt("\(what): \(String(cString: ZSTD_getErrorName(code)))")
    }
}

/// The compressor's working memory, more than a megabyte: made anew for each batch it costs as much as the batch.
@safe
final class ZstdContext: @unchecked Sendable {  // one thread at a time: it is taken from a pool and given back
    /// nil if there was no memory.
    fileprivate let raw: OpaquePointer?

    init() {
        // Safety: freed in `deinit` only.
        unsafe raw = ZSTD_createCCtx()
    }

    deinit {
        // Safety: created in `init`; nil is allowed.
        unsafe ZSTD_freeCCtx(raw)
    }
}
