import CommitLog
import Records
import TestSupport
import Testing

/// What is written today is read for ever: a change of these bytes needs a new version.
@Suite struct FormatTests {
    static let position: SourcePosition = {
        var position = SourcePosition()
        position.path = "/a"
        position.device = 1
        position.inode = 2
        position.generation = 3
        position.headLength = 4
        position.headHash = 5
        position.tailLength = 6
        position.tailHash = 7
        position.offset = 8
        position.lines = 9
        position.abandonedBytes = 10
        position.errors = 11
        position.abandoned = [AbandonedRange(from: 12, to: 13, cause: "x")]
        position.state = [0xfe]
        return position
    }()

    static let golden = """
        01 0002 2f61 0000000000000001 0000000000000002 00000003 00000004 0000000000000005 00000006 0000000000000007
        0000000000000008 0000000000000009 000000000000000a 000000000000000b
        0001 000000000000000c 000000000000000d 0001 78 00000001 fe
        """

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    @Test("a source position of version 1 is these bytes")
    func sourcePosition() throws {
        #expect(Self.position.encoded() == Self.bytes(Self.golden))
        #expect(try SourcePosition(decoding: Self.bytes(Self.golden)) == Self.position)
    }

    @Test("every proper prefix of a source position, and another version, are refused")
    func sourcePositionPrefixes() throws {
        let bytes = Self.bytes(Self.golden)
        for count in 0..<bytes.count {
            #expect(throws: RecordError.self) { _ = try SourcePosition(decoding: Array(bytes.prefix(count))) }
        }
        #expect(throws: RecordError.self) { _ = try SourcePosition(decoding: [2] + bytes.dropFirst()) }
    }

    @Test("a position lists its newest abandoned ranges only, and counts the bytes of all")
    func boundedRanges() throws {
        var position = SourcePosition()
        for number in 0..<100 {
            position.abandoned.append(AbandonedRange(from: Int64(number), to: Int64(number) + 1, cause: "gone"))
        }
        let read = try SourcePosition(decoding: position.encoded())
        #expect(read.abandoned == Array(position.abandoned.suffix(SourcePosition.abandonedLimit)))
    }

    @Test("the batch that makes a round whole is these records")
    func commitRecord() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 2)
        let round = try directory.round(
            "p", [(topic.partitions[1], [["a", "b"]])],
            positions: [PositionUpdate(source: "tail", position: Self.position)])
        _ = try directory.append(round)
        let positions = try #require(directory.topic(named: "__penstock_positions")).partitions[0]
        let records = try positions.allRecords()
        #expect(records.count == 2)
        #expect(
            records[0].key
                == Self.bytes("0000 0001 70 0004 7461696c 0000000000000001 0000000000000002 00000003"))
        #expect(records[0].value == Self.bytes(Self.golden))
        #expect(records[1].key == Self.bytes("0001 0001 70"))
        var value = ByteWriter()
        value.append(contentsOf: Self.bytes("01 0000000000000000 00000001"))
        value.write(topic.id.high)
        value.write(topic.id.low)
        value.append(contentsOf: Self.bytes("00000001 0000000000000002"))
        value.write(round.parts[0].batches[0].header.crc)
        #expect(records[1].value == value.bytes)
        // The next one knows what a pass has made durable.
        try directory.sync()
        _ = try directory.append(
            directory.round("p", [(topic.partitions[1], [["c"]])], positions: []))
        #expect(try positions.allRecords()[2].value?[1..<9] == Self.bytes("0000000000000002")[...])
    }

    @Test("the registry holds topics, pipelines, producer ids and the leader epoch in these records")
    func registry() throws {
        let directory = try DataDirectory.open("/d", disk: MemoryDisk().disk)
        let topic = try directory.createTopic("t", partitions: 2, configuration: ["retention.bytes": "9"])
        _ = try directory.producer(pipeline: "p")
        _ = try directory.nextProducerIdBlock()
        try directory.deleteTopic("t")
        let records = try #require(directory.topic(named: "__penstock_topics")).partitions[0].allRecords()
        var key = ByteWriter()
        key.write(Int16(0))
        key.write(topic.id.high)
        key.write(topic.id.low)
        #expect(
            records.map(\.key) == [
                Self.bytes("0003"), key.bytes, Self.bytes("0001 0001 70"), Self.bytes("0002"), key.bytes,
            ])
        #expect(
            records.map(\.value) == [
                Self.bytes("01 00000000"),
                Self.bytes("01 0001 74 00000002 00 00000001 000f 726574656e74696f6e2e6279746573 0001 39 00000000"),
                Self.bytes("01 4000000000000002 0000"), Self.bytes("01 0000010000000fa0"), nil,
            ])
    }
}
