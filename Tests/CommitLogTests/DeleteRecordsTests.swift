import CommitLog
import Glibc
import Records
import TestSupport
import Testing

@Suite("Deleting records below an offset")
struct DeleteRecordsTests {
    private let memory = MemoryDisk()
    private let checkpoint = "/d/log-start-offset-checkpoint"

    private func open() throws -> DataDirectory { try DataDirectory.open("/d", disk: memory.disk) }

    /// Two partitions of batches of three records, two batches in a segment.
    private func filled(_ configuration: [String: String] = [:]) throws -> (DataDirectory, Topic) {
        let directory = try open()
        let tiny = ["segment.bytes": "200", "file.delete.delay.ms": "0"]
        let topic = try directory.createTopic(
            "t", partitions: 2, configuration: tiny.merging(configuration) { $1 })
        for partition in topic.partitions {
            for number in 0..<6 {
                _ = try directory.append(
                    Make.batch((0..<3).map { "v\(number * 3 + $0)" }), to: partition)
            }
        }
        return (directory, topic)
    }

    private func logs(_ partition: Int = 0, suffix: String = ".log") -> [Int64] {
        memory.files.filter { $0.hasPrefix("/d/t-\(partition)/") && $0.hasSuffix(suffix) }
            .compactMap { Int64($0.dropFirst("/d/t-0/".count).prefix(20)) }
    }

    @Test("whole segments below the new start go, the rest of a segment stays hidden, whatever the crash")
    func moves() throws {
        let (directory, topic) = try filled()
        #expect(logs() == [0, 6, 12])
        let moved = try directory.deleteRecords([(topic.partitions[0], before: 10), (topic.partitions[1], before: 1)])
        #expect(moved == [.success(10), .success(1)])
        #expect(logs() == [6, 12])
        #expect(logs(1) == [0, 6, 12])
        #expect(memory.bytes(of: checkpoint).map { String(decoding: $0, as: UTF8.self) } == "0\n2\nt 0 10\nt 1 1\n")
        for seed in UInt64(0)..<20 {
            var generator = SeededGenerator(seed: seed)
            memory.losePower(&generator)
            let opened = try #require(try open().topic(named: "t"))
            #expect(opened.partitions.map(\.logStart) == [10, 1], "seed \(seed)")
            #expect(try opened.partitions[0].allValues() == (10..<18).map { "v\($0)" }, "seed \(seed)")
            #expect(try opened.partitions[1].allValues() == (1..<18).map { "v\($0)" }, "seed \(seed)")
        }
    }

    @Test("everything can be deleted, and offsets go on")
    func everything() throws {
        let (directory, topic) = try filled()
        #expect(try directory.deleteRecords([(topic.partitions[0], before: nil)]) == [.success(18)])
        #expect(topic.partitions[0].logStart == 18)
        try directory.close()
        let opened = try open()
        let partition = try #require(opened.topic(named: "t")).partitions[0]
        #expect(partition.logStart == 18 && partition.highWatermark == 18)
        guard case .appended(base: 18, _) = try opened.append(Make.batch(["new"]), to: partition) else {
            Issue.record("an offset came again")
            return
        }
        #expect(try partition.allValues() == ["new"])
    }

    @Test("what is outside of the log is refused, and what is deleted already stays as it is")
    func outside() throws {
        let (directory, topic) = try filled()
        let partition = topic.partitions[0]
        _ = try directory.deleteRecords([(partition, before: 5)])
        let answers = try directory.deleteRecords([
            (partition, before: 19), (partition, before: -2), (partition, before: 3),
        ])
        for answer in answers.prefix(2) {
            guard case .failure(let error) = answer, case .outOfRange(_, available: 5...18) = error.cause else {
                Issue.record("\(answer)")
                continue
            }
        }
        #expect(answers[2] == .success(5))
    }

    @Test("a topic made anew under an old name begins at 0")
    func again() throws {
        let (directory, topic) = try filled()
        _ = try directory.deleteRecords([(topic.partitions[0], before: 5)])
        try directory.deleteTopic("t")
        _ = try directory.createTopic("t", partitions: 1)
        #expect(directory.topic(named: "t")?.partitions[0].logStart == 0)
        memory.kill()
        #expect(try open().topic(named: "t")?.partitions[0].logStart == 0)
    }

    @Test("records found by time are none of those deleted")
    func byTime() throws {
        let (directory, topic) = try filled()
        _ = try directory.deleteRecords([(topic.partitions[0], before: 8)])
        #expect(try topic.partitions[0].offset(atOrAfter: 0)?.offset == 8)
    }

    @Test("the start is durable when the answer comes, whatever call of the disk fails before")
    func failing() throws {
        for call in 0... {
            let memory = MemoryDisk()
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            let topic = try directory.createTopic("t", partitions: 1)
            _ = try directory.append(Make.batch(["a", "b", "c"]), to: topic.partitions[0])
            let before = memory.calls
            memory.fail(call: call, with: .fails(EIO))
            let answer = try? directory.deleteRecords([(topic.partitions[0], before: 2)])
            let isOver = memory.calls - before <= call
            var generator = SeededGenerator(seed: UInt64(call))
            memory.losePower(&generator)
            let start = try #require(try DataDirectory.open("/d", disk: memory.disk).topic(named: "t"))
                .partitions[0].logStart
            #expect(start == 2 || answer == nil && start == 0, "call \(call)")
            if isOver { break }
        }
    }
}
