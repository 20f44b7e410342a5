import Records
import TestSupport
import Testing

@Suite("Broken batches")
struct BrokenBatchTests {
    static let records = [
        Record(
            timestamp: 1_700_000_000_000, key: Array("k0".utf8), value: Array("hello".utf8),
            headers: [Header(name: "h1", value: Array("v1".utf8)), Header(name: "h2", value: nil)]),
        Record(timestamp: 1_700_000_000_001, value: Array(String(repeating: "abc", count: 20).utf8)),
        Record(timestamp: 1_700_000_000_005, key: Array("k2".utf8), value: nil),
    ]

    static func batch(_ codec: Codec) throws -> [UInt8] { copy(try RecordBatch.encode(records, codec: codec)) }

    private func decode(_ bytes: [UInt8], limit: Int = 1 << 20) throws(RecordError) -> [Record] {
        try RecordBatch.decode(bytes.rawSpan, limit: limit).1
    }

    private func validate(_ bytes: [UInt8], limit: Int = 1 << 20) throws(RecordError) -> BatchHeader {
        try RecordBatch.validate(bytes.rawSpan, limit: limit).header
    }

    private func header(_ bytes: [UInt8]) throws(RecordError) -> BatchHeader {
        try BatchHeader(parsing: bytes.rawSpan)
    }

    /// The bytes with a CRC that is right again, so that what is behind it is reached.
    private func signed(_ bytes: [UInt8]) -> [UInt8] {
        let covered = bytes[21...]
        var writer = ByteWriter()
        writer.bytes = bytes
        writer.patch(crc32c(covered.rawSpan), at: 17)
        return writer.bytes
    }

    private func signed<Value: FixedWidthInteger>(_ bytes: [UInt8], _ value: Value, at position: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes = bytes
        writer.patch(value, at: position)
        return signed(writer.bytes)
    }

    @Test("one flipped bit is found, unless the log owns its field", arguments: Codec.allCases)
    func bitFlips(_ codec: Codec) throws {
        let bytes = try Self.batch(codec)
        for position in bytes.indices {
            for bit in 0..<8 {
                var broken = bytes
                broken[position] ^= 1 << UInt8(bit)
                if position < 8 || (12..<16).contains(position) {
                    // Base offset and leader epoch are not covered by the CRC: only the offsets may differ.
                    let records = (try? decode(broken)) ?? []
                    #expect(records.isEmpty || records.map(\.value) == Self.records.map(\.value))
                } else {
                    #expect(throws: RecordError.self, "byte \(position) bit \(bit)") { try decode(broken) }
                    #expect(throws: RecordError.self, "byte \(position) bit \(bit)") { try validate(broken) }
                }
            }
        }
    }

