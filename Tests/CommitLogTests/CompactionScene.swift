import Platform
import Records
import TestSupport
import Testing

@testable import CommitLog

/// A compacted partition with tiny segments, and everything that was ever written to it.
final class CompactionScene {
    struct Entry: Equatable {
        var record: Record
        /// Of the transaction that it belongs to, nil for none.
        var transaction: Int?
    }

    enum Fate { case open, committed, aborted }

    struct Producer {
        var epoch: Int16 = 0
        var next: Int32 = 0
        var transaction: Int?
        /// The last batch, to be sent again.
        var last: (records: [Record], sequence: Int32, base: Offset)?
    }

    let memory: MemoryDisk
    let options: LogOptions
    private(set) var directory: DataDirectory
    /// Everything, by offset; markers take an offset too.
    var entries: [Offset: Entry] = [:]
    var fates: [Fate] = []
    var producers: [Int64: Producer] = [:]
    /// Everything below was cleaned, without an interruption.
    var cleaned: Offset = 0
    var now = Make.time

    static let configuration = [
        "cleanup.policy": "compact", "segment.bytes": "900", "index.interval.bytes": "150",
        "delete.retention.ms": "1000", "min.cleanable.dirty.ratio": "0.01",
    ]

    init(
        memory: MemoryDisk = MemoryDisk(), path: String = "/d", disk: Disk? = nil,
        configuration: [String: String] = CompactionScene.configuration, _ change: (inout LogOptions) -> Void = { _ in }
    ) throws {
        var options = LogOptions()
        options.reserveBytes = 0
        change(&options)
        self.options = options
        self.memory = memory
        directory = try DataDirectory.open(path, options: options, disk: disk ?? memory.disk)
        _ = try directory.createTopic("c", partitions: 1, configuration: configuration)
    }

