import CommitLog
import Glibc
import Records
import TestSupport
import Testing

@Suite("What a topic can be configured as")
struct TopicSettingsTests {
    /// A value that is not the default, and values that cannot be meant.
    static let samples: [String: (good: String, bad: [String])] = [
        "cleanup.policy": ("compact,delete", ["deletes", "delete,delete", "delete;compact"]),
        "compression.gzip.level": ("1", ["0", "10", "-2", "x"]),
        "compression.lz4.level": ("17", ["0", "18"]),
        "compression.type": ("zstd", ["none", "brotli", ""]),
        "compression.zstd.level": ("-5", ["23", "-131073"]),
        "delete.retention.ms": ("0", ["-1"]),
        "file.delete.delay.ms": ("0", ["-1", "1.5"]),
        "flush.messages": ("1", ["0"]),
        "flush.ms": ("0", ["-1"]),
        "index.interval.bytes": ("0", ["-1", "2147483648"]),
        "max.compaction.lag.ms": ("1", ["0"]),
        "max.message.bytes": ("0", ["-1", "2147483648"]),
        "message.timestamp.after.max.ms": ("0", ["-1"]),
        "message.timestamp.before.max.ms": ("0", ["-1"]),
        "message.timestamp.type": ("LogAppendTime", ["logappendtime", ""]),
        "min.cleanable.dirty.ratio": ("1.0", ["1.01", "-0.1", "nan"]),
        "min.compaction.lag.ms": ("5", ["-1"]),
        "min.insync.replicas": ("2", ["0"]),
        "preallocate": ("true", ["yes", "1"]),
        "retention.bytes": ("0", ["-2", "9223372036854775808"]),
        "retention.ms": ("-1", ["-2", ""]),
        "segment.bytes": ("14", ["13", "2147483648"]),
        "segment.index.bytes": ("4", ["3"]),
        "segment.jitter.ms": ("7", ["-1"]),
        "segment.ms": ("1", ["0"]),
        "unclean.leader.election.enable": ("true", ["maybe"]),
    ]

    @Test("every name is read, told as it was given, and refused when it cannot be meant", arguments: TopicSetting.all)
    func names(setting: TopicSetting) throws {
        let sample = try #require(Self.samples[setting.name], "no sample for \(setting.name)")
        let standard = TopicSettings()
        let settings = try TopicSettings([setting.name: " \(sample.good) "])
        #expect(settings != standard)
        #expect(setting.text(in: settings) == sample.good)
        #expect(try TopicSettings([setting.name: setting.text(in: standard)]) == standard)
        for other in TopicSetting.all where other.name != setting.name {
            #expect(other.text(in: settings) == other.text(in: standard))
        }
        for bad in sample.bad {
            let error = #expect(throws: SettingError.self) { _ = try TopicSettings([setting.name: bad]) }
            #expect(error?.name == setting.name && error?.found == bad && error?.expected == setting.expected)
        }
    }

    @Test("the defaults are Kafka's")
    func defaults() throws {
        let texts = TopicSetting.all.map { "\($0.name)=\($0.text(in: TopicSettings()))" }
        #expect(
            texts == [
                "cleanup.policy=delete", "compression.gzip.level=-1", "compression.lz4.level=9",
                "compression.type=producer", "compression.zstd.level=3", "delete.retention.ms=86400000",
                "file.delete.delay.ms=60000", "flush.messages=9223372036854775807", "flush.ms=9223372036854775807",
                "index.interval.bytes=4096", "max.compaction.lag.ms=9223372036854775807", "max.message.bytes=1048588",
                "message.timestamp.after.max.ms=3600000", "message.timestamp.before.max.ms=9223372036854775807",
                "message.timestamp.type=CreateTime", "min.cleanable.dirty.ratio=0.5", "min.compaction.lag.ms=0",
                "min.insync.replicas=1", "preallocate=false", "retention.bytes=-1", "retention.ms=604800000",
                "segment.bytes=1073741824", "segment.index.bytes=10485760", "segment.jitter.ms=0",
                "segment.ms=604800000", "unclean.leader.election.enable=false",
            ])
    }

    @Test("what a topic does not say comes from the defaults given, and lags that contradict each other are refused")
    func together() throws {
        var defaults = TopicSettings()
        defaults.retentionBytes = 7
        #expect(try TopicSettings(["retention.ms": "3"], defaults: defaults).retentionBytes == 7)
        #expect(throws: SettingError.self) {
            _ = try TopicSettings(["min.compaction.lag.ms": "10", "max.compaction.lag.ms": "9"])
        }
        #expect(try TopicSettings(["cleanup.policy": ""]).cleanupPolicy == [])
        #expect(try TopicSettings(["cleanup.policy": "delete , compact"]).cleanupPolicy == [.delete, .compact])
    }
}

@Suite("Changing a topic that is there")
struct AlterTests {
    private let memory = MemoryDisk()

    private func open() throws -> DataDirectory { try DataDirectory.open("/d", disk: memory.disk) }

