import KafkaClient
import KafkaProtocol
import Records
import TestSupport
import Testing

@Suite struct BatchReaderTests {
    private func batch(at offset: Offset, _ values: [String], producer: Int64 = -1, transactional: Bool = false) throws
        -> [UInt8]
    {
        let records = values.map { Record(timestamp: 7, value: Array($0.utf8)) }
        let batch = try RecordBatch.encode(
            records, producerId: producer, producerEpoch: 0, baseSequence: 0, isTransactional: transactional)
        batch.stamp(baseOffset: offset, leaderEpoch: 0)
        return batch.bytes.withUnsafeBytes(Array.init)
    }

    private func marker(at offset: Offset, producer: Int64, commits: Bool) throws -> [UInt8] {
        let record = Record(timestamp: 7, key: [0, 0, 0, commits ? 1 : 0], value: [0, 0, 0, 0, 0, 0])
        let batch = try RecordBatch.encode(
            [record], producerId: producer, producerEpoch: 0, isTransactional: true, isControl: true)
        batch.stamp(baseOffset: offset, leaderEpoch: 0)
        return batch.bytes.withUnsafeBytes(Array.init)
    }

    private func values(_ reader: BatchReader) -> [String] {
        reader.records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
    }

    @Test("begins inside the first batch, at the offset that was asked for")
    func inside() throws {
        var reader = BatchReader(from: 11, aborted: nil, limit: 1 << 20)
        try reader.read(batch(at: 10, ["a", "b", "c"]))
        #expect(values(reader) == ["b", "c"])
        #expect(reader.nextOffset == 13)
    }

    @Test("leaves a batch that is cut off, wherever it is cut, for the next answer")
    func cut() throws {
        let whole = try batch(at: 0, ["a"]) + batch(at: 1, ["b"])
        let first = try batch(at: 0, ["a"]).count
        for end in first..<whole.count {
            var reader = BatchReader(from: 0, aborted: nil, limit: 1 << 20)
            try reader.read(Array(whole[..<end]))
            #expect(values(reader) == ["a"])
            #expect(reader.nextOffset == 1)
        }
    }

    @Test("hides the records of aborted transactions, markers, and nothing else")
    func transactions() throws {
        let bytes =
            try batch(at: 0, ["a1"], producer: 1, transactional: true)
            + batch(at: 1, ["b1"], producer: 2, transactional: true)
            + batch(at: 2, ["plain"], producer: 1) + marker(at: 3, producer: 1, commits: false)
            + batch(at: 4, ["a2"], producer: 1, transactional: true) + marker(at: 5, producer: 2, commits: true)
            + marker(at: 6, producer: 1, commits: true)
        var aborted = FetchResponse.AbortedTransactions()
        aborted.producerId = 1
        aborted.firstOffset = 0
        var reader = BatchReader(from: 0, aborted: [aborted], limit: 1 << 20)
        try reader.read(bytes)
        #expect(values(reader) == ["b1", "plain", "a2"])
        #expect(reader.nextOffset == 7)
    }

    @Test(
        "moves behind a batch that compaction has emptied", .enabled(if: Shared.directory != nil, "\(Shared.missing)"))
    func emptied() throws {
        var reader = BatchReader(from: 100, aborted: nil, limit: 1 << 20)
        try reader.read(Shared.bytes("vectors/batches/v2-empty-retained-java.bin"))
        #expect(reader.records.isEmpty)
        #expect(reader.nextOffset == 103)
    }

    @Test(
        "reads a log of Kafka's as a committed reader sees it",
        .enabled(if: Shared.directory != nil, "\(Shared.missing)"))
    func kafkaLog() throws {
        // Producer 5000 aborted the transaction of 39..41, in which 40 is not its, and committed that of 42..43.
        var aborted = FetchResponse.AbortedTransactions()
        aborted.producerId = 5000
        aborted.firstOffset = 39
        var reader = BatchReader(from: 0, aborted: [aborted], limit: 1 << 20)
        for file in Shared.names(in: "vectors/partition-dir/t1-0") where file.hasSuffix(".log") {
            try reader.read(Shared.bytes("vectors/partition-dir/t1-0/" + file))
        }
        #expect(reader.nextOffset == 45)
        #expect(reader.records.map(\.offset) == Array(0...38) + [40, 42, 44])
    }

    @Test("says that a damaged batch is damaged")
    func damaged() throws {
        var bytes = try batch(at: 0, ["abc"])
        bytes[bytes.count - 2] ^= 1
        var reader = BatchReader(from: 0, aborted: nil, limit: 1 << 20)
        #expect(throws: RecordError.self) { try reader.read(bytes) }
        #expect(reader.nextOffset == 0)
    }
}
