import Foundation
import Records
import TestSupport
import Testing

@testable import CommitLog

@Suite struct CompactionTests {
    // MARK: - Kafka's bytes

    private static let vectors = "vectors/compaction"

    private func adopt(_ state: String) throws -> (MemoryDisk, DataDirectory) {
        let memory = MemoryDisk()
        try memory.disk.makeDirectory("/d")
        try memory.disk.makeDirectory("/d/c-0")
        for file in Shared.names(in: "\(Self.vectors)/\(state)") {
            try memory.disk.open("/d/c-0/\(file)", .create).write(
                Shared.bytes("\(Self.vectors)/\(state)/\(file)"), at: 0)
        }
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        try directory.alterTopic(
            named: "c",
            configuration: ["cleanup.policy": "compact", "segment.bytes": "800", "delete.retention.ms": "100000"])
        try directory.checkpoint()
        return (memory, directory)
    }

    private func logs(_ memory: MemoryDisk) -> [String: [UInt8]] {
        let names = memory.files.filter { $0.hasPrefix("/d/c-0/") && $0.hasSuffix(".log") }
        return Dictionary(uniqueKeysWithValues: names.map { (String($0.dropFirst(7)), memory.bytes(of: $0) ?? []) })
    }

    private func expected(_ state: String) throws -> [String: [UInt8]] {
        let names = Shared.names(in: "\(Self.vectors)/\(state)").filter { $0.hasSuffix(".log") }
        return Dictionary(
            uniqueKeysWithValues: try names.map { ($0, try Shared.bytes("\(Self.vectors)/\(state)/\($0)")) })
    }

