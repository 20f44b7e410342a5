import CommitLog
import Platform
import Records
import TestSupport
import Testing

@testable import Broker

@Suite struct CompactionChoreTests {
    @Test("the rate is kept by waiting for as long as what was spent ahead takes, and nothing is saved up")
    func pace() {
        let time = Lock(Instant(nanoseconds: 1_000_000_000))
        let waits = Lock<[Int64]>([])
        let clock = Clock(now: { time.withLock { $0 } }, wallMilliseconds: { 0 })
        let pace = CleanerPace(bytesPerSecond: 1_000, clock: clock) { deadline in
            time.withLock { now in
                waits.withLock { $0.append((deadline - now).wholeMilliseconds) }
                now = max(now, deadline)
            }
            return true
        }
        for bytes in [10, 30, 60, 500] { #expect(pace.spend(bytes)) }
        #expect(waits.withLock { $0 } == [0, 0, 100, 500])
        time.withLock { $0 = $0 + .seconds(60) }
        #expect(pace.spend(2_000))
        #expect(waits.withLock { $0.last } == 2_000)
    }

    @Test("asked to end, the pace says so at once")
    func ends() {
        let pace = CleanerPace(bytesPerSecond: 1, clock: .system) { _ in false }
        #expect(!pace.spend(1_000_000))
    }

    @Test("a node compacts what is dirty after the cleaner's rest, and tells of what it cannot compact")
    func chore() throws {
        let memory = MemoryDisk()
        let scene = try NodeScene(disk: memory.disk)
        func fill(_ name: String) throws -> Partition {
            let topic = try scene.directory.createTopic(
                name, partitions: 1, configuration: ["cleanup.policy": "compact", "segment.bytes": "1000"])
            for number in 0..<40 {
                let record = Record(timestamp: 1, key: [UInt8(number % 3)], value: [UInt8](repeating: 1, count: 60))
                _ = try scene.directory.append(RecordBatch.encode([record]), to: topic.partitions[0])
            }
            return topic.partitions[0]
        }
        // Equally dirty: the first name comes first.
        let good = try fill("good")
        _ = try fill("wrong")
        try scene.directory.checkpoint()
        let path = "\(scene.path)/wrong-0/00000000000000000000.log"
        var bytes = try #require(memory.bytes(of: path))
        bytes[70] ^= 1
        memory.setBytes(of: path, to: bytes)
        let before = good.size
        scene.scheduler.advance(by: .seconds(15))
        let line = scene.logged.wait { lines in lines.first { $0.contains("wrong-0 is not compacted") } }
        #expect(try #require(line).contains(path))
        #expect(good.size < before / 2)
    }
}
