import Platform
import Records
import TestSupport
import Testing

@testable import CommitLog

/// Other settings are changed on a living topic where what they do is tested: `AlterTests`, `RetentionTests` and
/// `SegmentTests` here, and those of a producer's batch and of flushing in the broker.
@Suite("A setting that is changed while its topic is in use counts at once")
struct LivingSettingsTests {
    private let scene: CompactionScene

    /// A segment is closed by time only, every batch but its first has an index entry, and nothing is due.
    private static let standing = [
        "cleanup.policy": "compact", "segment.ms": "1000", "index.interval.bytes": "0",
        "min.cleanable.dirty.ratio": "1.0",
    ]

    init() throws { scene = try CompactionScene(configuration: Self.standing) }

    private func alter(_ changes: [String: String]) throws {
        try scene.directory.alterTopic(named: "c", configuration: Self.standing.merging(changes) { $1 })
    }

    /// Appends batches of one record, all with other keys.
    private func put(_ count: Int, apart milliseconds: Int64 = 10) throws {
        for _ in 0..<count {
            scene.now += milliseconds
            try scene.put([("key \(scene.entries.count)", "x")])
        }
    }

    private func bases() throws -> [Offset] { try scene.partition.view.withLock { $0.segments.map(\.base) } }

    // MARK: - Segments

    /// Appends 400 batches, four seconds by their own clock.
    /// - Returns: how many of them each segment holds that was begun and closed meanwhile.
    private func lengths() throws -> [Int] {
        let old = try bases().count
        try put(400)
        let bases = try bases().dropFirst(old)
        return zip(bases, bases.dropFirst()).map { Int($1 - $0) }
    }

    @Test(
        "segments are closed by the new bound, the next append does so if it must, and by the old one when it is back",
        arguments: [
            ("segment.ms", "95", 10), ("max.compaction.lag.ms", "95", 10),
            // Four places in the time index, of which the last is kept free; the first batch has no entry.
            ("segment.index.bytes", "48", 4),
        ])
    func closing(name: String, value: String, expected: Int) throws {
        #expect(try lengths() == [101, 101])
        try alter([name: value])
        let old = try bases().count
        try put(1)
        #expect(try bases().count == old + 1)
        let changed = try lengths()
        #expect(changed.count > 30 && changed.allSatisfy { $0 == expected }, "\(changed)")
        try alter([:])
        let back = try lengths()
        #expect(back.count > 1 && back.allSatisfy { $0 == 101 }, "\(back)")
    }

    @Test("with segment.jitter.ms segments are closed earlier, and without it when they were before")
    func jitter() throws {
        #expect(try lengths() == [101, 101])
        try alter(["segment.jitter.ms": "1000"])
        // By chance one may be closed as late as without it, but hardly six.
        let changed = try lengths() + lengths()
        #expect(changed.count >= 6 && changed.allSatisfy { $0 <= 101 } && changed.contains { $0 < 101 }, "\(changed)")
        try alter([:])
        let back = try lengths()
        #expect(back.count > 1 && back.allSatisfy { $0 == 101 }, "\(back)")
    }

    @Test("index.interval.bytes decides for the next batch whether it has an index entry, also in a segment that grows")
    func indexInterval() throws {
        func entries(of count: Int) throws -> Int {
            let active = try scene.partition.writer.withLock { $0.active }
            let before = active.indexCounts.offsets
            try put(count, apart: 1)
            return active.indexCounts.offsets - before
        }
        #expect(try entries(of: 20) == 19)
        let size = try #require(scene.batches().last).header.size
        // Every fifth batch is the first one beyond it.
        try alter(["index.interval.bytes": "\(5 * size - 1)"])
        #expect(try entries(of: 20) == 4)
        try alter(["index.interval.bytes": "1000000"])
        #expect(try entries(of: 20) == 0)
        try alter([:])
        #expect(try entries(of: 20) == 20)
        #expect(try bases() == [0])
    }

    // MARK: - What goes

    @Test("files of segments wait as long as file.delete.delay.ms said when they were deleted")
    func deleteDelay() throws {
        func deleted() -> [String] { scene.memory.files.filter { $0.hasSuffix(".log.deleted") } }
        func delete() throws {
            try put(3, apart: 2000)
            try scene.directory.enforceRetention(now: Make.time)
        }
        let short = ["cleanup.policy": "delete", "retention.bytes": "0", "retention.ms": "-1"]
        try alter(short)
        try delete()
        let early = deleted()
        #expect(early.count > 1)
        try alter(short.merging(["file.delete.delay.ms": "1000"]) { $1 })
        try delete()
        let all = deleted()
        #expect(all.count > early.count)
        try scene.directory.removeDeletedFiles(now: Make.time + 999)
        #expect(deleted() == all)
        try scene.directory.removeDeletedFiles(now: Make.time + 1000)
        #expect(deleted() == early)
        try scene.directory.removeDeletedFiles(now: Make.time + 60_000)
        #expect(deleted().isEmpty)
    }

    @Test("a deletion that compaction meets later is kept as long as delete.retention.ms says by then")
    func deleteRetention() throws {
        /// The delete horizons in what is cleaned, as they lie before now.
        func horizons() throws -> [Int64] {
            try put(2, apart: 2000)
            _ = try scene.clean()
            let batches = try scene.batches().filter { $0.records.contains { $0.value == nil } }
            return batches.map { $0.header.attributes.contains(.deleteHorizon) ? $0.header.baseTimestamp : -1 }
        }
        try scene.put([("a", nil)])
        var expected = [scene.now + 4000 + 86_400_000]
        #expect(try horizons() == expected)
        try alter(["delete.retention.ms": "5"])
        try scene.put([("b", nil)])
        expected.append(scene.now + 4000 + 5)
        #expect(try horizons() == expected)
        // The second one's time is over.
        #expect(try horizons() == [expected[0]])
    }

    @Test(
        "whether a log is due to be compacted is judged by the new setting, and by the old one when it is back",
        arguments: [
            (["min.cleanable.dirty.ratio": "0.9"], ["min.cleanable.dirty.ratio": "0.01"]),
            (["min.cleanable.dirty.ratio": "0.9"], ["max.compaction.lag.ms": "5000"]),
            (
                ["min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "1000000"],
                ["min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "5"]
            ),
        ])
    func due(before: [String: String], after: [String: String]) throws {
        func isCleaned() throws -> Bool {
            try put(20, apart: 500)
            try scene.directory.checkpoint()
            let end = try scene.directory.clean(now: scene.now) { _ in true }?.end
            return end != nil
        }
        try put(100, apart: 500)
        try scene.clean()
        for _ in 0..<2 {
            try alter(before)
            #expect(try !isCleaned())
            try alter(after)
            #expect(try isCleaned())
        }
    }
}
