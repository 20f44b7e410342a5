import CommitLog
import Platform
import Records
import TestSupport
import Testing

@Suite struct CheckpointTests {
    @Test("a checkpoint file is read back as it was written, in Kafka's form")
    func text() throws {
        var checkpoint = OffsetCheckpoint()
        checkpoint["b", 10] = 7
        checkpoint["b", 9] = Int64.max
        checkpoint["a.x-1", 0] = 0
        let text = "0\n3\na.x-1 0 0\nb 9 9223372036854775807\nb 10 7\n"
        #expect(String(decoding: checkpoint.text, as: UTF8.self) == text)
        #expect(try OffsetCheckpoint(text: checkpoint.text) == checkpoint)
        #expect(try OffsetCheckpoint(text: OffsetCheckpoint().text) == OffsetCheckpoint())
    }

    @Test(
        "what is not a whole checkpoint is refused, with the line",
        arguments: [
            ("", "end with a line"), ("0", "end with a line"), ("0\n", "end with a line"), ("1\n0\n", "line 1"),
            ("0\n1\n", "line 2"), ("0\n1\na 0 1", "end with a line"), ("0\n1\na 0\n", "line 3"),
            ("0\n1\na 0 -1\n", "line 3"), ("0\n1\na 2147483648 1\n", "line 3"),
            ("0\n1\na 0 9223372036854775808\n", "line 3"),
            ("0\n2\na 0 1\na 0 1\n", "line 4"), ("0\n1\na/b 0 1\n", "line 3"), ("0\n1\na 0 1 \n", "line 3"),
            ("0\n9999999999999999999\na 0 1\n", "line 2"),
        ])
    func refused(text: String, place: String) throws {
        let error = #expect(throws: RecordError.self) { _ = try OffsetCheckpoint(text: Array(text.utf8)) }
        #expect(error.map { "\($0)".contains(place) } == true, "\(String(describing: error))")
    }

    @Test("any bytes are a checkpoint or an error", arguments: Seeds.some(200))
    func anything(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var bytes = Array("0\n2\nab 0 12\nab 1 3\n".utf8)
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        guard let checkpoint = try? OffsetCheckpoint(text: bytes) else { return }
        #expect(try OffsetCheckpoint(text: checkpoint.text) == checkpoint, "seed \(seed)")
    }

    private func points(_ memory: MemoryDisk) throws -> OffsetCheckpoint {
        let name = OffsetCheckpoint.Name.recoveryPoint.rawValue
        return try OffsetCheckpoint(text: try #require(memory.bytes(of: "/d/\(name)")))
    }

    @Test("a checkpoint is left after so many bytes, and when it is asked for")
    func due() throws {
        let memory = MemoryDisk()
        var options = LogOptions()
        options.checkpointBytes = 2000
        let directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
        let partition = try directory.createTopic("t", partitions: 1).partitions[0]
        while partition.recoveryPoint == 0 {
            _ = try directory.append(Make.batch(["x"]), to: partition)
            try directory.sync()
            try #require(partition.size < 4000)
        }
        #expect(try points(memory)["t", 0] == partition.logEnd)
        _ = try directory.append(Make.batch(["x"]), to: partition)
        try directory.sync()
        #expect(try points(memory)["t", 0] == partition.logEnd - 1)
        try directory.checkpoint()
        #expect(try points(memory)["t", 0] == partition.logEnd)
        #expect(partition.recoveryPoint == partition.logEnd)
        let calls = memory.calls
        try directory.checkpoint()
        #expect(memory.calls == calls, "nothing changed, so nothing is written")
    }

    @Test("a checkpoint that fails at any of its calls leaves the old one, and the log whole", arguments: 0..<30)
    func failing(call: Int) throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 2)
        _ = try directory.append(Make.batch(["a"]), to: topic.partitions[0])
        try directory.checkpoint()
        _ = try directory.append(Make.batch(["b"]), to: topic.partitions[1])
        memory.fail(call: call, with: .fails(28))
        do { try directory.checkpoint() } catch {
            // Only the last call, the sync of its name, finds the new one in place.
            #expect(try [0, 1].contains(points(memory)["t", 1]), "\(error)")
        }
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(try directory.topic(named: "t")?.partitions.map { try $0.allValues() } == [["a"], ["b"]])
    }

    @Test("a topic made under a deleted one's name does not inherit its recovery point")
    func leftover() throws {
        for reopens in [false, true] {
            let memory = MemoryDisk()
            var directory = try DataDirectory.open("/d", disk: memory.disk)
            let old = try directory.createTopic("t", partitions: 1)
            for _ in 0..<5 { _ = try directory.append(Make.batch(["old"]), to: old.partitions[0]) }
            try directory.checkpoint()
            #expect(try points(memory)["t", 0] == 5)
            try directory.deleteTopic("t")
            if reopens {
                // Nothing is written by the opening but its own records.
                memory.fail { $0.path.hasSuffix("offset-checkpoint.tmp") ? .fails(28) : nil }
                memory.kill()
                directory = try DataDirectory.open("/d", disk: memory.disk)
                memory.fail(when: nil)
            }
            let new = try directory.createTopic("t", partitions: 1)
            #expect(try points(memory)["t", 0] == nil)
            _ = try directory.append(Make.batch(["new"]), to: new.partitions[0])
            memory.kill()
            directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(directory.recovery.damage.isEmpty)
            #expect(try directory.topic(named: "t")?.partitions[0].allValues() == ["new"])
        }
    }

    @Test("a partition is written to while its epochs are synced", .timeLimit(.minutes(20)))
    func epochs() throws {
        let memory = MemoryDisk()
        let opened = Lock<DataDirectory?>(nil)
        let disk = memory.disk.hooked { (call) throws(DiskError) in
            let path = "/d/t-0/leader-epoch-checkpoint.tmp"
            guard call.operation == .sync, call.path == path, let directory = opened.withLock({ $0.take() }) else {
                return .goes
            }
            #expect(throws: Never.self) {
                let partition = try #require(directory.topic(named: "t")).partitions[0]
                _ = try directory.append(Make.batch(["meanwhile"]), to: partition)
            }
            return .goes
        }
        let directory = try DataDirectory.open("/d", disk: disk)
        let partition = try directory.createTopic("t", partitions: 1).partitions[0]
        _ = try directory.append(Make.batch(["before"]), to: partition)
        opened.withLock { $0 = directory }
        try directory.checkpoint()
        #expect(try partition.allValues() == ["before", "meanwhile"] && partition.recoveryPoint == 1)
        let text = memory.bytes(of: "/d/t-0/leader-epoch-checkpoint").map { String(decoding: $0, as: UTF8.self) }
        #expect(text == "0\n1\n0 0\n")
    }

    @Test("epochs that could not be put beside the log are, with the next checkpoint")
    func epochsFail() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let partition = try directory.createTopic("t", partitions: 1).partitions[0]
        _ = try directory.append(Make.batch(["x"]), to: partition)
        memory.fail { $0.operation == .rename && $0.path == "/d/t-0/leader-epoch-checkpoint.tmp" ? .fails(5) : nil }
        #expect(throws: StorageError.self) { try directory.checkpoint() }
        #expect(partition.recoveryPoint == 0)
        memory.fail(when: nil)
        try directory.checkpoint()
        #expect(partition.recoveryPoint == 1)
        #expect(memory.files.contains("/d/t-0/leader-epoch-checkpoint"))
    }
}
