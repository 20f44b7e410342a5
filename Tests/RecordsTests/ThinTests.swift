import Records
import TestSupport
import Testing

/// Batches of which compaction leaves records out.
@Suite("Thinning batches")
struct ThinTests {
    private static let stamp = ProducerStamp(id: 7, epoch: 2, baseSequence: 40)

    private static func batch(_ codec: Codec, _ random: inout SeededGenerator) throws -> EncodedBatch {
        let records = (0..<Int.random(in: 1...40, using: &random)).map { _ in
            Record(
                timestamp: 1_700_000_000_000 + Int64.random(in: -90_000...90_000, using: &random),
                key: random.bytes(Int.random(in: 0...3, using: &random)),
                value: random.next() % 5 == 0 ? nil : random.bytes(Int.random(in: 0...200, using: &random), from: [65]),
                headers: random.next() % 4 == 0 ? [Header(name: "h", value: random.bytes(70))] : [])
        }
        let batch = try RecordBatch.encode(
            records, codec: codec, producerId: stamp.id, producerEpoch: stamp.epoch, baseSequence: stamp.baseSequence)
        batch.stamp(baseOffset: 1_000, leaderEpoch: 3)
        return batch
    }

    @Test(
        "what is kept has its offset, time, key, value and headers; the batch its offsets, producer and sequence",
        arguments: Codec.allCases, Seeds.some(40))
    func keeps(_ codec: Codec, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let whole = try Self.batch(codec, &random)
        let records = try RecordBatch.decode(whole.bytes, limit: 1 << 20).1
        let mood = Int.random(in: 0...2, using: &random)
        let kept = records.filter { _ in mood == 2 || (mood == 1 && Bool.random(using: &random)) }
        let offsets = Set(kept.map(\.offset))
        let horizon: Int64? = Bool.random(using: &random) ? 1_800_000_000_000 : nil
        let result = try RecordBatch.thin(whole.bytes, whole.header, limit: 1 << 20, horizon: horizon) { _, _, offset in
            offsets.contains(offset)
        }
        switch result {
        case .none:
            #expect(kept.isEmpty)
        case .whole:
            #expect(kept == records && (horizon == nil || !records.contains { $0.value == nil }))
        case .changed(let thinned):
            let (header, found) = try RecordBatch.decode(thinned.bytes, limit: 1 << 20)
            #expect(found == kept)
            #expect(header.baseOffset == 1_000 && header.lastOffset == whole.header.lastOffset)
            #expect((header.producerId, header.producerEpoch, header.baseSequence) == (7, 2, 40))
            #expect(header.partitionLeaderEpoch == 3 && header.maxTimestamp == kept.map(\.timestamp).max())
            let marked = header.attributes.contains(.deleteHorizon)
            #expect(marked == (horizon != nil && kept.contains { $0.value == nil }))
            #expect(header.baseTimestamp == (marked ? horizon : kept[0].timestamp))
            // Once it has a horizon it keeps it.
            let again = try RecordBatch.thin(thinned.bytes, header, limit: 1 << 20, horizon: .max) { _, _, offset in
                offset != kept[0].offset
            }
            if case .changed(let twice) = again, marked {
                #expect(twice.header.baseTimestamp == horizon && twice.header.attributes.contains(.deleteHorizon))
                #expect(try RecordBatch.decode(twice.bytes, limit: 1 << 20).1 == Array(kept.dropFirst()))
            }
        }
    }

    @Test("an emptied batch is a header that still says who wrote it and where the log goes on")
    func emptied() throws {
        var random = SeededGenerator(seed: 1)
        let whole = try Self.batch(.lz4, &random)
        let (header, records) = try RecordBatch.decode(RecordBatch.emptied(whole.header).bytes, limit: 100)
        #expect(records.isEmpty && header.size == 61 && header.codec == .none)
        #expect(header.lastOffset == whole.header.lastOffset && header.lastSequence == whole.header.lastSequence)
        #expect(header.baseTimestamp == -1 && header.maxTimestamp == whole.header.maxTimestamp)
    }

    @Test("a batch that decompresses beyond the limit, or not at all, is an error")
    func limits() throws {
        let bomb = try RecordBatch.encode(
            [Record(timestamp: 1, key: [1], value: [UInt8](repeating: 0, count: 100_000))], codec: .zstd)
        #expect(throws: RecordError.self) {
            _ = try RecordBatch.thin(bomb.bytes, bomb.header, limit: 1_000, horizon: nil) { _, _, _ in true }
        }
        #expect(throws: RecordError.self) {
            try RecordBatch.eachRecord(in: bomb.bytes, bomb.header, limit: 1_000) { _, _, _ in }
        }
    }
}