    @Test(
        "what Kafka's cleaner makes of a log comes out byte for byte, and again once the delete horizon is past",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)))
    func vectors() throws {
        let (memory, directory) = try adopt("before")
        let partition = try #require(directory.topic(named: "c")).partitions[0]
        _ = try #require(try directory.clean(partition, now: Make.time + 1_000))
        #expect(logs(memory) == (try expected("after-first")))
        // Before the horizon nothing more goes but the border of two segments; their records stay.
        let records = try partition.allRecords()
        _ = try directory.clean(partition, from: 0, now: Make.time + 100_999)
        #expect(try partition.allRecords() == records)
        _ = try directory.clean(partition, from: 0, now: Make.time + 101_000)
        #expect(logs(memory) == (try expected("after-horizon")))
        memory.kill()
        let opened = try DataDirectory.open("/d", disk: memory.disk)
        #expect(opened.recovery.damage.isEmpty && opened.recovery.cuts.isEmpty)
        #expect(logs(memory) == (try expected("after-horizon")))
    }

    @Test(
        "Kafka's own tool reads cleaned files to the end, and finds their indexes right",
        .enabled(if: DumpLog.tool != nil, "no Kafka kit or no java"))
    func dumpLog() throws {
        try Make.withDirectory { path in
            let scene = try CompactionScene(path: path, disk: .real)
            var random = SeededGenerator(seed: 5)
            for step in 0..<4 {
                try scene.write(80, &random)
                for id in scene.producers.keys.sorted() { try scene.end(id, step % 2 == 0 ? .abort : .commit) }
                scene.now += 600
                _ = try scene.clean()
            }
            try scene.check("after cleaning")
            #expect(scene.cleaned > 100)
            try scene.directory.close()
            let names = try FileManager.default.contentsOfDirectory(atPath: path + "/c-0").sorted()
            let files = names.filter { name in [".log", "index"].contains { name.hasSuffix($0) } }
            #expect(files.contains { $0.hasSuffix(".txnindex") })
            let text = try DumpLog.run(files.map { path + "/c-0/" + $0 })
            #expect(text.contains("isvalid: true") && !text.contains("isvalid: false"))
            #expect(!text.contains("Mismatch") && !text.contains("Misordered") && !text.contains("out of order"))
            #expect(!text.contains("not found in log"), "\(text.suffix(2000))")
        }
    }

    // MARK: - What goes and what stays

    @Test("a record without key goes from what is cleaned, and its offset stays empty")
    func withoutKey() throws {
        let scene = try CompactionScene()
        try scene.put([("a", "1"), (nil, "x"), ("b", "2")])
        for number in 0..<30 { try scene.put([("filler", "\(number) \(String(repeating: "x", count: 60))")]) }
        _ = try scene.clean()
        #expect(try scene.batches()[0].records.map(\.offset) == [0, 2])
        try scene.check("cleaned")
    }

    @Test("the marker of a transaction of which nothing is left stays until the delete horizon has passed")
    func markers() throws {
        let scene = try CompactionScene()
        for id in Int64(1)...2 {
            try scene.put([("k", "\(id)")], producer: id, transactional: true)
            try scene.end(id, id == 1 ? .commit : .abort)
            // A later batch, so that the transaction's need not stay for its sequence.
            try scene.put([("own \(id)", "x")], producer: id)
        }
        try scene.put([("k", "newest")])
        func fill() throws {
            for _ in 0..<20 { try scene.put([("filler", String(repeating: "x", count: 60))]) }
        }
        func markers() throws -> [BatchHeader] { try scene.batches().map(\.header).filter(\.isControl) }
        try fill()
        _ = try scene.clean()
        // The data went now, so the markers were still needed.
        #expect(try markers().map { $0.attributes.contains(.deleteHorizon) } == [false, false])
        try fill()
        _ = try scene.clean()
        #expect(try markers().map(\.baseTimestamp) == [scene.now + 1000, scene.now + 1000])
        scene.now += 999
        try fill()
        _ = try scene.clean()
        #expect(try markers().count == 2)
        scene.now += 1
        try fill()
        _ = try scene.clean()
        #expect(try markers().isEmpty)
        try scene.check("in the end")
        try scene.checkProducers("in the end")
    }

    @Test("nothing of an open transaction is touched, nor what follows it")
    func openTransaction() throws {
        let scene = try CompactionScene()
        try scene.put([("k", "1")])
        try scene.put([("k", "2")], producer: 1, transactional: true)
        for number in 0..<40 { try scene.put([("k", "\(number) \(String(repeating: "x", count: 60))")]) }
        #expect(try scene.clean() == nil)
        try scene.end(1, .commit)
        let done = try #require(try scene.clean())
        #expect(done.end > 20)
        try scene.check("cleaned")
    }

    @Test("what no checkpoint calls durable is not touched")
    func recoveryPoint() throws {
        let scene = try CompactionScene()
        for number in 0..<40 { try scene.put([("k", "\(number) \(String(repeating: "x", count: 60))")]) }
        #expect(try scene.directory.clean(scene.partition, now: scene.now) == nil)
        try scene.directory.checkpoint()
        #expect(try scene.directory.clean(scene.partition, now: scene.now) != nil)
    }

    @Test("with a map for a few keys it takes several cleanings, and comes to the same")
    func smallMap() throws {
        let scene = try CompactionScene { $0.cleaner.mapBytes = 4096 }
        for round in 0..<3 {
            for number in 0..<120 {
                try scene.put([("key \(number)", "\(round)"), ("other \(number % 7)", "\(round)")])
            }
        }
        var ends: [Offset] = []
        while let done = try scene.clean(), done.end > (ends.last ?? 0) {
            ends.append(done.end)
            try scene.check("cleaned to \(done.end)")
        }
        #expect(ends.count > 3)
        #expect(try scene.batches().count < 200)
    }

    @Test("a key too long for the map stays in every version, and so does its deletion")
    func longKey() throws {
        let scene = try CompactionScene(configuration: ["cleanup.policy": "compact", "segment.bytes": "9000"]) {
            $0.cleaner.mapBytes = 4096
        }
        let long = String(repeating: "k", count: 2000)
        for value in ["1", "2", nil] { try scene.put([(long, value), ("short", value)]) }
        for _ in 0..<6 { try scene.put([("filler", String(repeating: "x", count: 2000))]) }
        _ = try scene.clean()
        let found = try scene.batches().flatMap(\.records).filter { $0.key?.count == 2000 }
        #expect(found.count == 3)
        #expect(try scene.batches().flatMap(\.records).filter { $0.key?.count == 5 }.count == 1)
    }

    @Test("a batch that cannot be decoded ends the compaction of its partition, with a reason; others go on")
    func damage() throws {
        let scene = try CompactionScene()
        for number in 0..<40 { try scene.put([("k", "\(number) \(String(repeating: "x", count: 60))")]) }
        let path = "/d/c-0/00000000000000000000.log"
        var bytes = try #require(scene.memory.bytes(of: path))
        bytes[100] ^= 1
        scene.memory.setBytes(of: path, to: bytes)
        try scene.directory.checkpoint()
        let done = try #require(try scene.directory.clean(now: scene.now) { _ in true })
        #expect(try #require(done.objection).contains(path))
        #expect(done.partition == "c-0")
        #expect(try scene.directory.clean(now: scene.now) { _ in true } == nil)
        #expect(!scene.memory.files.contains { $0.hasSuffix(".cleaned") || $0.hasSuffix(".swap") })
        let other = try scene.directory.createTopic("o", partitions: 1, configuration: CompactionScene.configuration)
        for _ in 0..<40 {
            let record = Record(timestamp: scene.now, key: [1], value: [UInt8](repeating: 2, count: 60))
            _ = try scene.directory.append(RecordBatch.encode([record]), to: other.partitions[0])
        }
        try scene.directory.checkpoint()
        #expect(try scene.directory.clean(now: scene.now) { _ in true }?.partition == "o-0")
    }

    @Test("the dirtiest partition comes first, and one is due by its ratio or by the age of what waits")
    func due() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        func make(_ name: String, _ more: [String: String], _ counts: [Int]) throws -> Partition {
            let configuration = CompactionScene.configuration.merging(more) { $1 }
            let partition = try directory.createTopic(name, partitions: 1, configuration: configuration).partitions[0]
            for count in counts {
                for number in 0..<count {
                    let record = Record(
                        timestamp: Make.time, key: Array("\(number)".utf8), value: [UInt8](repeating: 2, count: 60))
                    _ = try directory.append(RecordBatch.encode([record]), to: partition)
                }
                try directory.checkpoint()
                if count != counts.last { _ = try directory.clean(partition, now: Make.time) }
            }
            return partition
        }
        _ = try make("half", ["min.cleanable.dirty.ratio": "0.1"], [100, 60])
        _ = try make("fresh", ["min.cleanable.dirty.ratio": "0.5"], [100])
        _ = try make("little", ["min.cleanable.dirty.ratio": "0.9", "max.compaction.lag.ms": "5000"], [300, 30])
        func next(_ now: Int64) throws -> String? { try directory.clean(now: now) { _ in true }?.partition }
        #expect(try next(Make.time) == "fresh-0")
        #expect(try next(Make.time) == "half-0")
        #expect(try next(Make.time) == nil)
        #expect(try next(Make.time + 5_001) == "little-0")
        #expect(try next(Make.time + 5_001) == nil)
    }

    @Test("records younger than min.compaction.lag.ms stay, with all that follows them")
    func minimumLag() throws {
        let configuration = CompactionScene.configuration.merging(["min.compaction.lag.ms": "1000"]) { $1 }
        let scene = try CompactionScene(configuration: configuration)
        for _ in 0..<30 { try scene.put([("k", String(repeating: "x", count: 60))]) }
        #expect(try scene.clean() == nil)
        scene.now += 1_000
        for _ in 0..<30 { try scene.put([("k", String(repeating: "x", count: 60))]) }
        let done = try #require(try scene.clean())
        #expect((15...30).contains(done.end))
    }

    @Test("where the last cleaning ended is remembered by topic, not by name")
    func cleanedEnds() throws {
        let scene = try CompactionScene()
        for number in 0..<60 { try scene.put([("k", "\(number) \(String(repeating: "x", count: 60))")]) }
        let end = try #require(try scene.clean()).end
        let path = "/d/cleaner-offset-checkpoint"
        let text = String(decoding: try #require(scene.memory.bytes(of: path)), as: UTF8.self)
        #expect(text == "0\n1\nc 0 \(end)\n")
        try scene.directory.close()
        scene.memory.kill()
        try scene.reopen()
        #expect(try scene.directory.clean(now: scene.now) { _ in true } == nil)
        try scene.directory.deleteTopic("c")
        let topic = try scene.directory.createTopic("c", partitions: 1, configuration: CompactionScene.configuration)
        #expect(String(decoding: try #require(scene.memory.bytes(of: path)), as: UTF8.self) == "0\n0\n")
        for _ in 0..<80 {
            let record = Record(timestamp: scene.now, key: [1], value: [UInt8](repeating: 2, count: 60))
            _ = try scene.directory.append(RecordBatch.encode([record]), to: topic.partitions[0])
        }
        try scene.directory.checkpoint()
        #expect(try scene.directory.clean(now: scene.now) { _ in true }?.start == 0)
    }

    @Test("of the positions and of the registry the newest of each key stays, and an opening reads the same from them")
    func ownTopics() throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        // Small segments, so that there is something to clean.
        for own in [directory.positionsPartition, directory.registryPartition] {
            var settings = own.settings
            #expect(settings.cleanupPolicy == .compact)
            settings.segmentBytes = 1_000
            own.apply(Shared(settings))
        }
        let topic = try directory.createTopic("t", partitions: 2)
        for number in 0..<40 {
            _ = try directory.append(
                directory.round(
                    "p\(number % 2)", [(topic.partitions[number % 2], [["\(number)"]])],
                    positions: [Make.position(Int64(number), inode: UInt64(number % 3))]))
            if number % 4 == 0 { _ = try directory.nextProducerIdBlock() }
            let name = "other-\(number)"
            _ = try directory.createTopic(name, partitions: 1)
            if number > 0 { try directory.deleteTopic(name) }
        }
        let positions = directory.positions(pipeline: "p0").map(\.position.offset).sorted()
        try directory.checkpoint()
        let own = [directory.positionsPartition, directory.registryPartition]
        for partition in own {
            let before = partition.size
            let done = try #require(try directory.clean(partition, now: Make.time))
            #expect(done.objection == nil && partition.size < before / 2, "\(done)")
        }
        for isClean in [false, true] {
            if isClean { try directory.close() }
            memory.kill()
            directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(directory.recovery.damage.isEmpty && directory.recovery.cuts.isEmpty)
            #expect(!directory.positionsDamaged)
            let found = directory.positions(pipeline: "p0").map(\.position.offset).sorted()
            #expect(found == positions + (isClean ? [1_000] : []))
            let names = directory.topics().map(\.name).filter { !$0.hasPrefix("__") }
            #expect(names == ["other-0", "t"])
            #expect(try directory.nextProducerIdBlock().lowerBound >= 10_000)
            let again = try #require(directory.topic(named: "t"))
            _ = try directory.append(
                directory.round("p0", [(again.partitions[0], [["more"]])], positions: [Make.position(1_000, inode: 9)]))
            let count = try again.partitions.map { try $0.allValues().count }.reduce(0, +)
            #expect(count == (isClean ? 42 : 41))
        }
    }

    @Test("asked to end, a cleaning leaves what it has not swapped, and the next begins again")
    func stopped() throws {
        let scene = try CompactionScene()
        for number in 0..<60 { try scene.put([("k", "\(number) \(String(repeating: "x", count: 60))")]) }
        try scene.directory.checkpoint()
        var count = 0
        #expect(
            try scene.directory.clean(now: scene.now) { _ in
                count += 1
                return count < 70
            } == nil)
        #expect(count == 70)
        #expect(!scene.memory.files.contains { $0.hasSuffix(".cleaned") || $0.hasSuffix(".swap") })
        try scene.check("stopped")
        _ = try scene.clean()
        try scene.check("cleaned")
    }
}

