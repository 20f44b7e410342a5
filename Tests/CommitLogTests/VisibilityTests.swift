import CommitLog
import Glibc
import Platform
import Records
import TestSupport
import Testing

@Suite("VisibilityTests")
struct VisibilityTests {
    private func directory(_ disk: MemoryDisk) throws -> DataDirectory {
        var options = LogOptions()
        options.visibility = .synced
        return try DataDirectory.open("/data", options: options, disk: disk.disk)
    }

    @Test("with visible: synced nothing is read before a pass has made it durable, and everything after it")
    func afterPass() throws {
        let disk = MemoryDisk()
        let log = try directory(disk)
        let topic = try log.createTopic("t", partitions: 2, configuration: Make.tiny)
        _ = try log.producer(pipeline: "p")
        let told = Lock<[String]>([])
        log.observer = { partition in
            guard partition.topicName == "t" else { return }
            told.withLock { $0.append("\(partition.index) \(partition.highWatermark)") }
        }
        for number in 0..<40 {
            _ = try log.append(try Make.batch(["\(number)"]), to: topic.partitions[number % 2])
        }
        let round = try log.round(
            "p", [(topic.partitions[0], [["a", "b"]]), (topic.partitions[1], [["c"]])], positions: [])
        let ticket = try log.append(round)
        #expect(topic.partitions.map(\.highWatermark) == [0, 0])
        #expect(topic.partitions.map(\.logEnd) == [22, 21])
        #expect(try topic.partitions[0].read(from: 5, maxBytes: 1000, minOneMessage: true).spans.isEmpty)
        #expect(try topic.partitions[0].offset(atOrAfter: 0) == nil)
        let seen = Lock<[Offset]>([])
        log.whenSynced(ticket) { _ in seen.withLock { $0 = topic.partitions.map(\.highWatermark) } }
        try log.sync()
        #expect(seen.withLock { $0 } == [22, 21], "whoever is told that it is durable can read it")
        #expect(told.withLock { $0.suffix(2).sorted() } == ["0 22", "1 21"], "readers are woken")
        #expect(try topic.partitions[0].allValues().count == 22)
        #expect(try topic.partitions[1].allValues().last == "c")
        _ = try log.append(try Make.batch(["later"]), to: topic.partitions[0])
        #expect(try topic.partitions[0].allValues().count == 22)
        try log.close()
        disk.kill()
        let again = try directory(disk)
        #expect(try again.topic(named: "t")?.partitions[0].allValues().last == "later")
    }

    @Test("a pass that could not begin for want of descriptors reveals nothing, and the next one everything")
    func putBack() throws {
        let disk = MemoryDisk()
        let log = try directory(disk)
        let partition = try log.createTopic("t", partitions: 1).partitions[0]
        _ = try log.append(try Make.batch(["x"]), to: partition)
        disk.fail(when: { $0.operation == .syncDirectory || $0.operation == .sync ? .fails(EMFILE) : nil })
        #expect(throws: StorageError.self) { try log.sync() }
        #expect(partition.highWatermark == 0)
        disk.fail(when: nil)
        try log.sync()
        #expect(partition.highWatermark == 1)
    }

    @Test("with visible: synced no consumer ever reads what a power loss takes back")
    func powerLoss() throws {
        for seed in Seeds.some(40) {
            var generator = SeededGenerator(seed: seed)
            let disk = MemoryDisk()
            let log = try directory(disk)
            let topic = try log.createTopic("t", partitions: 3, configuration: Make.tiny)
            var read: [[String]] = [[], [], []]
            for number in 0..<Int.random(in: 5..<60, using: &generator) {
                let place = Int.random(in: 0..<3, using: &generator)
                _ = try log.append(try Make.batch(["\(number)"]), to: topic.partitions[place])
                if Int.random(in: 0..<6, using: &generator) == 0 { try log.sync() }
                read[place] = try topic.partitions[place].allValues()
            }
            disk.losePower(&generator)
            let again = try directory(disk)
            let partitions = try #require(again.topic(named: "t")).partitions
            for (place, values) in read.enumerated() {
                let kept = try partitions[place].allValues()
                #expect(Array(kept.prefix(values.count)) == values, "seed \(seed), partition \(place)")
            }
        }
    }
}
