/// Kafka's default hash of keys: murmur2 with the seed of the Java client.
///
/// The partition of a key is `(hash & 0x7fffffff) % partitions`; the empty key is a key like any other.
package func murmur2(_ bytes: RawSpan) -> UInt32 {
    // Safety: the pointer covers `count` bytes and is used within the call only.
    unsafe bytes.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return Murmur2.emptyHash }
        return unsafe Murmur2.hash(base, bytes.count)
    }
}

enum Murmur2 {
    private static let seed: UInt32 = 0x9747_b28c
    private static let multiplier: UInt32 = 0x5bd1_e995
    static let emptyHash = finish(seed)

    /// - Parameter bytes: `count` readable bytes.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt32 {
        let words = count & ~3
        var last: UInt32 = 0
        for position in words..<count {
            // Safety: `position < count`.
            last |= unsafe UInt32(bytes.load(fromByteOffset: position, as: UInt8.self)) &<< (UInt32(position & 3) &* 8)
        }
        return unsafe hash(bytes, count, last: last)
    }

    /// As ``hash(_:_:)``, with three more readable bytes behind: the last word is then read as one.
    @inline(__always)
    static func hashWithSlack(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt32 {
        // Safety: `count & ~3` and the three bytes of slack.
        let word = unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: count & ~3, as: UInt32.self))
        let kept = (1 &<< (UInt32(truncatingIfNeeded: count & 3) &* 8)) &- 1 as UInt32
        return unsafe hash(bytes, count, last: word & kept)
    }

    /// - Parameter last: the one to three bytes behind the last whole word, 0 if there are none.
    @inline(__always)
    private static func hash(_ bytes: UnsafeRawPointer, _ count: Int, last: UInt32) -> UInt32 {
        var hash = seed ^ UInt32(truncatingIfNeeded: count)
        var position = 0
        while position < count & ~3 {
            // Safety: the loop's condition keeps four bytes from `position` within `count`.
            var word = unsafe UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            word = word &* multiplier
            word ^= word >> 24
            hash = hash &* multiplier ^ word &* multiplier
            position &+= 4
        }
        if count & 3 != 0 { hash = (hash ^ last) &* multiplier }
        return finish(hash)
    }

    @inline(__always)
    private static func finish(_ hash: UInt32) -> UInt32 {
        let mixed = (hash ^ hash >> 13) &* multiplier
        return mixed ^ mixed >> 15
    }
}
