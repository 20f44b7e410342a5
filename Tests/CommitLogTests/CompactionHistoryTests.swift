import Platform
import Records
import TestSupport
import Testing

@testable import CommitLog

/// Random keyed logs against what a plain reading of them says: through cleanings, crashes at every call to the disk, and
/// beside threads that append and read.
@Suite struct CompactionHistoryTests {
    @Test(
        "through appends, transactions, cleanings and openings the newest committed value of each key is what it was",
        arguments: Seeds.some(16))
    func histories(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let scene = try CompactionScene { options in
            // A map for 96 keys or so, or for all.
            if random.next() % 3 == 0 { options.cleaner.mapBytes = 4096 }
        }
        for step in 0..<8 {
            try scene.write(Int.random(in: 5...25, using: &random), &random)
            if random.next() % 4 == 0 {
                for id in scene.producers.keys.sorted() { try scene.end(id, random.next() % 3 == 0 ? .abort : .commit) }
            }
            scene.now += Int64.random(in: 0...800, using: &random)
            let tombstones = try scene.tombstones()
            if random.next() % 3 != 0 {
                _ = try scene.clean(from: random.next() % 6 == 0 ? 0 : nil)
                try scene.checkTombstones(tombstones, "step \(step)")
            }
            try scene.check("step \(step)")
            guard random.next() % 3 == 0 else { continue }
            if Bool.random(using: &random) { try scene.directory.close() } else { try scene.directory.sync() }
            scene.memory.kill()
            try scene.reopen()
            #expect(scene.directory.recovery.damage.isEmpty && scene.directory.recovery.cuts.isEmpty)
            try scene.check("step \(step), opened")
            try scene.checkProducers("step \(step), opened")
        }
    }

    /// Everything that leads to the cleaning that is to be interrupted.
    private static func prepared(_ seed: UInt64) throws -> CompactionScene {
        var random = SeededGenerator(seed: seed)
        let scene = try CompactionScene()
        try scene.write(12, &random)
        for id in scene.producers.keys.sorted() { try scene.end(id, .abort) }
        _ = try scene.clean()
        scene.now += 1_000
        try scene.write(12, &random)
        for id in scene.producers.keys.sorted() { try scene.end(id, .commit) }
        try scene.directory.checkpoint()
        return scene
    }

