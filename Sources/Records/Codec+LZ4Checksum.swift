extension LZ4 {
    /// A copy of a frame with the right header checksum, whatever stood there: Java's writers of old messages (format 0)
    /// took the frame's magic number in, and their readers never looked.
    /// ```
    /// offset 4, size 1, FLG: bit 3 says that a content size follows BD, bit 0 a dictionary's number
    /// offset 5, size 1, BD
    ///           size 0 or 8, content size; size 0 or 4, dictionary
    ///    then   size 1, checksum: the second byte of XXH32 from FLG up to here
    /// ```
    static func withHeaderChecksum(_ bytes: RawSpan) -> [UInt8] {
        var copy = bytes.array(0, bytes.byteCount)
        guard copy.count > 4 else { return copy }
        let end = 6 + (copy[4] & 0x08 != 0 ? 8 : 0) + (copy[4] & 0x01 != 0 ? 4 : 0)
        // What is too short is refused by whoever decompresses it.
        guard copy.count > end else { return copy }
        copy[end] = UInt8(truncatingIfNeeded: xxh32(copy[4..<end]) >> 8)
        return copy
    }

    /// XXH32 with seed 0 of fewer than 16 bytes.
    private static func xxh32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        precondition(bytes.count < 16, "longer input is hashed in stripes")
        let primes: [UInt32] = [2_654_435_761, 2_246_822_519, 3_266_489_917, 668_265_263, 374_761_393]
        var hash = primes[4] &+ UInt32(bytes.count)
        var rest = bytes
        while rest.count >= 4 {
            let word = rest.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
            hash = rotated(hash &+ word &* primes[2], 17) &* primes[3]
            rest = rest.dropFirst(4)
        }
        for byte in rest { hash = rotated(hash &+ UInt32(byte) &* primes[4], 11) &* primes[0] }
        hash = (hash ^ hash >> 15) &* primes[1]
        hash = (hash ^ hash >> 13) &* primes[2]
        return hash ^ hash >> 16
    }

    private static func rotated(_ value: UInt32, _ bits: UInt32) -> UInt32 { value << bits | value >> (32 - bits) }
}
