/// Zigzag varints on raw memory, for the hot path.
enum Varint {
    @inline(__always)
    static func zigzag(_ value: Int64) -> UInt64 { UInt64(bitPattern: value &<< 1 ^ value &>> 63) }

    /// Bytes that `put` writes: one for each seven bits.
    static func size(_ value: UInt64) -> Int { (64 &- (value | 1).leadingZeroBitCount &+ 6) / 7 }

    /// As ``size(_:)``, for less than 0x4000.
    @inline(__always)
    static func smallSize(_ value: UInt64) -> Int { value < 0x80 ? 1 : 2 }

    /// Writes at `next`, where ``size(_:)`` bytes are the caller's, and moves it behind them.
    static func put(_ value: UInt64, at next: inout UnsafeMutableRawPointer) {
        var rest = value
        // Safety: one byte for each seven bits is written, which the caller has made room for.
        while rest >= 0x80 {
            unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: rest) | 0x80, as: UInt8.self)
            unsafe next += 1
            rest &>>= 7
        }
        unsafe next.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        unsafe next += 1
    }

    /// As ``put(_:at:)``, for less than 0x4000: two bytes are stored, of which one may not count.
    @inline(__always)
    static func putSmall(_ value: UInt64, at next: inout UnsafeMutableRawPointer) {
        let two = value & 0x7f | 0x80 | value &<< 1 & 0x7f00
        let bytes = UInt16(truncatingIfNeeded: value < 0x80 ? value : two)
        // Safety: the caller has room for the varint, and slack behind it.
        unsafe next.storeBytes(of: bytes.littleEndian, as: UInt16.self)
        unsafe next += smallSize(value)
    }
}
