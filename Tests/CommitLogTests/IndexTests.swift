@testable import CommitLog
import Records
import TestSupport
import Testing

/// Offset and time indexes against a list of batches that is searched from its beginning.
@Suite struct IndexTests {
    struct Model {
        var batches: [ScannedBatch] = []
        var size: Int64 = 0

        static let base: Offset = 1000

        /// Batches of a segment with random sizes, offsets and times; some offsets are missing, as compaction leaves them.
        init(_ random: inout SeededGenerator, count: Int) throws {
            var offset = Self.base
            var time: Int64 = Make.time
            for _ in 0..<count {
                time += Int64.random(in: -3000...4000, using: &random)
                let records = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    Record(
                        timestamp: Bool.random(using: &random) ? time : time - 500,
                        value: random.bytes(Int.random(in: 0...300, using: &random)))
                }
                let batch = try RecordBatch.encode(records)
                batch.stamp(baseOffset: offset, leaderEpoch: 0)
                batches.append(ScannedBatch(position: size, header: batch.header))
                size += Int64(batch.size)
                offset = batch.header.nextOffset + (Int.random(in: 0..<5, using: &random) == 0 ? 3 : 0)
            }
        }

        var end: Offset { batches.last?.nextOffset ?? Self.base }

        func builder(interval: Int64, upTo count: Int? = nil) -> IndexBuilder {
            var builder = IndexBuilder(base: Self.base, interval: interval)
            for batch in batches.prefix(count ?? batches.count) { builder.take(batch) }
            return builder
        }
    }

    /// The same entries, some of them in the file and some not yet.
    private func split(_ builder: IndexBuilder, _ random: inout SeededGenerator) -> (OffsetIndex, TimeIndex) {
        let offsets = Int.random(in: 0...builder.offsets.count, using: &random)
        let times = Int.random(in: 0...builder.times.count, using: &random)
        return (
            OffsetIndex(
                written: MappedBytes(copying: OffsetIndex.encode(builder.offsets[..<offsets])),
                tail: Array(builder.offsets[offsets...])),
            TimeIndex(
                written: MappedBytes(copying: TimeIndex.encode(builder.times[..<times])),
                tail: Array(builder.times[times...]))
        )
    }

    @Test(
        "an offset entry names a batch at or before the one that is looked for, and no more than an interval before",
        arguments: Seeds.some(20))
    func offsets(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let model = try Model(&random, count: 60)
        let interval: Int64 = [0, 1, 200, 1000, 100_000].randomElement(using: &random) ?? 0
        let (index, _) = split(model.builder(interval: interval), &random)
        #expect(index.isSane(offsets: model.end - Model.base, bytes: model.size))
        let largest = model.batches.reduce(0) { max($0, Int64($1.size)) }
        for offset in Model.base..<model.end + 3 {
            let start = Int64(index.entry(atOrBefore: offset - Model.base)?.position ?? 0)
            #expect(model.batches.contains { $0.position == start })
            guard let wanted = model.batches.first(where: { $0.lastOffset >= offset }) else { continue }
            #expect(start <= wanted.position && wanted.position - start <= interval + 2 * largest)
        }
        for position in stride(from: Int64(0), through: model.size, by: 37) {
            let border = Int64(index.entry(atOrBeforePosition: position)?.position ?? 0)
            #expect(border <= position && model.batches.contains { $0.position == border })
        }
    }

    @Test(
        "the first batch with a record at or after a time lies between its time entry's batch and the offset entry below",
        arguments: Seeds.some(20))
    func times(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let model = try Model(&random, count: 60)
        let interval: Int64 = [0, 1, 200, 1000, 100_000].randomElement(using: &random) ?? 0
        var builder = model.builder(interval: interval)
        builder.finish()
        let (offsets, times) = split(builder, &random)
        #expect(times.isSane(offsets: model.end - Model.base))
        #expect(times.last?.timestamp == model.batches.map(\.maxTimestamp).max())
        for time in stride(from: Make.time - 4000, through: Make.time + 120_000, by: 97) {
            let wanted = model.batches.first { $0.maxTimestamp >= time }
            let entry = times.entry(atOrAfter: time)
            #expect((entry == nil) == (wanted == nil))
            guard let entry, let wanted else { continue }
            #expect(wanted.lastOffset - Model.base <= Int64(entry.relativeOffset))
            #expect(Int64(offsets.entry(atOrBefore: Int64(entry.relativeOffset) - 1)?.position ?? 0) <= wanted.position)
        }
        for place in 0..<times.count {
            let batch = model.batches.first { $0.lastOffset - Model.base == Int64(times[place].relativeOffset) }
            #expect(batch?.maxTimestamp == times[place].timestamp)
        }
    }

    @Test(
        "indexes that were written in pieces, and resumed after any of them, are those written at once",
        arguments: Seeds.some(20))
    func resumed(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let disk = MemoryDisk().disk
        let model = try Model(&random, count: 40)
        let log = try disk.open("/s.log", .create)
        for batch in model.batches {
            var bytes = [UInt8](repeating: 0, count: batch.size)
            let header = try #require(batch.header)
            bytes.replaceSubrange(0..<BatchHeader.size, with: Self.header(header))
            try log.write(bytes, at: batch.position)
        }
        let interval = Int64.random(in: 0...1500, using: &random)
        let whole = model.builder(interval: interval)
        var builder = IndexBuilder(base: Model.base, interval: interval)
        var next = 0
        while next < model.batches.count {
            let count = Int.random(in: 1...8, using: &random)
            for batch in model.batches[next..<min(next + count, model.batches.count)] { builder.take(batch) }
            next = min(next + count, model.batches.count)
            _ = try Segment.writeIndexes(builder, stem: "/s", disk: disk)
            builder.markWritten(IndexBuilder.Counts(offsets: builder.offsets.count, times: builder.times.count))
            // A crash, and only what lies below a batch border was known to be durable.
            guard Bool.random(using: &random) else { continue }
            next = Int.random(in: 0...next, using: &random)
            let known = next == 0 ? Model.base : model.batches[next - 1].nextOffset
            let found = try #require(
                try IndexBuilder.resume(
                    stem: "/s", base: Model.base, below: known, size: model.size, interval: interval, disk: disk))
            builder = found.builder
            for batch in model.batches[..<next] where batch.position >= found.position { builder.take(batch) }
            #expect(builder.offsets.isEmpty && builder.times.isEmpty)
        }
        #expect(try disk.readFile("/s.index", limit: 1 << 20) == OffsetIndex.encode(whole.offsets))
        #expect(try disk.readFile("/s.timeindex", limit: 1 << 20) == TimeIndex.encode(whole.times))
        #expect(builder.largest == whole.largest)
    }

    /// The header of a batch, as it stands in a file.
    private static func header(_ header: BatchHeader) -> [UInt8] {
        var writer = ByteWriter(reserving: BatchHeader.size)
        writer.write(header.baseOffset)
        writer.write(header.batchLength)
        writer.write(header.partitionLeaderEpoch)
        writer.write(header.magic)
        writer.write(header.crc)
        writer.write(header.attributes.rawValue)
        writer.write(header.lastOffsetDelta)
        writer.write(header.baseTimestamp)
        writer.write(header.maxTimestamp)
        writer.write(header.producerId)
        writer.write(header.producerEpoch)
        writer.write(header.baseSequence)
        writer.write(header.recordsCount)
        return writer.bytes
    }
}
