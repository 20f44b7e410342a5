import Records
import TestSupport
import Testing

@Suite("Scattering events over partitions")
struct ScatterTests {
    /// A batch that was taken, as a consumer reads it.
    private struct Taken {
        var partition: Int
        var header: BatchHeader
        var records: [Record]
    }

    private func run(_ batches: [EventBatch], _ scatter: Scatter, codec: Codec) throws -> [Taken] {
        var builders: [(Int, BatchBuilder)] = []
        for batch in batches {
            var next = 0
            while true {
                let step = scatter.add(batch, from: next)
                next = step.next
                guard let full = step.full else { break }
                builders.append((full, try #require(scatter.take(full))))
            }
            #expect(next == batch.events.count)
        }
        builders += scatter.takeAll()
        #expect(scatter.openBytes == 0)
        return try builders.map { partition, builder in
            let (size, count) = (builder.size, builder.count)
            let encoded = try builder.finish(codec: codec, producerId: 9, producerEpoch: 1, baseSequence: 3)
            let (header, records) = try RecordBatch.decode(encoded.bytes, limit: 1 << 24)
            #expect(header == encoded.header && header.recordsCount == count && encoded.size <= size)
            #expect(header.maxTimestamp == records.map(\.timestamp).max())
            #expect(header.baseTimestamp == records.first?.timestamp)
            #expect(header.producerId == 9 && header.producerEpoch == 1 && header.baseSequence == 3)
            return Taken(partition: partition, header: header, records: records)
        }
    }

    @Test("every event comes out once, in order, in Java's partition", arguments: Seeds.some(60))
    func keyed(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let partitions = Int.random(in: 1...9, using: &random)
        let batchBytes = Int.random(in: 100...2000, using: &random)
        let pool = BufferPool(batchBytes: batchBytes, keep: 4)
        let scatter = Scatter(partitions: partitions, batchBytes: batchBytes, pool: pool)
        var expected = [[Record]](repeating: [], count: partitions)
        var batches: [EventBatch] = []
        for number in 0..<3 {
            var batch = EventBatch(
                block: Block(random.text(3000)),
                headers: number == 1 ? [Header(name: "host", value: [1, 2]), Header(name: "é", value: nil)] : [])
            _ = LineCutter.cut(
                batch.block, from: 0, timestamp: Int64(number) * 70 - 50, maxLine: 200, events: &batch.events)
            _ = KeyExtractor.field(1, separator: 0x2c, in: &batch)
            batch.events.removeAll { $0.key.isNone }
            for index in batch.events.indices { batch.events[index].timestamp += Int64(index % 3) }
            for (index, event) in batch.events.enumerated() {
                let key = try #require(batch.key(index))
                expected[Model.partition(key, partitions)].append(
                    Record(timestamp: event.timestamp, key: key, value: batch.value(index), headers: batch.headers))
            }
            batches.append(batch)
        }

        let codec = try #require(Codec.allCases.randomElement(using: &random))
        let taken = try run(batches, scatter, codec: codec)

        for partition in 0..<partitions {
            let mine = taken.filter { $0.partition == partition }.flatMap(\.records)
            #expect(mine.map(withoutOffset) == expected[partition])
        }
        for batch in taken {
            #expect(batch.records.map(\.offset) == Array(0..<Int64(batch.records.count)))
        }
    }

    private func withoutOffset(_ record: Record) -> Record {
        Record(timestamp: record.timestamp, key: record.key, value: record.value, headers: record.headers)
    }

    @Test("events without key fill one partition after the other")
    func sticky() throws {
        var batch = EventBatch(block: Block(Array(repeating: "0123456789\n", count: 100).joined().utf8))
        _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 100, events: &batch.events)
        let pool = BufferPool(batchBytes: 300, keep: 4)
        let taken = try run([batch], Scatter(partitions: 3, batchBytes: 300, pool: pool, firstSticky: 1), codec: .none)
        // 61 bytes of header and 17 of each record: 14 records a batch.
        #expect(taken.map(\.partition) == [1, 2, 0, 1, 2, 0, 1, 2])
        #expect(taken.map(\.records.count) == [14, 14, 14, 14, 14, 14, 14, 2])
        #expect(taken.allSatisfy { $0.header.size <= 300 && $0.records.allSatisfy { $0.key == nil } })
    }

    @Test("a record larger than a batch gets a batch of its own, between what came before and after")
    func oversized() throws {
        let text = "a 1\na \(String(repeating: "x", count: 5000))\na 2\n"
        var batch = EventBatch(block: Block(Array(text.utf8)))
        _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 10_000, events: &batch.events)
        _ = KeyExtractor.field(1, in: &batch)
        let pool = BufferPool(batchBytes: 200, keep: 4)
        let taken = try run([batch], Scatter(partitions: 2, batchBytes: 200, pool: pool), codec: .lz4)
        #expect(taken.map(\.records.count) == [1, 1, 1])
        #expect(taken.map { $0.records[0].value?.count } == [3, 5002, 3])
    }

