/// Writes what ``ByteReader`` reads, into an array that grows.
package struct ByteWriter: Sendable {
    /// What was written so far.
    package var bytes: [UInt8]

    @inlinable
    package init(reserving capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    @inlinable
    package var count: Int { bytes.count }

    @inlinable
    package mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        var shift = MemoryLayout<Value>.size * 8
        while shift > 0 {
            shift -= 8
            bytes.append(UInt8(truncatingIfNeeded: value >> Value(truncatingIfNeeded: shift)))
        }
    }

    /// An IEEE 754 double, as Kafka's `float64`.
    @inlinable
    package mutating func writeFloat64(_ value: Double) { write(value.bitPattern) }

    @inlinable
    package mutating func writeUnsignedVarint(_ value: UInt32) { writeGroups(UInt64(value)) }

    /// Zigzag.
    @inlinable
    package mutating func writeVarint(_ value: Int32) {
        writeGroups(UInt64(UInt32(bitPattern: value << 1 ^ value >> 31)))
    }

    /// Zigzag.
    @inlinable
    package mutating func writeVarlong(_ value: Int64) { writeGroups(UInt64(bitPattern: value << 1 ^ value >> 63)) }

    @inlinable
    package mutating func append(contentsOf more: some Sequence<UInt8>) { bytes.append(contentsOf: more) }

    /// Overwrites the integer that begins at `position`: for lengths that are known only afterwards.
    @inlinable
    package mutating func patch<Value: FixedWidthInteger>(_ value: Value, at position: Int) {
        let size = MemoryLayout<Value>.size
        for offset in 0..<size {
            let shift = Value(truncatingIfNeeded: (size - 1 - offset) * 8)
            bytes[position + offset] = UInt8(truncatingIfNeeded: value >> shift)
        }
    }

    @inlinable
    mutating func writeGroups(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
