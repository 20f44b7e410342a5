import CommitLog
import Glibc
import Records
import TestSupport
import Testing

/// What becomes of old segments when the disk does not let them go, or says something else than the log.
@Suite struct RetentionFaultTests {
    private let memory = MemoryDisk()

    private func open(reserve: Int64 = 0) throws -> DataDirectory {
        var options = LogOptions()
        options.reserveBytes = reserve
        return try DataDirectory.open("/d", options: options, disk: memory.disk)
    }

    /// The base offsets of the logs that stand under their names.
    private func bases(_ partition: String = "t-0") -> [Offset] {
        memory.files.filter { $0.hasPrefix("/d/\(partition)/") && $0.hasSuffix(".log") }
            .compactMap { Offset($0.dropFirst("/d/\(partition)/".count).prefix(20)) }
    }

    /// Every batch has a segment of its own.
    private static let each = ["segment.bytes": "14", "file.delete.delay.ms": "0"]

    private func fill(_ directory: DataDirectory, _ partition: Partition, _ count: Int) throws {
        for _ in 0..<count { _ = try directory.append(Make.batch(["x"]), to: partition) }
    }

    @Test(
        "a segment whose name cannot be taken away goes before anything younger: no crash finds a hole",
        arguments: [".log", ".index"])
    func order(suffix: String) throws {
        var directory = try open()
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: Self.each.merging(["retention.bytes": "100"]) { $1 })
        let stuck = "/d/t-0/00000000000000000001\(suffix)"
        memory.fail { call in call.operation == .rename && call.path == stuck ? .fails(EIO) : nil }
        for _ in 0..<3 {
            try fill(directory, topic.partitions[0], 4)
            #expect(throws: StorageError.self) { try directory.enforceRetention() }
        }
        #expect(bases() == Array((suffix == ".log" ? 1 : 2)..<12))
        try directory.sync()
        memory.kill()
        directory = try open()
        #expect(directory.recovery.cuts.isEmpty)
        #expect(directory.topic(named: "t")?.partitions[0].highWatermark == 12)
        memory.fail { call in call.operation == .rename && call.path == stuck ? .fails(EIO) : nil }
        if suffix == ".log" { #expect(throws: StorageError.self) { try directory.enforceRetention() } }
        memory.fail(when: nil)
        try directory.enforceRetention()
        #expect(bases() == [10, 11])
        #expect(memory.files.allSatisfy { !$0.hasSuffix(".deleted") })
    }

    @Test("retention gives a full disk room, also when all that there is has expired")
    func full() throws {
        let directory = try open()
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: Self.each.merging(["retention.ms": "1000"]) { $1 })
        try fill(directory, topic.partitions[0], 4)
        memory.capacity = memory.used
        try directory.enforceRetention(now: Make.time + 2000)
        #expect(bases() == [3])
        // With that room the last one can be closed.
        try directory.enforceRetention(now: Make.time + 2000)
        #expect(topic.partitions[0].logStart == 4)
    }

    @Test("the segment that is written to expires on a full disk with the reserve's room")
    func reserve() throws {
        let directory = try open(reserve: 4000)
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["retention.ms": "1000"])
        try fill(directory, topic.partitions[0], 4)
        memory.capacity = memory.used
        try directory.enforceRetention(now: Make.time + 2000)
        #expect(topic.partitions[0].logStart == 4)
    }

    @Test("a partition whose old segments cannot be deleted keeps nobody else's")
    func others() throws {
        let directory = try open()
        for name in ["a", "t"] {
            let topic = try directory.createTopic(
                name, partitions: 1, configuration: Self.each.merging(["retention.ms": "1000"]) { $1 })
            try fill(directory, topic.partitions[0], 4)
        }
        memory.fail { call in call.operation == .rename && call.path.hasPrefix("/d/a-0/") ? .fails(EIO) : nil }
        let error = #expect(throws: StorageError.self) { try directory.enforceRetention(now: Make.time + 2000) }
        #expect(error.map { "\($0)" }?.contains("a-0") == true)
        #expect(bases("a-0").first == 0 && bases("t-0") == [4])
    }

    @Test("after a stop nothing is deleted any more")
    func stopped() throws {
        let directory = try open()
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: Self.each.merging(["retention.ms": "1000"]) { $1 })
        try fill(directory, topic.partitions[0], 4)
        try directory.close()
        let before = memory.files.map { memory.bytes(of: $0) }
        var error = #expect(throws: StorageError.self) { try directory.enforceRetention(now: Make.time + 2000) }
        #expect(error?.cause == .closed)
        error = #expect(throws: StorageError.self) {
            _ = try directory.deleteRecords([(topic.partitions[0], before: 2)])
        }
        #expect(error?.cause == .closed)
        #expect(topic.partitions[0].logStart == 0 && memory.files.map { memory.bytes(of: $0) } == before)
    }

    @Test(
        "a last time entry that the log does not have neither ends nor prolongs a segment's life",
        arguments: [Make.time - 1_000_000, Make.time + 1_000_000])
    func wrongTime(entry: Int64) throws {
        var directory = try open()
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: ["index.interval.bytes": "100", "retention.ms": "1000"])
        // The first has the largest: what is read behind the last offset entry does not tell it.
        for number in 0..<10 {
            _ = try directory.append(Make.batch(["x"], timestamp: Make.time - Int64(number)), to: topic.partitions[0])
        }
        try directory.close()
        memory.kill()
        let path = "/d/t-0/00000000000000000000.timeindex"
        var bytes = try #require(memory.bytes(of: path))
        var writer = ByteWriter()
        writer.write(entry)
        bytes.replaceSubrange(bytes.count - 12..<bytes.count - 4, with: writer.bytes)
        memory.setBytes(of: path, to: bytes)
        directory = try open()
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        // Before anything is searched, which would find the entry out.
        #expect(try directory.enforceRetention(now: Make.time + 1000) == 0)
        #expect(try directory.enforceRetention(now: Make.time + 1001) > 0)
        #expect(partition.logStart == 10)
    }
}
