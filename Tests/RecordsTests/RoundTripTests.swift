import Records
import TestSupport
import Testing

extension SeededGenerator {
    fileprivate mutating func record() -> Record {
        let isOld = next() % 8 == 0
        return Record(
            timestamp: isOld
                ? Int64(bitPattern: next()) : Int64.random(in: 1_690_000_000_000...1_700_000_000_000, using: &self),
            key: next() % 3 == 0 ? nil : text(Int.random(in: 0...20, using: &self)),
            value: next() % 9 == 0 ? nil : text(Int.random(in: 0...(next() % 10 == 0 ? 20_000 : 200), using: &self)),
            headers: (0..<(next() % 4 == 0 ? Int.random(in: 1...3, using: &self) : 0)).map { index in
                Header(name: ["", "é", "name"][index], value: next() % 3 == 0 ? nil : bytes(index * 70))
            })
    }
}

@Suite("Encoding and decoding batches")
struct RoundTripTests {
    @Test("records come out as they went in, numbered from 0", arguments: Codec.allCases, Seeds.some(25))
    func roundTrip(_ codec: Codec, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var records = (0..<Int.random(in: 1...80, using: &random)).map { _ in random.record() }
        let batch = try RecordBatch.encode(records, codec: codec)
        for index in records.indices { records[index].offset = Int64(index) }

        let (header, decoded) = try RecordBatch.decode(batch.bytes, limit: 1 << 24)

        #expect(decoded == records)
        #expect(header == batch.header && batch.count == records.count && batch.size == batch.bytes.byteCount)
        #expect(header.codec == codec || header.codec == .none)
        #expect(header.lastOffsetDelta == Int32(records.count - 1))
        #expect(header.maxTimestamp == records.map(\.timestamp).max())
        let found = try RecordBatch.validate(batch.bytes, limit: 1 << 24)
        #expect(found.maxTimestamp == header.maxTimestamp)
        #expect(found.earliest == records.map(\.timestamp).filter { $0 >= 0 }.min())
        #expect(try copy(EncodedBatch(copying: copy(batch)[...])) == copy(batch))
    }

    @Test("a record is found by its time as in the decoded batch", arguments: Codec.allCases, Seeds.some(10))
    func byTime(_ codec: Codec, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let whole = try RecordBatch.encode((0..<40).map { _ in random.record() }, codec: codec)
        whole.stamp(baseOffset: 1000, leaderEpoch: 4)
        let records = try RecordBatch.decode(whole.bytes, limit: 1 << 24).1
        for time in records.map(\.timestamp) + [.min, whole.header.maxTimestamp + 1] {
            let found = try RecordBatch.first(atOrAfter: time, in: whole.bytes, limit: 1 << 24)
            let expected = records.first { $0.timestamp >= time }
            #expect(found?.offset == expected?.offset && found?.timestamp == expected?.timestamp)
        }
    }

    @Test("what is decompressed is counted, without compression nothing, and the limit when it fails")
    func spent() throws {
        let records = [Record(timestamp: 1, value: [UInt8](repeating: 0, count: 10_000))]
        let packed = try RecordBatch.encode(records, codec: .zstd)
        var spent = 0
        _ = try RecordBatch.validate(packed.bytes, limit: 20_000, spent: &spent)
        #expect((10_000..<10_100).contains(spent))
        spent = 0
        #expect(throws: RecordError.self) { try RecordBatch.validate(packed.bytes, limit: 5_000, spent: &spent) }
        #expect(spent == 5_000)
        let plain = try RecordBatch.encode(records, codec: .none)
        _ = try RecordBatch.validate(plain.bytes, limit: 20_000, spent: &spent)
        #expect(spent == 5_000)
    }

    @Test("a batch with holes keeps its offsets, times and producer", arguments: Codec.allCases, Seeds.some(10))
    func holes(_ codec: Codec, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let whole = try RecordBatch.encode(
            (0..<40).map { _ in random.record() }, codec: codec, producerId: 7, producerEpoch: 2, baseSequence: 5,
            isTransactional: true)
        whole.stamp(baseOffset: 1000, leaderEpoch: 4)
        let (header, records) = try RecordBatch.decode(whole.bytes, limit: 1 << 24)
        let kept = records.filter { _ in random.next() % 2 == 0 }
        let batch = try RecordBatch.encode(kept, as: header, codec: codec)
        let (again, decoded) = try RecordBatch.decode(batch.bytes, limit: 1 << 24)
        #expect(decoded == kept)
        #expect(again.baseOffset == 1000 && again.lastOffset == 1039 && again.partitionLeaderEpoch == 4)
        #expect(again.producerId == 7 && again.producerEpoch == 2 && again.baseSequence == 5)
        #expect(again.isTransactional && !again.isControl && Int(again.recordsCount) == kept.count)
    }

    @Test("records that are out of order or outside of the batch's offsets are refused")
    func order() throws {
        let header = try RecordBatch.encode([Record(timestamp: 0, value: []), Record(timestamp: 0, value: [])]).header
        for offsets in [[Int64(1), 0], [0, 0], [0, 2], [-1]] {
            #expect(throws: RecordError.self) {
                try RecordBatch.encode(
                    offsets.map { Record(offset: $0, timestamp: 0, value: []) }, as: header, codec: .none)
            }
        }
        #expect(throws: RecordError.self) { try RecordBatch.encode([]) }
    }

    @Test("stamping changes what the CRC does not cover, and nothing else")
    func stamp() throws {
        let batch = try RecordBatch.encode([Record(timestamp: 5, value: [1])])
        let before = copy(batch)
        batch.stamp(baseOffset: 0x0102_0304_0506_0708, leaderEpoch: 0x0a0b_0c0d)
        let after = copy(batch)
        #expect(Array(after[0..<8]) == [1, 2, 3, 4, 5, 6, 7, 8] && Array(after[12..<16]) == [10, 11, 12, 13])
        #expect(after[8..<12] == before[8..<12] && after[16...] == before[16...])
        #expect(batch.header.nextOffset == 0x0102_0304_0506_0709)
        #expect(try RecordBatch.validate(batch.bytes, limit: 100).header == batch.header)
    }

    @Test("sequence numbers wrap after 2147483647")
    func sequences() throws {
        let records = (0..<4).map { _ in Record(timestamp: 0, value: []) }
        func last(_ base: Int32) throws -> Int32 {
            try RecordBatch.encode(records, producerId: 1, producerEpoch: 0, baseSequence: base).header.lastSequence
        }
        #expect(try last(0) == 3)
        #expect(try last(.max - 3) == .max)
        #expect(try last(.max - 1) == 1)
        #expect(try last(-1) == -1)
    }

    @Test("a control batch is marked")
    func control() throws {
        let batch = try RecordBatch.encode(
            [Record(timestamp: 0, key: [0, 0, 0, 1], value: [0, 0, 0, 0, 0, 5])], isTransactional: true, isControl: true
        )
        #expect(batch.header.attributes.rawValue == 0x30 && batch.header.isControl)
    }
}
