import Records
import TestSupport
import Testing

private let limit = 1 << 20

private func decode(_ bytes: [UInt8], limit: Int = limit) throws(RecordError) -> [Record] {
    try MessageSet.decode(bytes.rawSpan, limit: limit).records
}

private func count(_ bytes: [UInt8], limit: Int = limit) throws(RecordError) -> Int {
    try MessageSet.validate(bytes.rawSpan, limit: limit).count
}

private func convert(_ bytes: [UInt8], limit: Int = limit) throws(RecordError) -> [EncodedBatch] {
    try MessageSet.convertUp(bytes.rawSpan, limit: limit)
}

private func gzip(_ bytes: [UInt8]) throws(RecordError) -> [UInt8] { try Codec.gzip.compress(bytes.rawSpan) }

private func size(_ bytes: [UInt8]) throws(RecordError) -> Int { try MessageHeader(parsing: bytes.rawSpan).size }

/// The first entry with a CRC that is right again.
private func signed(_ bytes: [UInt8], size: Int) -> [UInt8] {
    let covered = Array(bytes[16..<size])
    var writer = ByteWriter()
    writer.bytes = bytes
    writer.patch(crc32(covered.rawSpan), at: 12)
    return writer.bytes
}

private func records(_ batches: [EncodedBatch]) throws(RecordError) -> [Record] {
    var all: [Record] = []
    for batch in batches { all += try RecordBatch.decode(batch.bytes, limit: limit).1 }
    return all
}

@Suite("Old message sets that other implementations wrote", .enabled(if: Shared.directory != nil, "\(Shared.missing)"))
struct OldMessageVectorTests {
    @Test("the list of expected message sets is read whole")
    func listIsThere() { #expect(Vectors.old.count == Shared.names(in: "vectors/legacy").count) }

    /// What the lz4 wrapper of format 0 holds, which the list leaves out.
    private func wanted(_ path: String, _ expected: Vectors.Batch) -> [Record] {
        let twin = "legacy/v0-gzip-wrapper-java.bin"
        let list = path.contains("v0-lz4") ? Vectors.expected[twin]?.first?.records : expected.records
        return (list ?? []).map(\.record)
    }

    @Test("decode to the fields and records that their own makers read", arguments: Vectors.old)
    func decodes(_ path: String) throws {
        var rest = try Vectors.file(path)[...]
        for expected in Vectors.expected[path] ?? [] {
            let bytes = rest.prefix(expected.size)
            rest = rest.dropFirst(expected.size)
            let (header, records) = try MessageSet.decode(bytes.rawSpan, limit: limit)
            #expect(header.size == expected.size)
            #expect(Int(header.magic) == expected.magic)
            #expect(header.offset == expected.offset)
            #expect(header.messageSize == expected.messageSize)
            #expect(header.crc == expected.crc32.flatMap { UInt32($0, radix: 16) })
            #expect(Int16(header.attributes) == expected.attributes)
            #expect(header.timestamp == expected.timestamp ?? -1)
            let wanted = self.wanted(path, expected)
            #expect(!wanted.isEmpty && records == wanted)
            #expect(try count(Array(bytes)) == wanted.count)
        }
        #expect(rest.isEmpty)
    }

    @Test("become batches with the same records at the same offsets", arguments: Vectors.old)
    func converts(_ path: String) throws {
        let bytes = try Vectors.file(path)
        let wanted = try #require(Vectors.expected[path]).flatMap { self.wanted(path, $0) }
        #expect(try records(convert(bytes)) == wanted)
    }

    @Test("our writer of old messages makes the same bytes", arguments: ["v0-none", "v1-none"])
    func writer(_ name: String) throws {
        let theirs = try Vectors.file("legacy/\(name)-java.bin")
        let record = Record(timestamp: 1_700_000_000_000, key: Array("k0".utf8), value: Array("hello".utf8))
        #expect(OldMessages.message(magic: name == "v0-none" ? 0 : 1, record) == theirs)
    }
}

@Suite("Old message sets")
struct OldMessageTests {
    static let codecs = [Codec.gzip, .snappy, .lz4]

    private func some(_ random: inout SeededGenerator, magic: Int8, from base: Offset) -> [Record] {
        var offset = base
        return (0..<Int.random(in: 1...12, using: &random)).map { _ in
            defer { offset += Int64.random(in: 1...3, using: &random) }
            return Record(
                offset: offset, timestamp: magic == 0 ? -1 : Int64.random(in: 0...2_000_000_000_000, using: &random),
                key: Bool.random(using: &random) ? nil : random.text(Int.random(in: 0...9, using: &random)),
                value: Int.random(in: 0..<4, using: &random) == 0
                    ? nil : random.text(Int.random(in: 0...300, using: &random)))
        }
    }

