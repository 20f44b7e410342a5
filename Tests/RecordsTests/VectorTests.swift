import Records
import TestSupport
import Testing

private let limit = 1 << 20

@Suite("Batches that other implementations wrote", .enabled(if: Shared.directory != nil, "\(Shared.missing)"))
struct VectorTests {
    @Test("the list of expected batches is read whole")
    func listIsThere() throws {
        #expect(Vectors.single.count == Shared.names(in: "vectors/batches").count)
        #expect(Vectors.files.count > Vectors.single.count)
    }

    @Test("decode to the fields and records that their own makers read", arguments: Vectors.files)
    func decodes(_ path: String) throws {
        var rest = try Vectors.file(path)[...]
        for expected in Vectors.expected[path] ?? [] {
            let bytes = rest.prefix(expected.size)
            rest = rest.dropFirst(expected.size)
            let (header, records) = try RecordBatch.decode(bytes.rawSpan, limit: limit)
            check(header, expected)
            #expect(records == (expected.records ?? []).map { $0.record })
            let found = try RecordBatch.validate(bytes.rawSpan, limit: limit)
            #expect(found.header == header)
            #expect(header.attributes.contains(.deleteHorizon) || found.maxTimestamp <= header.maxTimestamp)
        }
        #expect(rest.isEmpty)
    }

    private func check(_ header: BatchHeader, _ expected: Vectors.Batch) {
        #expect(header.size == expected.size)
        #expect(header.baseOffset == expected.baseOffset)
        #expect(header.batchLength == expected.length)
        #expect(header.partitionLeaderEpoch == expected.partitionLeaderEpoch)
        #expect(header.crc == expected.crc32c.flatMap { UInt32($0, radix: 16) })
        #expect(header.attributes.rawValue == expected.attributes)
        #expect(header.lastOffsetDelta == expected.lastOffsetDelta)
        #expect(header.baseTimestamp == expected.baseTimestamp)
        #expect(header.maxTimestamp == expected.maxTimestamp)
        #expect(header.producerId == expected.producerId)
        #expect(header.producerEpoch == expected.producerEpoch)
        #expect(header.baseSequence == expected.baseSequence)
        #expect(header.recordsCount == expected.recordCount)
    }

    @Test("uncompressed ones are written again byte for byte", arguments: Vectors.files)
    func writesAgain(_ path: String) throws {
        var rest = try Vectors.file(path)[...]
        while !rest.isEmpty {
            let header = try BatchHeader(parsing: rest.rawSpan)
            let bytes = rest.prefix(header.size)
            rest = rest.dropFirst(header.size)
            let (_, records) = try RecordBatch.decode(bytes.rawSpan, limit: limit)
            let written = try RecordBatch.encode(records, as: header, codec: header.codec)
            // The producer's own timestamps are not in decoded records under log append time: see the next test.
            if header.codec == .none && header.timestampType == .createTime { #expect(copy(written) == Array(bytes)) }
            #expect(try RecordBatch.decode(written.bytes, limit: limit).1 == records)
        }
    }

    @Test("the batch of a log append time topic is the producer's one, retimed")
    func retimes() throws {
        let producers = try EncodedBatch(copying: Vectors.file("batches/v2-none-java.bin")[...])
        let plain = try RecordBatch.decode(producers.bytes, limit: limit).1.map { record in
            Record(timestamp: record.timestamp, key: record.key, value: record.value)
        }
        let batch = try RecordBatch.encode(plain)
        batch.stamp(baseOffset: 50, leaderEpoch: -1)
        batch.retime(.logAppendTime, maxTimestamp: 1_700_000_000_077)
        #expect(try copy(batch) == Vectors.file("batches/v2-logappendtime-java.bin"))
    }

    @Test(
        "our encoder makes the same bytes as Java's from the records alone",
        arguments: [
            ("v2-none-java.bin", Int64(0), Int32(-1), ProducerStamp.none),
            ("v2-idempotent-java.bin", 100, 3, ProducerStamp(id: 4242, epoch: 7, baseSequence: 10)),
            ("v2-txn-java.bin", 100, 3, ProducerStamp(id: 4242, epoch: 7, baseSequence: 10)),
        ])
    func encodesLikeJava(_ name: String, base: Offset, epoch: Int32, producer: ProducerStamp) throws {
        let theirs = try Vectors.file("batches/" + name)
        let records = try RecordBatch.decode(theirs.rawSpan, limit: limit).1
        let batch = try RecordBatch.encode(
            records, producerId: producer.id, producerEpoch: producer.epoch, baseSequence: producer.baseSequence,
            isTransactional: name.contains("txn"))
        batch.stamp(baseOffset: base, leaderEpoch: epoch)
        #expect(copy(batch) == theirs)
    }
}

/// The batch's bytes as an array.
func copy(_ batch: EncodedBatch) -> [UInt8] { batch.withUnsafeBytes { Array($0) } }