    @Test("every truncation and every addition is refused", arguments: Codec.allCases)
    func truncations(_ codec: Codec) throws {
        let bytes = try Self.batch(codec)
        for count in bytes.indices {
            let part = Array(bytes[..<count])
            #expect(throws: RecordError.self) { try decode(part) }
            #expect(throws: RecordError.self) { try validate(part) }
            #expect(throws: RecordError.self) { try EncodedBatch(copying: part[...]) }
            if count < BatchHeader.size {
                #expect(throws: RecordError.truncated(needed: 61, remaining: count)) { try header(part) }
            }
        }
        #expect(throws: RecordError.corrupt("1 bytes after the batch")) { try decode(bytes + [0]) }
        #expect(throws: RecordError.corrupt("1 bytes after the batch")) {
            try EncodedBatch(copying: (bytes + [0])[...])
        }
    }

    @Test("a wrong CRC, magic or codec number is named")
    func named() throws {
        let bytes = try Self.batch(.none)
        var broken = bytes
        broken[70] ^= 1
        let stored = try header(bytes).crc
        let covered = broken[21...]
        let computed = crc32c(covered.rawSpan)
        #expect(throws: RecordError.crcMismatch(stored: stored, computed: computed)) {
            try decode(broken)
        }
        for magic in [Int8(0), 1, 3, -1] {
            #expect(throws: RecordError.unsupportedMagic(magic)) { try decode(signed(bytes, magic, at: 16)) }
        }
        for codec in Int16(5)...7 {
            #expect(throws: RecordError.unsupportedCodec(UInt8(codec))) { try decode(signed(bytes, codec, at: 21)) }
        }
    }

    @Test("counts, deltas and lengths that lie under a right CRC are refused", arguments: Codec.allCases)
    func lies(_ codec: Codec) throws {
        let bytes = try Self.batch(codec)
        for count in [Int32.min, -1, 0, 1, 2, 4, 1000, .max] {
            #expect(throws: RecordError.self, "\(count) records") { try validate(signed(bytes, count, at: 57)) }
            let both = signed(signed(bytes, count, at: 57), Int32.max, at: 23)
            #expect(throws: RecordError.self, "\(count) records") { try decode(both) }
        }
        for delta in [Int32.min, -1, 0, 1] {
            #expect(throws: RecordError.self, "last offset delta \(delta)") {
                try validate(signed(bytes, delta, at: 23))
            }
        }
        for length in [Int32.min, -1, 0, 48, Int32(bytes.count - 13), Int32(bytes.count - 11), .max] {
            #expect(throws: RecordError.self, "length \(length)") { try validate(signed(bytes, length, at: 8)) }
        }
        for base in [Int64.min, -1, .max, .max - 2] {
            #expect(throws: RecordError.self, "base offset \(base)") { try validate(signed(bytes, base, at: 0)) }
        }
        // Wider offsets than records are what compaction leaves: these are right.
        #expect(try decode(signed(bytes, Int32(9), at: 23)).count == 3)
    }

    @Test("an empty batch that compaction left is read, with records behind it it is refused")
    func empty() throws {
        let header = try header(Self.batch(.none))
        let empty = copy(try RecordBatch.encode([], as: header, codec: .lz4))
        #expect(empty.count == BatchHeader.size)
        #expect(try decode(empty).isEmpty)
        #expect(try validate(empty).nextOffset == 3)
        #expect(throws: RecordError.self) { try decode(signed(signed(empty + [0], Int32(50), at: 8))) }
    }

    @Test("a bomb ends at the limit", arguments: Codec.allCases)
    func bombs(_ codec: Codec) throws {
        let bomb = [Record(timestamp: 0, value: [UInt8](repeating: 0, count: 2 << 20))]
        let bytes = copy(try RecordBatch.encode(bomb, codec: codec))
        for limit in [0, 1000, 1 << 20, 2 << 20] {
            let error = #expect(throws: RecordError.self) { try decode(bytes, limit: limit) }
            guard case .tooLarge = error else {
                Issue.record("\(codec.name) with \(limit): \(String(describing: error))")
                continue
            }
        }
        #expect(try decode(bytes, limit: 3 << 20) == bomb)
    }

    @Test(
        "damage under a right CRC never traps, and is judged alike by decode and validate", arguments: Codec.allCases,
        Seeds.some(20))
    func damage(_ codec: Codec, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bytes = try Self.batch(codec)
        for _ in 0..<300 {
            var broken = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let position = Int.random(in: 21..<broken.count, using: &random)
                broken[position] =
                    [0, 1, 0x7f, 0x80, 0xff, UInt8.random(in: 0...255, using: &random)]
                    .randomElement(using: &random) ?? 0
            }
            broken = signed(broken)
            let decoded = Result { () throws(RecordError) in try decode(broken, limit: 100_000) }
            let validated = Result { () throws(RecordError) in try validate(broken, limit: 100_000) }
            switch (decoded, validated) {
            case (.success(let records), .success(let header)): #expect(records.count == Int(header.recordsCount))
            case (.failure(let one), .failure(let other)): #expect(one == other)
            case (.success, .failure), (.failure, .success): Issue.record("\(decoded) but \(validated): \(broken)")
            }
        }
    }
}
