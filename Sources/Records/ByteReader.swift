/// A cursor over bytes from outside. Each read returns a value and advances by what it read, or throws and stays.
///
/// Integers are big-endian; varints are Kafka's (base-128 groups, least significant first; signed ones zigzag).
package struct ByteReader: Sendable {
    @usableFromInline let bytes: ArraySlice<UInt8>
    @usableFromInline var index: Int

    @inlinable
    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    @inlinable
    package init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// Bytes read so far.
    @inlinable
    package var position: Int { index - bytes.startIndex }

    /// Bytes not read yet.
    @inlinable
    package var remaining: Int { bytes.endIndex - index }

    @inlinable
    package mutating func read<Value: FixedWidthInteger>(
        _ type: Value.Type = Value.self
    ) throws(RecordError) -> Value {
        let size = MemoryLayout<Value>.size
        try require(size)
        var value: Value = 0
        for offset in 0..<size { value = value << 8 | Value(truncatingIfNeeded: bytes[index + offset]) }
        index += size
        return value
    }

    /// An IEEE 754 double, as Kafka's `float64`.
    @inlinable
    package mutating func readFloat64() throws(RecordError) -> Double { Double(bitPattern: try read()) }

    /// An unsigned varint of at most five bytes.
    @inlinable
    package mutating func readUnsignedVarint() throws(RecordError) -> UInt32 {
        UInt32(truncatingIfNeeded: try readGroups(bits: 32))
    }

    /// A zigzag varint of at most five bytes.
    @inlinable
    package mutating func readVarint() throws(RecordError) -> Int32 {
        let raw = try readUnsignedVarint()
        return Int32(bitPattern: raw >> 1) ^ -Int32(bitPattern: raw & 1)
    }

    /// A zigzag varint of at most ten bytes.
    @inlinable
    package mutating func readVarlong() throws(RecordError) -> Int64 {
        let raw = try readGroups(bits: 64)
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    /// The next `count` bytes, not copied.
    @inlinable
    package mutating func readBytes(_ count: Int) throws(RecordError) -> ArraySlice<UInt8> {
        try require(count)
        let result = bytes[index..<index + count]
        index += count
        return result
    }

    /// The next `count` bytes, which must be UTF-8.
    @inlinable
    package mutating func readString(_ count: Int) throws(RecordError) -> String {
        try require(count)
        guard let text = String(validating: bytes[index..<index + count], as: UTF8.self) else {
            throw .corrupt("a string is not UTF-8")
        }
        index += count
        return text
    }

    @inlinable
    package mutating func skip(_ count: Int) throws(RecordError) {
        try require(count)
        index += count
    }

    @inlinable
    func require(_ count: Int) throws(RecordError) {
        guard count >= 0 else { throw .corrupt("negative length \(count)") }
        guard count <= remaining else { throw .truncated(needed: count, remaining: remaining) }
    }

    /// Base-128 groups that together must fit `bits` bits.
    @inlinable
    mutating func readGroups(bits: Int) throws(RecordError) -> UInt64 {
        var value: UInt64 = 0
        var shift = 0
        var next = index
        while shift < bits {
            guard next < bytes.endIndex else {
                throw .truncated(needed: next - index + 1, remaining: remaining)
            }
            let byte = bytes[next]
            let group = UInt64(byte & 0x7f)
            guard shift + 7 <= bits || group >> UInt64(bits - shift) == 0 else { break }
            value |= group << UInt64(shift)
            next += 1
            guard byte & 0x80 != 0 else {
                index = next
                return value
            }
            shift += 7
        }
        throw .corrupt("a varint has more than \(bits) bits")
    }
}
