/// Checked reads at a place in raw bytes: what parses records, where a ``ByteReader`` would first need an array.
extension RawSpan {
    /// The byte at `position`, which must be in bounds (traps otherwise).
    @inline(__always)
    func byte(_ position: Int) -> UInt8 {
        // Safety: `unsafeLoad` checks bounds; every bit pattern is a UInt8.
        unsafe unsafeLoad(fromByteOffset: position, as: UInt8.self)
    }

    /// The big-endian integer at `position`, which must be in bounds (traps otherwise).
    @inline(__always)
    func integer<Value: FixedWidthInteger & BitwiseCopyable>(_ position: Int, as: Value.Type = Value.self) -> Value {
        // Safety: `unsafeLoadUnaligned` checks bounds; every bit pattern is an integer.
        unsafe Value(bigEndian: unsafeLoadUnaligned(fromByteOffset: position, as: Value.self))
    }

    /// Reads a zigzag varint of at most ten bytes and moves `position` behind it; on failure `position` stays.
    @inline(__always)
    func varlong(_ position: inout Int) throws(RecordError) -> Int64 {
        if position < byteCount {
            let first = byte(position)
            if first < 0x80 {
                position += 1
                return Int64(first >> 1) ^ -Int64(first & 1)
            }
        }
        return try longVarlong(&position)
    }

    /// As ``varlong(_:)``, for values that Kafka declares 32 bits wide.
    @inline(__always)
    func varint(_ position: inout Int) throws(RecordError) -> Int {
        let start = position
        let value = try varlong(&position)
        guard Int64(Int32(truncatingIfNeeded: value)) == value else {
            position = start
            throw .corrupt("a varint has more than 32 bits")
        }
        return Int(value)
    }

    private func longVarlong(_ position: inout Int) throws(RecordError) -> Int64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var next = position
        while shift < 64 {
            guard next < byteCount else {
                throw .truncated(needed: next - position + 1, remaining: byteCount - position)
            }
            let group = byte(next)
            next += 1
            guard shift < 63 || group <= 1 else { break }
            value |= UInt64(group & 0x7f) << shift
            guard group & 0x80 != 0 else {
                position = next
                return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
            }
            shift += 7
        }
        throw .corrupt("a varint has more than 64 bits")
    }

    /// A copy of `count` bytes from `position`, which must be in bounds (traps otherwise).
    func array(_ position: Int, _ count: Int) -> [UInt8] {
        // Safety: `extracting` checks bounds; the copy is made before the pointer ends.
        unsafe extracting(position..<position + count).withUnsafeBytes { unsafe Array($0) }
    }
}