    @Test(
        "a crash at any call to the disk during a cleaning loses nothing, and the next cleaning comes to the same",
        arguments: Seeds.some(1), [false, true])
    func crashes(seed: UInt64, losesPower: Bool) throws {
        let calm = try Self.prepared(seed)
        let before = calm.memory.calls
        _ = try #require(try calm.directory.clean(calm.partition, now: calm.now))
        let calls = calm.memory.calls - before
        let records = try calm.batches().flatMap(\.records)
        #expect(calls > 30)
        // A crash at a call that changes nothing is like one at the next.
        var outcomes: Set<Int> = []
        for call in 1...calls {
            let scene = try Self.prepared(seed)
            scene.memory.die(after: call)
            _ = try? scene.directory.clean(scene.partition, now: scene.now)
            guard outcomes.insert(scene.memory.fingerprint).inserted else { continue }
            var random = SeededGenerator(seed: seed &+ UInt64(call))
            // A dead process's directory must not go on under the same disk.
            if losesPower { scene.memory.losePower(&random) } else { scene.memory.kill() }
            try scene.reopen()
            let moment = "call \(call) of \(calls)"
            #expect(
                scene.directory.recovery.damage.isEmpty && scene.directory.recovery.cuts.isEmpty,
                "\(moment): \(scene.directory.recovery)")
            #expect(!scene.memory.files.contains { SwapCompletion.endings.contains(where: $0.hasSuffix) }, "\(moment)")
            try scene.check(moment)
            try scene.checkProducers(moment)
            _ = try scene.clean(from: 0)
            try scene.check("\(moment), cleaned again")
            #expect(try scene.batches().flatMap(\.records) == records, "\(moment)")
        }
        #expect(outcomes.count > 10)
    }

    @Test(
        "each call to the disk fails once during a cleaning: it is given up or done, and nothing is lost",
        arguments: [5, 28])
    func failures(code: Int32) throws {
        let calm = try Self.prepared(1)
        let before = calm.memory.calls
        _ = try calm.directory.clean(calm.partition, now: calm.now)
        let calls = calm.memory.calls - before
        // A full disk is met where something is written.
        for call in stride(from: 0, to: calls, by: code == 5 ? 1 : 3) {
            let scene = try Self.prepared(1)
            scene.memory.fail(call: call, with: .fails(code))
            let moment = "call \(call) of \(calls)"
            do {
                let done = try scene.directory.clean(scene.partition, now: scene.now)
                #expect(done?.objection == nil || code == 5, "\(moment): \(done?.objection ?? "")")
            } catch {
                #expect("\(error)".contains("c-0") || "\(error)".contains("cleaner-offset"), "\(moment): \(error)")
            }
            try scene.check(moment)
            // Either writing has stopped, since names are in doubt, or everything goes on.
            if let reason = scene.directory.stopReason {
                for word in WayOut.words + ["the next start"] {
                    #expect(reason.contains(word), "\(moment): \(reason)")
                }
            } else {
                try scene.put([("after", "1")])
                #expect(!scene.memory.files.contains { $0.hasSuffix(".swap") }, "\(moment)")
            }
            scene.memory.kill()
            try scene.reopen()
            try scene.check("\(moment), opened")
            _ = try scene.clean(from: 0)
            try scene.check("\(moment), cleaned again")
        }
    }

    @Test("appends and reads go on beside cleanings: nobody sees a record vanish that is the newest of its key")
    func threads() throws {
        let scene = try CompactionScene { $0.checkpointBytes = 2_000 }
        let partition = try scene.partition
        let directory = scene.directory
        let trace = Lock<(running: Int, problems: [String])>((running: 2, problems: []))
        let keys = 5
        let rounds = 300
        var threads: [Thread] = []
        for writer in 0..<2 {
            threads.append(
                Thread(name: "writer \(writer)") {
                    do {
                        for round in 0..<rounds {
                            let records = (0..<keys).map { key in
                                Record(
                                    timestamp: Make.time, key: Array("\(writer) \(key)".utf8),
                                    value: Array("\(round)".utf8))
                            }
                            _ = try directory.append(RecordBatch.encode(records, codec: .lz4), to: partition)
                            if round % 10 == 9 { try directory.checkpoint() }
                        }
                    } catch {
                        trace.withLock { $0.problems.append("\(error)") }
                    }
                    trace.withLock { $0.running -= 1 }
                })
        }
        let cleanings = Lock(0)
        threads.append(
            Thread(name: "cleaner") {
                var isLast = false
                while !isLast {
                    isLast = trace.withLock { $0.running == 0 }
                    do {
                        while try directory.clean(now: Make.time, pace: { _ in true }) != nil {
                            cleanings.withLock { $0 += 1 }
                        }
                    } catch {
                        trace.withLock { $0.problems.append("\(error)") }
                    }
                }
            })
        threads.append(
            Thread(name: "reader") {
                while trace.withLock({ $0.running > 0 }) {
                    let end = partition.highWatermark
                    do {
                        let records = try partition.allRecords(maxBytes: 2_000)
                        let offsets = records.map(\.offset)
                        var problem = offsets == offsets.sorted() ? "" : "offsets out of order"
                        var newest: [[UInt8]: Int] = [:]
                        for record in records {
                            let value = Int(String(decoding: record.value ?? [], as: UTF8.self)) ?? -1
                            if let key = record.key, let old = newest[key], value <= old {
                                problem = "values out of order"
                            }
                            if let key = record.key { newest[key] = value }
                        }
                        // 5 records a batch: each key of a writer has been written whose batches lie below the end.
                        if end >= Offset(2 * rounds * keys / 2 + keys), newest.count != 2 * keys {
                            problem = "\(newest.count) keys below \(end)"
                        }
                        if !problem.isEmpty { trace.withLock { $0.problems.append(problem) } }
                    } catch {
                        trace.withLock { $0.problems.append("\(error)") }
                    }
                }
            })
        for thread in threads { thread.join() }
        #expect(trace.withLock { $0.problems } == [])
        #expect(cleanings.withLock { $0 } > 0)
        try directory.checkpoint()
        _ = try directory.clean(partition, now: Make.time)
        let left = try partition.allRecords(maxBytes: 2_000)
        #expect(left.count < 2 * rounds * keys / 4)
        let values = Dictionary(left.map { ($0.key, String(decoding: $0.value ?? [], as: UTF8.self)) }) { $1 }
        #expect(values.count == 2 * keys && values.values.allSatisfy { $0 == "\(rounds - 1)" })
    }
}

extension CompactionScene {
    /// Tombstones in the log, by offset: when they may go.
    func tombstones() throws -> [Offset: Int64?] {
        var found: [Offset: Int64?] = [:]
        for batch in try batches() where !batch.header.isControl {
            let horizon = batch.header.attributes.contains(.deleteHorizon) ? batch.header.baseTimestamp : nil
            for record in batch.records where record.value == nil { found[record.offset] = .some(horizon) }
        }
        return found
    }

    /// A tombstone that a cleaning took was past its horizon, or not the newest of its key, or had none, or was aborted.
    func checkTombstones(_ before: [Offset: Int64?], _ moment: String) throws {
        let after = try tombstones()
        for (offset, horizon) in before where after[offset] == nil {
            if let horizon, horizon <= now { continue }
            let entry = try #require(entries[offset])
            let isAborted = entry.transaction.map { fates[$0] == .aborted } ?? false
            let isOutdated = entries.values.contains { other in
                other.record.offset > offset && other.record.key == entry.record.key
                    && (other.transaction.map { fates[$0] == .committed } ?? true)
            }
            #expect(isAborted || isOutdated || entry.record.key == nil, "\(moment): the tombstone at \(offset) is gone")
        }
    }
}
