import Records
import TestSupport
import Testing

@testable import CommitLog

/// The producer table by itself: what a snapshot keeps, what is forgotten, what is stable.
@Suite struct ProducerTableTests {
    /// One batch or marker of a log.
    struct Event {
        var header: BatchHeader
        var marker: TransactionMarker?
    }

    /// A random log: whatever the table would let in.
    static func log(_ random: inout SeededGenerator, _ count: Int, limit: Int) throws -> [Event] {
        var table = ProducerTable(limit: limit)
        var events: [Event] = []
        var end: Offset = 0
        while events.count < count {
            let id = Int64.random(in: 0...9, using: &random)
            let entry = table.entries[id]
            let epoch = Int16(clamping: Int(entry?.epoch ?? 0) + (Int.random(in: 0...9, using: &random) == 0 ? 1 : 0))
            if Int.random(in: 0...3, using: &random) == 0 {
                let marker = TransactionMarker(
                    Bool.random(using: &random) ? .commit : .abort,
                    coordinatorEpoch: max(0, entry?.coordinatorEpoch ?? 0))
                let batch = try marker.batch(producer: id, epoch: epoch, timestamp: Make.time + end)
                batch.stamp(baseOffset: end, leaderEpoch: 0)
                guard table.judge(marker, of: id, epoch: epoch) == .append else { continue }
                events.append(Event(header: batch.header, marker: marker))
            } else {
                let sequences: [Int32] = [0, table.nextSequence(id, epoch: epoch), .max - 1, 7]
                let header = try Make.header(
                    ProducerStamp(id: id, epoch: epoch, baseSequence: sequences.randomElement(using: &random) ?? 0),
                    at: end, count: Int.random(in: 1...3, using: &random),
                    isTransactional: entry?.transactionStart != nil || Bool.random(using: &random),
                    timestamp: Make.time + end)
                guard table.judge(header) == .append else { continue }
                events.append(Event(header: header))
            }
            table.record(events[events.count - 1].header, events[events.count - 1].marker)
            end = events[events.count - 1].header.nextOffset
        }
        return events
    }

    @Test(
        "a table from a snapshot and the batches behind it is the one of all batches, but for older batches than the newest",
        arguments: Seeds.some(200))
    func restart(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let limit = Int.random(in: 4...12, using: &random)
        let events = try Self.log(&random, 120, limit: limit)
        var whole = ProducerTable(limit: limit)
        var restored = whole
        var aborted: [AbortedTransaction] = []
        var abortedAgain: [AbortedTransaction] = []
        for (place, event) in events.enumerated() {
            if Int.random(in: 0...9, using: &random) == 0 {
                let end = place == 0 ? 0 : events[place - 1].header.nextOffset
                restored = try ProducerSnapshot.decode(ProducerSnapshot.encode(restored), upTo: end, limit: limit)
            }
            if let ended = whole.record(event.header, event.marker)?.aborted { aborted.append(ended) }
            if let ended = restored.record(event.header, event.marker)?.aborted { abortedAgain.append(ended) }
            #expect(whole.transactions == restored.transactions)
            #expect(whole.entries.count <= limit || whole.transactions.count >= limit)
        }
        #expect(aborted == abortedAgain)
        #expect(whole.entries.mapValues(Self.newest) == restored.entries.mapValues(Self.newest))
        for (id, entry) in whole.entries {
            let again = try #require(restored.entries[id])
            #expect(entry.batches.suffix(again.batches.count) == again.batches[...])
        }
    }

    private static func newest(_ entry: ProducerTable.Entry) -> ProducerTable.Entry {
        var entry = entry
        entry.batches = Array(entry.batches.suffix(1))
        return entry
    }

    @Test("a producer expires by its newest timestamp, but none with an open transaction and none of a pipeline")
    func expiry() throws {
        var table = ProducerTable(limit: 10)
        func send(_ id: Int64, at offset: Offset, _ timestamp: Int64, isTransactional: Bool = false) throws {
            table.record(
                try Make.header(
                    ProducerStamp(id: id, epoch: 0, baseSequence: 0), at: offset, isTransactional: isTransactional,
                    timestamp: timestamp), nil)
        }
        try send(1, at: 0, 100)
        try send(2, at: 1, 200)
        try send(3, at: 2, 100, isTransactional: true)
        try send(PipelineProducer.firstReserved, at: 3, 100)
        #expect(table.expire(before: 100) == 0)
        #expect(table.expire(before: 101) == 1)
        #expect(table.entries.keys.sorted() == [2, 3, PipelineProducer.firstReserved])
        // A marker is a sign of life, too.
        let marker = try TransactionMarker(.commit, coordinatorEpoch: 0).batch(producer: 3, epoch: 0, timestamp: 300)
        marker.stamp(baseOffset: 4, leaderEpoch: 0)
        table.record(marker.header, TransactionMarker(marker))
        #expect(table.expire(before: 300) == 1)
        #expect(table.entries.keys.sorted() == [3, PipelineProducer.firstReserved])
        #expect(table.expire(before: .max) == 1)
    }

    @Test("a transaction whose marker is not visible yet is not stable")
    func unseenMarker() throws {
        var stable = StableOffset()
        var open = OpenTransactions()
        open.begin(1, at: 10)
        open.begin(2, at: 12)
        #expect(stable.offset(highWatermark: 9, open: open) == 9)
        #expect(stable.offset(highWatermark: 20, open: open) == 10)
        open.end(1, from: 10)
        stable.note(
            EndedTransaction(
                outcome: .abort,
                range: AbortedTransaction(producerId: 1, firstOffset: 10, lastOffset: 20, lastStable: 12)))
        // The marker stands at 20, where the high watermark is still.
        #expect(stable.offset(highWatermark: 20, open: open) == 10)
        #expect(stable.offset(highWatermark: 21, open: open) == 12)
        open.end(2, from: 12)
        #expect(stable.offset(highWatermark: 30, open: open) == 30)
    }

    @Test("a batch that compaction emptied opens no transaction: its marker may be gone")
    func emptied() throws {
        var table = ProducerTable(limit: 10)
        let stamp = ProducerStamp(id: 1, epoch: 0, baseSequence: 5)
        let full = try Make.header(stamp, at: 0, count: 3, isTransactional: true)
        let empty = try RecordBatch.encode([], as: full, codec: .none)
        table.record(empty.header, nil)
        #expect(table.transactions.first == nil)
        #expect(table.nextSequence(1, epoch: 0) == 8)
    }

    @Test("a full table forgets who wrote longest ago, and not who was fenced")
    func fenced() throws {
        var table = ProducerTable(limit: 10)
        let marker = TransactionMarker(.abort, coordinatorEpoch: 0)
        for id in Int64(0)..<10 {
            let stamp = ProducerStamp(id: id, epoch: 3, baseSequence: 0)
            table.record(try Make.header(stamp, at: id, isTransactional: id == 9), nil)
        }
        let batch = try marker.batch(producer: 9, epoch: 4, timestamp: Make.time)
        batch.stamp(baseOffset: 10, leaderEpoch: 0)
        table.record(batch.header, marker)
        table.record(try Make.header(ProducerStamp(id: 20, epoch: 0, baseSequence: 0), at: 11), nil)
        #expect(table.entries.keys.sorted() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 20])
        #expect(table.entries[9]?.epoch == 4)
    }
}