    private func topic(_ directory: DataDirectory) throws -> Topic { try #require(directory.topic(named: "t")) }

    @Test("a new setting counts from the next append on, and is kept", arguments: [true, false])
    func settings(isClean: Bool) throws {
        var directory = try open()
        _ = try directory.createTopic("t", partitions: 2, configuration: ["retention.ms": "-1"])
        for partition in try topic(directory).partitions {
            for _ in 0..<3 { _ = try directory.append(Make.batch(["x"]), to: partition) }
        }
        #expect(logs().count == 2)
        let changed = ["segment.bytes": "14", "cleanup.policy": "compact"]
        try directory.alterTopic(named: "t", configuration: changed)
        for partition in try topic(directory).partitions {
            _ = try directory.append(Make.batch(["x"]), to: partition)
        }
        #expect(logs().count == 4)
        for _ in 0..<2 {
            let topic = try topic(directory)
            #expect(topic.configuration == changed)
            #expect(topic.settings == (try TopicSettings(changed)))
            #expect(topic.partitions.allSatisfy { $0.settings == topic.settings })
            if isClean { try directory.close() } else { memory.kill() }
            directory = try open()
        }
    }

    private func logs() -> [String] { memory.files.filter { $0.hasPrefix("/d/t-") && $0.hasSuffix(".log") } }

    @Test("a power loss after the change keeps it")
    func powerLoss() throws {
        let directory = try open()
        _ = try directory.createTopic("t", partitions: 1)
        try directory.alterTopic(named: "t", configuration: ["flush.ms": "9"])
        try directory.addPartitions(named: "t", to: 3)
        var generator = SeededGenerator(seed: 1)
        memory.losePower(&generator)
        let topic = try topic(open())
        #expect(topic.configuration == ["flush.ms": "9"])
        #expect(topic.partitions.count == 3)
    }

    @Test("what cannot be meant, what is not there and what Penstock needs is refused and changes nothing")
    func refused() throws {
        let directory = try open()
        _ = try directory.createTopic("t", partitions: 1, configuration: ["flush.ms": "9"])
        #expect(cause { try directory.alterTopic(named: "u", configuration: [:]) } == .unknownTopic("u"))
        let bad = cause { try directory.alterTopic(named: "t", configuration: ["segment.ms": "0"]) }
        let expected = "segment.ms: expected a whole number in 1...9223372036854775807, found '0'"
        #expect(bad == .invalidConfiguration(expected))
        let own = cause { try directory.alterTopic(named: "__penstock_positions", configuration: [:]) }
        guard case .invalidTopic = own else {
            Issue.record("Penstock's own topic was changed")
            return
        }
        for count in [0, 1, DataDirectory.partitionLimit + 1] {
            guard case .invalidPartitions = cause({ try directory.addPartitions(named: "t", to: count) }) else {
                Issue.record("\(count) partitions were taken")
                return
            }
        }
        #expect(try topic(directory).configuration == ["flush.ms": "9"])
        #expect(try topic(directory).partitions.count == 1)
    }

    private func cause(_ body: () throws -> Void) -> StorageError.Cause? {
        (#expect(throws: StorageError.self) { try body() })?.cause
    }

    @Test("new partitions take records at once, with the topic's settings, and are there after a kill")
    func partitions() throws {
        let directory = try open()
        let configuration = ["segment.bytes": "14"]
        let topic = try directory.createTopic("t", partitions: 1, configuration: configuration)
        try directory.addPartitions(named: "t", to: 3)
        #expect(topic.partitions.map(\.index) == [0, 1, 2])
        for value in ["a", "b"] { _ = try directory.append(Make.batch([value]), to: topic.partitions[2]) }
        #expect(memory.files.contains("/d/t-2/00000000000000000001.log"))
        memory.kill()
        let opened = try self.topic(open())
        #expect(opened.partitions.count == 3)
        #expect(try opened.partitions[2].allValues() == ["a", "b"])
        #expect(opened.partitions[2].topicID == topic.id)
    }

    @Test("whatever call of the disk fails, more partitions are there whole or not at all, and can be asked for again")
    func failingPartitions() throws {
        var failures = 0
        for failing in 0... {
            let memory = MemoryDisk()
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            let topic = try directory.createTopic("t", partitions: 1)
            let calls = memory.calls
            memory.fail(call: failing, with: .fails(ENOSPC))
            let hasFailed = (try? directory.addPartitions(named: "t", to: 3)) == nil
            let isOver = memory.calls - calls <= failing
            if hasFailed { failures += 1 }
            #expect(topic.partitions.count == (hasFailed ? 1 : 3), "call \(failing)")
            if hasFailed, directory.stopReason == nil { try directory.addPartitions(named: "t", to: 3) }
            memory.kill()
            let opened = try #require(try DataDirectory.open("/d", disk: memory.disk).topic(named: "t"))
            #expect(opened.partitions.count == 3 || directory.stopReason != nil, "call \(failing)")
            if isOver { break }
        }
        #expect(failures > 10)
    }

    @Test("a directory with records in the way of a new partition is left alone")
    func inTheWay() throws {
        let directory = try open()
        let topic = try directory.createTopic("t", partitions: 1)
        try memory.disk.makeDirectory("/d/t-1")
        let stray = "/d/t-1/00000000000000000000.log"
        _ = try memory.disk.open(stray, .create)
        memory.setBytes(of: stray, to: [1])
        guard case .damaged = cause({ try directory.addPartitions(named: "t", to: 2) }) else {
            Issue.record("it was not refused")
            return
        }
        #expect(memory.bytes(of: stray) == [1])
        memory.setBytes(of: stray, to: [])
        try directory.addPartitions(named: "t", to: 2)
        #expect(topic.partitions.count == 2)
    }
}
