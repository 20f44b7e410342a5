import Records
import TestSupport
import Testing

@testable import CommitLog

/// A time entry with another offset, in order with its neighbours, does not let a search begin behind what it looks for.
@Suite struct MovedTimeEntryTests {
    typealias Model = IndexTests.Model

    @Test(
        "a time entry that was moved to another batch hides no record from a search by time",
        arguments: Seeds.some(2), [300, 20_000])
    func moved(seed: UInt64, largest: Int) throws {
        var random = SeededGenerator(seed: seed)
        for interval in [0, 1000, 30_000] as [Int64] {
            let model = try Model(&random, count: 40, largest: largest)
            // To one of the same time nobody can tell, where times are in no order.
            let count = try moveEntries(of: model, interval) { $0.timestamp != $1.maxTimestamp }
            #expect(count > 20 || interval > 0)
        }
    }

    @Test("nor one that was moved to a batch of the same time, where times are in order", arguments: [0, 100, 300])
    func movedWithinOneTime(interval: Int64) throws {
        let model = try Model(times: (0..<40).map { Make.time + $0 / 4 * 1000 })
        #expect(try moveEntries(of: model, interval) { _, _ in true } > 40)
    }

    /// Moves each time entry of a closed segment to other batches, one after the other, as far as the entries stay in
    /// order, and searches by time.
    /// - Returns: how often one was moved.
    private func moveEntries(
        of model: Model, _ interval: Int64, where isMoved: (TimeIndex.Entry, ScannedBatch) -> Bool
    ) throws -> Int {
        var site = try Site(model, interval)
        let right = site.times
        var count = 0
        for (place, entry) in right.enumerated() {
            let before = place == 0 ? .none : right[place - 1]
            for batch in model.batches where isMoved(entry, batch) {
                var wrong = entry
                wrong.relativeOffset = Int32(batch.lastOffset - Model.base)
                guard wrong != entry, before.precedes(wrong) else { continue }
                guard place + 1 == right.count || wrong.precedes(right[place + 1]) else { continue }
                site.times[place] = wrong
                try site.search(around: before, entry, wrong)
                count += 1
            }
            site.times[place] = entry
        }
        return count
    }

    private struct Site {
        let memory = MemoryDisk()
        let model: Model
        let interval: Int64
        /// What the time index is to say.
        var times: [TimeIndex.Entry]

        init(_ model: Model, _ interval: Int64) throws {
            (self.model, self.interval) = (model, interval)
            try memory.disk.makeDirectory("/s")
            try memory.disk.open(IndexTests.Site.stem + ".log", .create).write(model.bytes, at: 0)
            var builder = model.builder(interval: interval)
            builder.finish()
            times = builder.times
            _ = try Segment.writeIndexes(builder, stem: IndexTests.Site.stem, disk: memory.disk)
        }

        /// Nobody has looked at it.
        private func segment() -> Segment {
            memory.setBytes(of: IndexTests.Site.stem + Segment.timeIndexSuffix, to: TimeIndex.encode(times))
            return Segment(
                closed: Model.base, in: "/s", size: model.size, nextOffset: model.end, indexInterval: interval,
                files: FileCache(disk: memory.disk, openFiles: 4, mappedBytes: 1 << 20))
        }

        /// Searches where the entry that was moved, and the one before it, are looked at.
        func search(around before: TimeIndex.Entry, _ right: TimeIndex.Entry, _ wrong: TimeIndex.Entry) throws {
            let comment: Comment = "interval \(interval), \(right) was moved to \(wrong.relativeOffset)"
            let middle = model.batches[model.batches.count / 2].baseOffset
            for time in [before.timestamp + 1, right.timestamp, right.timestamp + 1] {
                for first in [0, middle] {
                    let found = try segment().batch(atOrAfter: time, from: first, limit: model.size)
                    let next = model.batches.first { $0.maxTimestamp >= time && $0.lastOffset >= first }
                    #expect(found == next, comment)
                }
            }
            let offsets = [right, wrong].map { Model.base + Int64($0.relativeOffset) }.sorted()
            var largest: Int64 = -1
            for batch in model.batches {
                if offsets[0] <= batch.baseOffset && batch.baseOffset <= offsets[1] {
                    let found = try segment().largestTimestamp(below: batch.baseOffset, limit: batch.position)
                    #expect(found == largest, comment)
                }
                largest = max(largest, batch.maxTimestamp)
            }
        }
    }
}