extension CompactionScene {
    /// Writes batches at random: few keys, tombstones, idempotent producers and transactions, all codecs.
    func write(_ count: Int, _ random: inout SeededGenerator) throws {
        for _ in 0..<count {
            now += Int64.random(in: 0...5, using: &random)
            let records = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                Record(
                    timestamp: now - Int64.random(in: 0...3, using: &random),
                    key: random.next() % 12 == 0 ? nil : Array("k\(Int.random(in: 0..<12, using: &random))".utf8),
                    value: random.next() % 5 == 0
                        ? nil : random.bytes(Int.random(in: 0...60, using: &random), from: [65, 66]),
                    headers: random.next() % 6 == 0 ? [Header(name: "h", value: [1])] : [])
            }
            let codec = Codec.allCases.randomElement(using: &random) ?? .none
            switch random.next() % 8 {
            case 0..<3: _ = try put(records, producer: -1, transactional: false, codec: codec)
            case 3..<5:
                _ = try put(
                    records, producer: Int64.random(in: 0..<4, using: &random), transactional: false, codec: codec)
            default:
                let id = Int64.random(in: 10..<13, using: &random)
                _ = try put(records, producer: id, transactional: true, codec: codec)
                if random.next() % 2 == 0 { try end(id, Bool.random(using: &random) ? .abort : .commit) }
            }
        }
    }
}
