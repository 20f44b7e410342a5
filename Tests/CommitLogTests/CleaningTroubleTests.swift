import Records
import TestSupport
import Testing

@testable import CommitLog

/// Cleanings that meet what others left, or what the disk does not give.
@Suite struct CleaningTroubleTests {
    /// Several groups of segments, and the names of a first output that could not be discarded.
    private func scene(_ seed: UInt64) throws -> CompactionScene {
        var random = SeededGenerator(seed: seed)
        let scene = try CompactionScene()
        try scene.write(30, &random)
        for id in scene.producers.keys.sorted() { try scene.end(id, .abort) }
        try scene.directory.checkpoint()
        for suffix in [".txnindex", ".snapshot"] {
            _ = try scene.memory.disk.open("/d/c-0/00000000000000000000\(suffix).cleaned", .create)
        }
        _ = try scene.memory.disk.open("/d/c-0/00000000000000000003.log.cleaned", .create)
        return scene
    }

    @Test(
        "what an earlier output left takes no later one with it, at whichever call the process dies",
        arguments: Seeds.some(1))
    func stale(seed: UInt64) throws {
        let calm = try scene(seed)
        let before = calm.memory.calls
        #expect(try #require(try calm.directory.clean(calm.partition, now: calm.now)).replaced > 1)
        let calls = calm.memory.calls - before
        #expect(!calm.memory.files.contains { $0.hasSuffix(".cleaned") })
        for call in 1...calls {
            let scene = try scene(seed)
            scene.memory.die(after: call)
            _ = try? scene.directory.clean(scene.partition, now: scene.now)
            var random = SeededGenerator(seed: seed &+ UInt64(call))
            if call % 2 == 0 { scene.memory.losePower(&random) } else { scene.memory.kill() }
            try scene.reopen()
            #expect(
                scene.directory.recovery.damage.isEmpty && scene.directory.recovery.cuts.isEmpty,
                "call \(call) of \(calls): \(scene.directory.recovery)")
            try scene.check("call \(call) of \(calls)")
        }
    }

    @Test("an output that changes nothing and cannot be discarded ends the cleaning, and says so")
    func undiscarded() throws {
        // Keys that come once: nothing of them goes.
        let scene = try CompactionScene()
        for number in 0..<40 { try scene.put([("once \(number)", String(repeating: "x", count: 60))]) }
        try scene.directory.checkpoint()
        scene.memory.fail { call in call.operation == .remove && call.path.hasSuffix(".cleaned") ? .fails(5) : nil }
        // Segments of one cleaning are joined: the second has nothing to do.
        _ = try scene.directory.clean(scene.partition, from: 0, now: scene.now)
        scene.memory.fail(when: nil)
        let result = try CompactionScene.unchanged(scene)
        #expect(result?.objection?.contains(".cleaned") == true, "\(String(describing: result))")
        try scene.check("in the end")
    }

    @Test("a partition of which the disk does not say what there is to clean is left alone, and the others are cleaned")
    func unreadable() throws {
        let memory = MemoryDisk()
        var configuration = CompactionScene.configuration
        configuration["max.compaction.lag.ms"] = "1000000"
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        for name in ["a", "b"] {
            let topic = try directory.createTopic(name, partitions: 1, configuration: configuration)
            for number in 0..<40 {
                let record = Record(timestamp: Make.time, key: [1], value: Array("\(number)".utf8))
                _ = try directory.append(RecordBatch.encode([record]), to: topic.partitions[0])
            }
        }
        try directory.close()
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        memory.fail { call in
            call.path.hasPrefix("/d/a-0/") && call.path.hasSuffix(".log") && call.operation != .status ? .fails(5) : nil
        }
        let first = try #require(try directory.clean(now: Make.time) { _ in true })
        #expect(first.partition == "a-0" && first.objection?.contains("/d/a-0/") == true)
        let second = try #require(try directory.clean(now: Make.time) { _ in true })
        #expect(second.partition == "b-0" && second.objection == nil && second.replaced > 1)
        #expect(try directory.clean(now: Make.time) { _ in true } == nil)
    }

    @Test("a partition whose segments somebody else takes away meanwhile does not keep the others from being cleaned")
    func overtaken() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        for name in ["a", "b"] {
            let topic = try directory.createTopic(name, partitions: 1, configuration: CompactionScene.configuration)
            for number in 0..<40 {
                let record = Record(timestamp: Make.time, key: [1], value: Array("\(number)".utf8))
                _ = try directory.append(RecordBatch.encode([record]), to: topic.partitions[0])
            }
        }
        try directory.checkpoint()
        // As if retention were faster, each time.
        memory.fail { call in
            let isOutput = call.path.hasPrefix("/d/a-0/") && call.path.hasSuffix(".cleaned")
            return isOutput && call.operation == .open ? .fails(2) : nil
        }
        let done = try #require(try directory.clean(now: Make.time) { _ in true })
        #expect(done.partition == "b-0" && done.objection == nil)
        memory.fail(when: nil)
        #expect(try directory.clean(now: Make.time) { _ in true }?.partition == "a-0")
    }

    @Test("a log whose first segments hold nothing any more begins where it did, before and after an opening")
    func emptyBeginning() throws {
        let scene = try CompactionScene()
        for number in 0..<30 { try scene.put([("\(number % 5)", "\(number)" + String(repeating: "x", count: 200))]) }
        _ = try scene.clean()
        #expect(try scene.partition.allRecords(maxBytes: 4_000).first.map { $0.offset > 10 } == true)
        #expect(try scene.partition.logStart == 0)
        for isClean in [true, false] {
            if isClean { try scene.directory.close() }
            scene.memory.kill()
            try scene.reopen()
            #expect(try scene.partition.logStart == 0)
            try scene.check("opened")
        }
    }
}

extension CompactionScene {
    /// A cleaning of one segment that comes through as it is, whose output cannot be removed.
    static func unchanged(_ scene: CompactionScene) throws -> Cleaning? {
        try scene.directory.checkpoint()
        scene.memory.fail { call in call.operation == .remove && call.path.hasSuffix(".cleaned") ? .fails(5) : nil }
        defer { scene.memory.fail(when: nil) }
        return try scene.directory.clean(scene.partition, from: 0, now: scene.now)
    }
}