    var partition: Partition { get throws { try #require(directory.topic(named: "c")).partitions[0] } }

    func reopen() throws { directory = try DataDirectory.open("/d", options: options, disk: memory.disk) }

    // MARK: - Writing

    /// Appends keyed values; nil is a tombstone.
    @discardableResult
    func put(
        _ pairs: [(key: String?, value: String?)], producer id: Int64 = -1, transactional: Bool = false,
        codec: Codec = .none
    ) throws -> Offset {
        let records = pairs.map { pair in
            Record(timestamp: now, key: pair.key.map { Array($0.utf8) }, value: pair.value.map { Array($0.utf8) })
        }
        return try put(records, producer: id, transactional: transactional, codec: codec)
    }

    func put(
        _ records: [Record], producer id: Int64, transactional: Bool, codec: Codec
    ) throws -> Offset {
        var producer = producers[id] ?? Producer()
        let batch = try RecordBatch.encode(
            records, codec: codec, producerId: id, producerEpoch: id < 0 ? -1 : producer.epoch,
            baseSequence: id < 0 ? -1 : producer.next, isTransactional: transactional)
        guard case .appended(let base, _) = try directory.append(batch, to: partition) else {
            Issue.record("a batch of producer \(id) was not appended")
            return -1
        }
        if transactional, producer.transaction == nil {
            producer.transaction = fates.count
            fates.append(.open)
        }
        for (place, record) in records.enumerated() {
            var stored = record
            stored.offset = base + Offset(place)
            entries[stored.offset] = Entry(record: stored, transaction: transactional ? producer.transaction : nil)
        }
        if id >= 0 {
            producer.last = (records, producer.next, base)
            producer.next += Int32(records.count)
            producers[id] = producer
        }
        return base
    }

    func end(_ id: Int64, _ outcome: TransactionMarker.Outcome) throws {
        guard let transaction = producers[id]?.transaction else { return }
        _ = try directory.append(
            TransactionMarker(outcome, coordinatorEpoch: 0), producer: id, epoch: producers[id]?.epoch ?? 0,
            timestamp: now, to: partition)
        fates[transaction] = outcome == .abort ? .aborted : .committed
        producers[id]?.transaction = nil
    }

    /// Cleans what can be cleaned, due or not.
    @discardableResult
    func clean(from start: Offset? = nil) throws -> Cleaning? {
        try directory.checkpoint()
        let result = try directory.clean(partition, from: start, now: now)
        if let result, result.objection == nil { cleaned = max(cleaned, result.end) }
        return result
    }

    // MARK: - Reading

    func batches() throws -> [(header: BatchHeader, records: [Record])] {
        let partition = try partition
        var batches: [(BatchHeader, [Record])] = []
        var next = partition.logStart
        while next < partition.highWatermark {
            let slice = try partition.read(from: next, maxBytes: 4000, minOneMessage: true)
            for span in slice.spans {
                var rest = try span.source.read(position: span.position, length: span.length)[...]
                while !rest.isEmpty {
                    let header = try BatchHeader(parsing: rest.rawSpan)
                    let bytes = Array(rest.prefix(header.size))
                    if header.nextOffset > next {
                        batches.append(try RecordBatch.decode(bytes.rawSpan, limit: 1 << 20))
                    }
                    rest = rest.dropFirst(header.size)
                }
            }
            guard slice.nextOffset > next else {
                Issue.record("a read from \(next) does not go on")
                break
            }
            next = slice.nextOffset
        }
        return batches
    }

    /// What a reader of committed records gets, by the rules that Kafka's consumers have.
    func committed() throws -> [Record] {
        let partition = try partition
        var index: [AbortedTransaction] = []
        for segment in partition.view.withLock({ $0.segments }) {
            _ = try segment.aborted.forEach { entry in
                index.append(entry)
                return true
            }
        }
        index.sort { $0.firstOffset < $1.firstOffset }
        var active: Set<Int64> = []
        var records: [Record] = []
        for batch in try batches() where batch.header.lastOffset < partition.lastStable {
            while let first = index.first, first.firstOffset <= batch.header.lastOffset {
                active.insert(first.producerId)
                index.removeFirst()
            }
            if batch.header.isControl {
                if let record = batch.records.first, record.key?.last == 0 { active.remove(batch.header.producerId) }
                continue
            }
            if batch.header.isTransactional && active.contains(batch.header.producerId) { continue }
            records += batch.records
        }
        return records
    }

    // MARK: - Checking

    private func isVisible(_ entry: Entry) -> Bool {
        guard let transaction = entry.transaction else { return true }
        return fates[transaction] == .committed
    }

    /// What someone has who reads everything and keeps the newest value of each key.
    private func table(_ records: some Sequence<Record>) -> [[UInt8]: [UInt8]] {
        var table: [[UInt8]: [UInt8]] = [:]
        for record in records { if let key = record.key { table[key] = record.value } }
        return table
    }

    func check(_ moment: String) throws {
        let partition = try partition
        let batches = try batches()
        var last: Offset = -1
        for batch in batches {
            #expect(batch.header.baseOffset > last, "\(moment): offsets do not rise")
            last = batch.header.lastOffset
            for record in batch.records where !batch.header.isControl {
                #expect(
                    entries[record.offset]?.record == record, "\(moment): offset \(record.offset) is another record")
            }
        }
        let all = entries.values.sorted { $0.record.offset < $1.record.offset }
        let open = all.first { $0.transaction.map { fates[$0] == .open } ?? false }
        #expect(partition.lastStable == open?.record.offset ?? partition.highWatermark, "\(moment): last stable offset")
        let stable = all.filter { $0.record.offset < partition.lastStable && isVisible($0) }.map(\.record)
        let read = try committed()
        #expect(table(read) == table(stable), "\(moment): a reader's newest values")
        let visible = Set(stable.map(\.offset))
        #expect(read.allSatisfy { visible.contains($0.offset) }, "\(moment): a reader sees what was aborted")
        checkCleaned(batches, all, moment)
    }

    /// Below the end of the last cleaning only the newest committed record of each key is left, with a key.
    private func checkCleaned(
        _ batches: [(header: BatchHeader, records: [Record])], _ all: [Entry], _ moment: String
    ) {
        var newest: [[UInt8]: Offset] = [:]
        for entry in all where entry.record.offset < cleaned && isVisible(entry) {
            if let key = entry.record.key { newest[key] = entry.record.offset }
        }
        for batch in batches where !batch.header.isControl {
            for record in batch.records where record.offset < cleaned {
                let isNewest = record.key.map { newest[$0] == record.offset } ?? false
                #expect(isNewest, "\(moment): offset \(record.offset) should be gone, cleaned to \(cleaned)")
            }
        }
    }

    /// What every producer sent last is recognised, and what follows is taken.
    func checkProducers(_ moment: String) throws {
        for (id, producer) in producers {
            guard let last = producer.last, producer.transaction == nil else { continue }
            let copy = try RecordBatch.encode(
                last.records, producerId: id, producerEpoch: producer.epoch, baseSequence: last.sequence)
            let result = try directory.append(copy, to: partition)
            guard case .duplicate(let base, _) = result else {
                Issue.record("\(moment): producer \(id)'s last batch again: \(result)")
                continue
            }
            #expect(base == last.base, "\(moment): producer \(id)")
            #expect(try partition.nextSequence(producerId: id, epoch: producer.epoch) == producer.next)
        }
    }
}
