import CSnappy

/// Snappy in the "xerial" stream that Kafka's clients share: magic, two versions, then length-prefixed raw blocks.
/// librdkafka writes one bare raw block instead; both are read.
/// ```
/// offset  0, size 8, 82 'S' 'N' 'A' 'P' 'P' 'Y' 00
/// offset  8, size 4, version 1
/// offset 12, size 4, oldest version that can read it, 1
/// offset 16        , blocks: size 4, length; a raw snappy block
/// ```
enum Snappy {
    private static let magic: UInt64 = 0x8253_4e41_5050_5900
    private static let headerSize = 16
    /// Bytes of input per block, as in Java.
    private static let blockSize = 32 << 10
    /// A copy of 64 bytes takes three: no raw block can grow more than this.
    private static let largestGrowth = 22

    static func bound(_ count: Int) -> Int {
        let blocks = (count + blockSize - 1) / blockSize
        // A raw block takes at most 32 + n + n/6 bytes (snappy_max_compressed_length).
        return headerSize + blocks * (4 + 33) + count + count / 6
    }

    static func compress(
        _ input: UnsafeRawBufferPointer, _ room: UnsafeMutableRawBufferPointer
    ) throws(RecordError) -> Int {
        // Safety (here and below): `room` has ``bound(_:)`` bytes, which covers the header and every block.
        unsafe room.storeBytes(of: magic.bigEndian, toByteOffset: 0, as: UInt64.self)
        unsafe room.storeBytes(of: UInt32(1).bigEndian, toByteOffset: 8, as: UInt32.self)
        unsafe room.storeBytes(of: UInt32(1).bigEndian, toByteOffset: 12, as: UInt32.self)
        var end = headerSize
        var start = 0
        while start < input.count {
            let size = min(blockSize, input.count - start)
            let block = unsafe UnsafeRawBufferPointer(rebasing: input[start..<start + size])
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: room[(end + 4)...])
            var written = free.count
            let status = unsafe snappy_compress(
                block.baseAddress?.assumingMemoryBound(to: CChar.self), size,
                free.baseAddress?.assumingMemoryBound(to: CChar.self), &written)
            guard status == SNAPPY_OK else { throw .corrupt("snappy cannot compress: status \(status.rawValue)") }
            unsafe room.storeBytes(of: UInt32(written).bigEndian, toByteOffset: end, as: UInt32.self)
            end += 4 + written
            start += size
        }
        return end
    }

    static func decompress(_ bytes: RawSpan, limit: Int) throws(RecordError) -> [UInt8] {
        var output: [UInt8] = []
        guard bytes.byteCount >= 8, bytes.integer(0, as: UInt64.self) == magic else {
            try append(bytes, to: &output, limit: limit)
            return output
        }
        guard bytes.byteCount >= headerSize else { throw .truncated(needed: headerSize, remaining: bytes.byteCount) }
        var position = headerSize
        while position < bytes.byteCount {
            guard bytes.byteCount - position >= 4 else {
                throw .truncated(needed: 4, remaining: bytes.byteCount - position)
            }
            let size = Int(bytes.integer(position, as: Int32.self))
            position += 4
            guard size > 0 else { throw .corrupt("a snappy block of \(size) bytes") }
            guard size <= bytes.byteCount - position else {
                throw .truncated(needed: size, remaining: bytes.byteCount - position)
            }
            try append(bytes.extracting(position..<position + size), to: &output, limit: limit)
            position += size
        }
        return output
    }

    /// Decompresses one raw block behind what is there.
    private static func append(_ block: RawSpan, to output: inout [UInt8], limit: Int) throws(RecordError) {
        // Safety: the pointer is used within the call only.
        try unsafe block.withUnsafeBytes { (input) throws(RecordError) in
            let source = unsafe input.baseAddress?.assumingMemoryBound(to: CChar.self)
            var size = 0
            guard unsafe snappy_uncompressed_length(source, input.count, &size) == SNAPPY_OK else {
                throw .corrupt("not a snappy block")
            }
            guard size <= limit - output.count else { throw .tooLarge(size: size, limit: limit - output.count) }
            guard size <= input.count * largestGrowth else {
                throw .corrupt("a snappy block of \(input.count) bytes claims \(size)")
            }
            // Checked before anything of that size is allocated: the claim is only a claim.
            guard unsafe snappy_validate_compressed_buffer(source, input.count) == SNAPPY_OK else {
                throw .corrupt("a broken snappy block")
            }
            let start = output.count
            output += [UInt8](repeating: 0, count: size)
            // Safety: `size` bytes were added behind `start`, which is what the library is told.
            let status = unsafe output.withUnsafeMutableBytes { all in
                var room = size
                let target = unsafe all.baseAddress?.assumingMemoryBound(to: CChar.self)
                return unsafe snappy_uncompress(source, input.count, target.map { unsafe $0 + start }, &room)
            }
            guard status == SNAPPY_OK else { throw .corrupt("a broken snappy block") }
        }
    }
}