    /// Entries as a log has them, and the records that consumers see.
    private func log(_ random: inout SeededGenerator) throws -> (bytes: [UInt8], records: [Record]) {
        var bytes: [UInt8] = []
        var all: [Record] = []
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let magic = Int8.random(in: 0...1, using: &random)
            var some = some(&random, magic: magic, from: (all.last?.offset ?? -1) + 1)
            let stamp: Int64? = magic == 1 && Bool.random(using: &random) ? 1_700_000_000_000 : nil
            if let codec = Self.codecs.randomElement(using: &random), Bool.random(using: &random) {
                // An offset of 0 would make the wrapper look like produce data, which counts from 0 anyway.
                bytes += try OldMessages.wrapper(magic: magic, some, codec: codec, appendTime: stamp)
                for index in some.indices { if let stamp { some[index].timestamp = stamp } }
            } else {
                for index in some.indices {
                    if let stamp { some[index].timestamp = stamp + Int64(index / 3) }
                    bytes += OldMessages.message(magic: magic, some[index], attributes: stamp == nil ? 0 : 1 << 3)
                }
            }
            all += some
        }
        return (bytes, all)
    }

    @Test("what was written is read, and is the same after a conversion", arguments: Seeds.some(100))
    func roundTrip(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (bytes, wanted) = try log(&random)
        var rest = bytes[...]
        var read: [Record] = []
        while !rest.isEmpty {
            let size = try size(Array(rest))
            read += try decode(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        #expect(read == wanted)
        let batches = try convert(bytes)
        var next: Offset = 0
        for batch in batches {
            #expect(batch.header.baseOffset >= next)
            next = batch.header.nextOffset
            let largest = try RecordBatch.validate(batch.bytes, limit: limit).maxTimestamp
            #expect(largest == batch.header.maxTimestamp)
        }
        #expect(next == (wanted.last?.offset ?? -1) + 1)
        #expect(try records(batches) == wanted)
    }

    @Test("messages that stand alone share a batch, up to its size")
    func groups() throws {
        var bytes: [UInt8] = []
        for offset in Int64(0)..<300 {
            bytes += OldMessages.message(
                magic: 1, offset: offset * 2, timestamp: offset, key: nil, value: [UInt8](repeating: 1, count: 1000))
        }
        let batches = try convert(bytes)
        #expect(batches.count == 5)
        #expect(batches.allSatisfy { $0.size < 80_000 })
        let far =
            OldMessages.message(magic: 0, offset: 1, key: nil, value: nil)
            + OldMessages.message(magic: 0, offset: 1 << 40, key: nil, value: nil)
        #expect(try convert(far).map(\.header.baseOffset) == [1, 1 << 40])
    }

    @Test("log append time is one number for a batch")
    func appendTime() throws {
        let bytes = [Int64(5), 5, 6].enumerated().flatMap { offset, time in
            OldMessages.message(
                magic: 1, offset: Int64(offset), timestamp: time, key: nil, value: [1], attributes: 1 << 3)
        }
        let batches = try convert(bytes)
        #expect(batches.map(\.header.maxTimestamp) == [5, 6])
        #expect(batches.allSatisfy { $0.header.timestampType == .logAppendTime })
    }

    @Test("a wrapper at offset 0 counts from 0, another one back from its own offset")
    func relativeOffsets() throws {
        let three = (Int64(0)..<3).map { Record(offset: $0, timestamp: $0, value: [UInt8($0)]) }
        for (offset, base) in [(Int64(0), Int64(0)), (2, 0), (1002, 1000)] {
            let bytes = try OldMessages.wrapper(magic: 1, three, codec: .gzip, offset: offset)
            #expect(try decode(bytes).map(\.offset) == [base, base + 1, base + 2])
            let found = try MessageSet.first(atOrAfter: 1, in: bytes.rawSpan, limit: limit)
            #expect(found?.offset == base + 1 && found?.timestamp == 1)
        }
        let early = try OldMessages.wrapper(magic: 1, three, codec: .gzip, offset: 1)
        #expect(throws: RecordError.self) { try decode(early) }
    }

    @Test("every flipped bit is found, but for those of the offset", arguments: [0, 1] as [Int8], [nil] + codecs)
    func bitFlips(magic: Int8, codec: Codec?) throws {
        let some = BrokenBatchTests.records.enumerated().map { place, record in
            Record(offset: Int64(place) + 7, timestamp: record.timestamp, key: record.key, value: record.value)
        }
        let bytes =
            if let codec { try OldMessages.wrapper(magic: magic, some, codec: codec) } else {
                OldMessages.message(magic: magic, some[0])
            }
        for position in 8..<bytes.count {
            for bit in 0..<8 {
                var broken = bytes
                broken[position] ^= 1 << UInt8(bit)
                #expect(throws: RecordError.self, "byte \(position) bit \(bit)") { try decode(broken) }
            }
        }
        for count in bytes.indices {
            #expect(throws: RecordError.self) { try decode(Array(bytes[..<count])) }
            #expect(throws: RecordError.self) {
                try convert(Array(bytes[..<max(1, count)]))
            }
        }
        #expect(throws: RecordError.self) { try decode(bytes + [0]) }
    }

    @Test("a wrapper in a wrapper, another format within, and zstd are refused")
    func refused() throws {
        let one = [Record(offset: 3, timestamp: 5, value: [1])]
        let nested = OldMessages.message(
            magic: 1, offset: 3, timestamp: 5, key: nil,
            value: try gzip(OldMessages.wrapper(magic: 1, one, codec: .gzip)), attributes: 1)
        #expect(throws: RecordError.corrupt("a compressed message set in another one")) { try decode(nested) }
        let mixed = OldMessages.message(
            magic: 1, offset: 3, timestamp: 5, key: nil,
            value: try gzip(OldMessages.message(magic: 0, one[0])), attributes: 1)
        #expect(throws: RecordError.corrupt("a message of format 0 in a set of format 1")) { try decode(mixed) }
        let zstd = OldMessages.message(magic: 1, offset: 3, key: nil, value: [1], attributes: 4)
        #expect(throws: RecordError.unsupportedCodec(4)) { try decode(zstd) }
        let empty = OldMessages.message(
            magic: 1, offset: 3, key: nil, value: try gzip([]), attributes: 1)
        #expect(throws: RecordError.self) { try decode(empty) }
        let null = OldMessages.message(magic: 1, offset: 3, key: nil, value: nil, attributes: 1)
        #expect(throws: RecordError.self) { try decode(null) }
    }

    @Test("a bomb ends at the limit", arguments: codecs)
    func bombs(_ codec: Codec) throws {
        let bomb = [Record(offset: 1, timestamp: 0, value: [UInt8](repeating: 0, count: 2 << 20))]
        let bytes = try OldMessages.wrapper(magic: 1, bomb, codec: codec)
        for limit in [0, 1000, 1 << 20] {
            let error = #expect(throws: RecordError.self) { try decode(bytes, limit: limit) }
            guard case .tooLarge = error else {
                Issue.record("\(codec.name) with \(limit): \(String(describing: error))")
                continue
            }
        }
        #expect(try decode(bytes, limit: 3 << 20) == bomb)
    }

    @Test("the header checksum of an lz4 frame counts in format 1 and not in format 0")
    func lz4Checksum() throws {
        let some = [Record(offset: 0, timestamp: -1, value: [UInt8](repeating: 7, count: 500))]
        for magic in [Int8(0), 1] {
            var set = OldMessages.message(magic: magic, some[0])
            for sizeGiven in [false, true] {
                var frame = try Codec.lz4.compress(set.rawSpan)
                if sizeGiven {
                    frame[4] |= 0x08
                    frame.insert(contentsOf: (0..<8).map { UInt8(truncatingIfNeeded: set.count >> ($0 * 8)) }, at: 6)
                }
                frame[sizeGiven ? 14 : 6] ^= 0x55
                set = OldMessages.message(magic: magic, some[0])
                let bytes = OldMessages.message(magic: magic, offset: 0, key: nil, value: frame, attributes: 3)
                if magic == 0 {
                    #expect(try decode(bytes) == some)
                } else {
                    #expect(throws: RecordError.self) { try decode(bytes) }
                }
            }
        }
    }

    @Test("random bytes, and damage under a right CRC, never trap", arguments: Seeds.some(20))
    func damage(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            var broken: [UInt8]
            if Bool.random(using: &random) {
                broken = random.text(Int.random(in: 0...200, using: &random))
                if broken.count > 16 { broken[16] = UInt8.random(in: 0...2, using: &random) }
            } else {
                broken = try log(&random).bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    let position = Int.random(in: 8..<broken.count, using: &random)
                    broken[position] = [0, 1, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
                }
                if let size = try? size(broken), size <= broken.count { broken = signed(broken, size: size) }
            }
            let decoded = try? decode(broken, limit: 100_000)
            let counted = try? count(broken, limit: 100_000)
            #expect(decoded?.count == counted)
            if let batches = try? convert(broken, limit: 100_000) { _ = try records(batches) }
        }
    }
}