    @Test("later parts of a split line carry the continuation header and stay in the partition of the first")
    func continuation() throws {
        let text = "k \(String(repeating: "0123456789", count: 10))\nother\n"
        var batch = EventBatch(
            block: Block(Array(text.utf8)), headers: [Header(name: "app", value: Array("web".utf8))])
        _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 30, events: &batch.events)
        // As after a block border: the first part alone has its key.
        _ = KeyExtractor.field(1, in: &batch)
        for index in batch.events.indices where batch.events[index].flags == .continuation {
            batch.events[index].key = .none
        }
        let pool = BufferPool(batchBytes: 4000, keep: 4)
        let taken = try run([batch], Scatter(partitions: 7, batchBytes: 4000, pool: pool), codec: .none)
        let home = try #require(taken.first { $0.partition == Model.partition(Array("k".utf8), 7) })
        let app = Header(name: "app", value: Array("web".utf8))
        let mark = Header(name: "penstock.continuation", value: Array("1".utf8))
        let parts = home.records.filter { $0.value != Array("other".utf8) }
        #expect(parts.map(\.headers) == [[app], [app, mark], [app, mark], [app, mark]])
        #expect(Array(parts.compactMap(\.value).joined()) == Array(text.utf8.prefix(102)))
    }

    @Test("lengths, times and null values of any size are written as Kafka's varints")
    func extremes() throws {
        let lengths = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 127, 128, 8191, 8192, 8193, 1 << 20, (1 << 20) + 1]
        let times = [0, -1, 63, 64, -65, 8191, 8192, 1 << 40, .max, .min, Int64.max / 2]
        var random = SeededGenerator(seed: 17)
        let block = Block(random.bytes(2 << 20))
        var batch = EventBatch(block: block)
        for (index, length) in lengths.enumerated() {
            let value = Slice(start: UInt32(index), length: UInt32(length))
            let key = Slice(start: UInt32(block.count - length), length: UInt32(length))
            batch.events.append(Event(value: value, key: key, timestamp: times[index % times.count]))
            batch.events.append(Event(value: .none, key: key, timestamp: times[(index + 3) % times.count]))
            batch.events.append(Event(value: value, timestamp: times[(index + 5) % times.count]))
        }
        let pool = BufferPool(batchBytes: 64 << 20, keep: 0)
        for batchBytes in [64 << 20, 1000] {
            let scatter = Scatter(partitions: 1, batchBytes: batchBytes, pool: pool)
            let records = try run([batch], scatter, codec: .none).flatMap(\.records)
            #expect(records.map(\.timestamp) == batch.events.map(\.timestamp))
            #expect(records.map(\.key) == batch.events.indices.map { batch.key($0) })
            #expect(
                records.map(\.value)
                    == batch.events.map { $0.value.isNone ? nil : block.array($0.value) })
        }
    }

    @Test("a part of another file's line does not follow its neighbour's key or partition")
    func foreignNeighbour() {
        let block = Block(Array("abcdefgh".utf8))
        var batch = EventBatch(block: block)
        batch.events = [
            Event(value: Slice(start: 0, length: 3), key: Slice(start: 0, length: 1), timestamp: 0),
            Event(value: Slice(start: 3, length: 2), timestamp: 0, flags: .continuation),
            Event(value: Slice(start: 6, length: 2), timestamp: 0, flags: .continuation),
        ]
        let pool = BufferPool(batchBytes: 1000, keep: 0)
        let home = Model.partition([0x61], 5)
        let scatter = Scatter(partitions: 5, batchBytes: 1000, pool: pool, firstSticky: (home + 1) % 5)
        #expect(scatter.add(batch).next == 3)
        #expect(scatter.take(home)?.count == 2)
        #expect(scatter.take((home + 1) % 5)?.count == 1)
    }

    @Test("batches that do not shrink are stored as they are")
    func incompressible() throws {
        var random = SeededGenerator(seed: 11)
        let bytes = random.bytes(4000, from: Array(0...255).filter { $0 != 10 })
        for codec in Codec.allCases {
            var batch = EventBatch(block: Block(bytes))
            var state = LineCutter.State()
            LineCutter.cutLast(
                batch.block, from: 0, timestamp: 0, maxLine: 5000, state: &state, events: &batch.events)
            let pool = BufferPool(batchBytes: 8000, keep: 4)
            let taken = try run([batch], Scatter(partitions: 1, batchBytes: 8000, pool: pool), codec: codec)
            #expect(taken.map(\.header.codec) == [.none])
            #expect(taken[0].records[0].value == bytes)
        }
    }

    @Test("builders are finished by any number of threads at once", arguments: Codec.allCases)
    func concurrent(_ codec: Codec) async throws {
        var random = SeededGenerator(seed: 23)
        let lines = (0..<4000).map { "\($0 % 37) line \($0) of \(random.next())\n" }
        var batch = EventBatch(block: Block(lines.joined().utf8))
        _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 100, events: &batch.events)
        #expect(KeyExtractor.field(1, in: &batch) == 0)
        let pool = BufferPool(batchBytes: 2000, keep: 8)
        let scatter = Scatter(partitions: 4, batchBytes: 2000, pool: pool)
        let values = try await withThrowingTaskGroup(of: [[UInt8]].self) { group in
            var next = 0
            func finish(_ builder: BatchBuilder?) {
                guard let builder else { return }
                group.addTask {
                    let encoded = try builder.finish(codec: codec)
                    return try RecordBatch.decode(encoded.bytes, limit: 1 << 20).1.compactMap(\.value)
                }
            }
            while next < batch.events.count {
                let step = scatter.add(batch, from: next)
                next = step.next
                if let full = step.full { finish(scatter.take(full)) }
            }
            for (_, builder) in scatter.takeAll() { finish(builder) }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(Set(values) == Set(lines.map { Array($0.utf8.dropLast()) }))
        #expect(values.count == lines.count)
    }

    @Test("memory goes back to the pool: what the scatter, the builders and the batches held")
    func pooled() throws {
        let pool = BufferPool(batchBytes: 1000, keep: 3)
        var batch = EventBatch(block: Block(Array(repeating: "some line of text\n", count: 100).joined().utf8))
        _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 100, events: &batch.events)
        let scatter = Scatter(partitions: 2, batchBytes: 1000, pool: pool)
        #expect(scatter.add(batch).full == 0)
        #expect(pool.idleCount == 0)
        var encoded = try scatter.take(0)?.finish(codec: .lz4)
        #expect(encoded?.header.codec == .lz4)
        #expect(pool.idleCount == 1)
        encoded = nil
        #expect(pool.idleCount == 2)
        #expect(scatter.take(0) == nil)
        pool.trim()
        #expect(pool.idleCount == 0)
    }
}
