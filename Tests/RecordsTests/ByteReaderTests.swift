import Records
import TestSupport
import Testing

@Suite("Reading and writing bytes")
struct ByteReaderTests {
    private static let edges: [Int64] = (0..<64).flatMap { bit -> [Int64] in
        let power = Int64(bitPattern: 1 << UInt64(bit))
        return [power, power &- 1, power &+ 1, 0 &- power, ~power]
    }

    @Test("every integer is read back as it was written")
    func integers() throws {
        for value in Self.edges {
            var writer = ByteWriter()
            writer.write(value)
            writer.write(Int32(truncatingIfNeeded: value))
            writer.write(UInt16(truncatingIfNeeded: value))
            writer.write(Int8(truncatingIfNeeded: value))
            writer.writeVarlong(value)
            writer.writeVarint(Int32(truncatingIfNeeded: value))
            writer.writeUnsignedVarint(UInt32(truncatingIfNeeded: value))
            writer.writeFloat64(Double(value))
            var reader = ByteReader(writer.bytes)
            #expect(try reader.read(Int64.self) == value)
            #expect(try reader.read(Int32.self) == Int32(truncatingIfNeeded: value))
            #expect(try reader.read(UInt16.self) == UInt16(truncatingIfNeeded: value))
            #expect(try reader.read(Int8.self) == Int8(truncatingIfNeeded: value))
            #expect(try reader.readVarlong() == value)
            #expect(try reader.readVarint() == Int32(truncatingIfNeeded: value))
            #expect(try reader.readUnsignedVarint() == UInt32(truncatingIfNeeded: value))
            #expect(try reader.readFloat64() == Double(value))
            #expect(reader.remaining == 0)
        }
    }

    @Test("integers are big-endian and varints are Kafka's")
    func layout() {
        var writer = ByteWriter()
        writer.write(Int32(0x0102_0304))
        writer.writeVarint(-1)
        writer.writeVarint(150)
        writer.writeUnsignedVarint(300)
        #expect(writer.bytes == [1, 2, 3, 4, 1, 0xac, 2, 0xac, 2])
    }

    @Test("refuses every proper prefix of an Int64 and stays where it was", arguments: 0..<8)
    func prefixes(_ count: Int) {
        var reader = ByteReader([UInt8](repeating: 1, count: count))
        #expect(throws: RecordError.truncated(needed: 8, remaining: count)) { try reader.read(Int64.self) }
        #expect(reader.position == 0)
    }

    @Test("refuses a varint that ends early or is too long, and stays where it was")
    func varints() {
        for count in 0...10 {
            var reader = ByteReader([UInt8](repeating: 0x80, count: count))
            #expect(throws: RecordError.self) { try reader.readVarlong() }
            #expect(throws: RecordError.self) { try reader.readVarint() }
            #expect(reader.position == 0)
        }
        var large = ByteReader([0xff, 0xff, 0xff, 0xff, 0x1f])
        #expect(throws: RecordError.corrupt("a varint has more than 32 bits")) { try large.readUnsignedVarint() }
        #expect(large.position == 0)
    }

    @Test("refuses negative and too large lengths")
    func lengths() {
        var reader = ByteReader([1, 2, 3][1...])
        #expect(throws: RecordError.corrupt("negative length -1")) { try reader.readBytes(-1) }
        #expect(throws: RecordError.truncated(needed: .max, remaining: 2)) { try reader.skip(.max) }
        #expect(throws: RecordError.truncated(needed: 3, remaining: 2)) { try reader.readString(3) }
        #expect(try! reader.readBytes(2) == [2, 3])
    }

    @Test("a string that is not UTF-8 is an error")
    func strings() throws {
        var reader = ByteReader([0x61, 0xff])
        #expect(throws: RecordError.corrupt("a string is not UTF-8")) { try reader.readString(2) }
        #expect(try reader.readString(1) == "a")
    }

    @Test("patches an integer that was written before")
    func patches() {
        var writer = ByteWriter()
        writer.write(Int32(0))
        writer.write(Int16(-1))
        writer.patch(Int32(0x0102_0304), at: 0)
        #expect(writer.bytes == [1, 2, 3, 4, 0xff, 0xff])
    }
}
