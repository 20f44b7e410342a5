import CommitLog
import Records
import TestSupport
import Testing

/// A random history of transactions in one partition, and what a reader of committed records must see of it.
struct TransactionHistory {
    struct Writer {
        var epoch: Int16 = 0
        var sequence: Int32 = 0
        /// Values of its open transaction, by offset.
        var pending: [Offset: String] = [:]
        var start: Offset?
        var coordinator: Int32 = -1
        var isKnown = false
    }

    var random: SeededGenerator
    let memory = MemoryDisk()
    var directory: DataDirectory
    var writers: [Int64: Writer] = [:]
    /// What was written outside of transactions, or in committed ones.
    var committed: [Offset: String] = [:]
    var end: Offset = 0
    var steps: [String] = []

    init(seed: UInt64) throws {
        random = SeededGenerator(seed: seed)
        directory = try DataDirectory.open("/d", options: Self.options, disk: memory.disk)
        _ = try directory.createTopic("t", partitions: 1)
    }

    static var options: LogOptions {
        var options = LogOptions()
        options.topicDefaults.segmentBytes = 700
        options.topicDefaults.indexIntervalBytes = 100
        return options
    }

    var partition: Partition { get throws { try #require(directory.topic(named: "t")).partitions[0] } }
    var lastStable: Offset { writers.values.compactMap(\.start).min() ?? end }

    mutating func step() throws {
        let id = Int64.random(in: 1...4, using: &random)
        switch Int.random(in: 0...15, using: &random) {
        case 0...7: try append(id, isTransactional: Bool.random(using: &random))
        case 8...11: try end(id)
        case 12: _ = try directory.sync()
        case 13:
            steps.append("checkpoint")
            try directory.checkpoint()
        default: try reopen()
        }
    }

    private mutating func append(_ id: Int64, isTransactional: Bool) throws {
        var writer = writers[id] ?? Writer()
        let isTransactional = isTransactional || writer.start != nil
        let count = Int32.random(in: 1...3, using: &random)
        let values = (0..<count).map { "\(id) \(end + Int64($0))" }
        steps.append("\(id) appends \(count) at \(end)\(isTransactional ? " in a transaction" : "")")
        let result = try directory.append(
            Make.batch(
                values, producer: ProducerStamp(id: id, epoch: writer.epoch, baseSequence: writer.sequence),
                codec: Bool.random(using: &random) ? .none : .lz4, isTransactional: isTransactional), to: partition)
        guard case .appended(let base, _) = result, base == end else {
            Issue.record("\(result) instead of an append at \(end)")
            return
        }
        for (place, value) in values.enumerated() {
            if isTransactional {
                writer.pending[base + Int64(place)] = value
            } else {
                committed[base + Int64(place)] = value
            }
        }
        if isTransactional && writer.start == nil { writer.start = base }
        writer.sequence += count
        writer.isKnown = true
        writers[id] = writer
        end += Int64(count)
    }

    private mutating func end(_ id: Int64) throws {
        var writer = writers[id] ?? Writer()
        let outcome: TransactionMarker.Outcome = Bool.random(using: &random) ? .commit : .abort
        if Int.random(in: 0...3, using: &random) == 0 {
            writer.epoch += 1
            writer.sequence = 0
        } else if !writer.isKnown {
            writer.sequence = 0
        }
        writer.coordinator = max(0, writer.coordinator + Int32.random(in: 0...1, using: &random))
        steps.append("\(id) ends its transaction at \(end): \(outcome), epoch \(writer.epoch)")
        let result = try directory.append(
            TransactionMarker(outcome, coordinatorEpoch: writer.coordinator), producer: id, epoch: writer.epoch,
            timestamp: Make.time, to: partition)
        guard case .appended(let base, _) = result, base == end else {
            Issue.record("\(result) instead of a marker at \(end)")
            return
        }
        if outcome == .commit { committed.merge(writer.pending) { $1 } }
        writer.pending = [:]
        writer.start = nil
        writer.isKnown = true
        writers[id] = writer
        end += 1
    }

    private mutating func reopen() throws {
        if Bool.random(using: &random) {
            steps.append("closed and opened")
            try directory.close()
        } else {
            steps.append("killed and opened")
            memory.kill()
        }
        directory = try DataDirectory.open("/d", options: Self.options, disk: memory.disk)
    }

    /// Reads as Kafka's clients do: what stands in the list of aborted transactions is left out until its marker comes.
    mutating func readCommitted() throws -> [Offset: String] {
        var seen: [Offset: String] = [:]
        let partition = try partition
        var next = Offset.random(in: 0...lastStable, using: &random)
        let first = next
        while true {
            let slice = try partition.read(
                from: next, maxBytes: Int.random(in: 1...600, using: &random), minOneMessage: true,
                isolation: .committed)
            if slice.spans.isEmpty { break }
            var aborted = slice.aborted.sorted { $0.firstOffset < $1.firstOffset }[...]
            var active: Set<Int64> = []
            for span in slice.spans {
                var rest = try span.source.read(position: span.position, length: span.length)[...]
                while !rest.isEmpty {
                    let header = try BatchHeader(parsing: rest.rawSpan)
                    let batch = Array(rest.prefix(header.size))
                    rest = rest.dropFirst(header.size)
                    while let entry = aborted.first, entry.firstOffset <= header.lastOffset {
                        active.insert(entry.producerId)
                        aborted = aborted.dropFirst()
                    }
                    #expect(header.nextOffset <= slice.lastStable, "a batch beyond the last stable offset")
                    let (_, records) = try RecordBatch.decode(batch.rawSpan, limit: 1 << 20)
                    if header.isControl {
                        if records[0].key?[3] == 0 { active.remove(header.producerId) }
                    } else if !header.isTransactional || !active.contains(header.producerId) {
                        for record in records where record.offset >= next {
                            seen[record.offset] = String(decoding: record.value ?? [], as: UTF8.self)
                        }
                    }
                }
            }
            guard slice.nextOffset > next else {
                Issue.record("a read from \(next) does not go on")
                break
            }
            next = slice.nextOffset
        }
        #expect(next == lastStable, "a read from \(first) ends at \(next)")
        committedFrom = first
        return seen
    }

    var committedFrom: Offset = 0

    mutating func check() throws {
        let partition = try partition
        #expect((partition.highWatermark, partition.lastStable) == (end, lastStable))
        let seen = try readCommitted()
        let stable = lastStable
        #expect(seen == committed.filter { $0.key >= committedFrom && $0.key < stable })
        let states = partition.producers()
        #expect(states.map(\.producerId) == writers.keys.sorted())
        for state in states {
            let writer = try #require(writers[state.producerId])
            #expect((state.epoch, state.transactionStart) == (writer.epoch, writer.start))
            #expect(state.coordinatorEpoch == writer.coordinator)
            #expect(
                partition.nextSequence(producerId: state.producerId, epoch: state.epoch) == writer.sequence)
        }
    }
}

@Suite struct TransactionHistoryTests {
    @Test(
        "a reader of committed records sees what was committed, all of it and in order, through every crash",
        arguments: Seeds.some(150))
    func histories(seed: UInt64) throws {
        var history = try TransactionHistory(seed: seed)
        for _ in 0..<60 {
            try history.step()
            try history.check()
        }
        try history.directory.close()
    }
}
