import Broker
import CommitLog
import KafkaProtocol
import Platform
import Records
import TestSupport
import Testing

/// What each setting of the produce path does, changed while the topic is in use.
@Suite("What a topic's settings do to a client's batch")
struct TopicSettingsOnNodeTests {
    private let scene: NodeScene

    init() throws { scene = try NodeScene() }

    private func configure(_ settings: [String: String]) throws {
        if scene.directory.topic(named: "t") == nil { try scene.create("t") }
        #expect(try scene.configure("t", settings) == .none)
    }

    /// Sends one batch and reads it back as it is stored.
    private func stored(_ bytes: [UInt8]) throws -> (header: BatchHeader, records: [Record]) {
        let answer = try scene.produce("t", bytes)
        #expect(answer.errorCode == .none, "\(answer.errorMessage ?? "")")
        let fetched = try scene.fetch("t", from: answer.baseOffset)
        guard case .file(let span) = try #require(fetched.records.first) else {
            Issue.record("no bytes of a file")
            throw CancellationError()
        }
        let batch = try span.source.read(position: span.position, length: span.length)
        return try RecordBatch.decode(batch.rawSpan, limit: 1 << 20)
    }

    private static let values = (0..<50).map { "a value that compresses well, number \($0)" }

    @Test(
        "compression.type stores what comes in the codec that it names, with its level, and changes nothing else",
        arguments: TopicSettings.Compression.allCases)
    func compression(type: TopicSettings.Compression) throws {
        try configure(["compression.type": type.rawValue])
        for codec in Codec.allCases {
            let bytes = try NodeScene.batch(Self.values, producer: (7, 1, Int32(codec.rawValue) * 50), codec: codec)
            let sent = try BatchHeader(parsing: bytes.rawSpan)
            let (header, records) = try stored(bytes)
            #expect(header.codec == type.codec(for: codec))
            #expect(records.map { String(decoding: $0.value ?? [], as: UTF8.self) } == Self.values)
            #expect(header.baseTimestamp == sent.baseTimestamp && header.maxTimestamp == sent.maxTimestamp)
            #expect(header.baseSequence == sent.baseSequence && header.producerId == 7 && header.producerEpoch == 1)
            #expect(header.recordsCount == 50 && header.lastOffsetDelta == 49)
        }
    }

    @Test("a batch that the topic's codec makes larger is stored in that codec all the same")
    func incompressible() throws {
        try configure(["compression.type": "gzip"])
        #expect(try stored(NodeScene.batch(["x"])).header.codec == .gzip)
    }

    @Test("compression levels are the codec's own", arguments: [("gzip", "1", "9"), ("zstd", "-50", "19")])
    func levels(codec: String, low: String, high: String) throws {
        var generator = SeededGenerator(seed: 3)
        let values = (0..<400).map { _ in
            String(decoding: generator.bytes(40, from: Array("abcdefgh".utf8)), as: UTF8.self)
        }
        let sizes = try [low, high].map { level in
            try configure(["compression.type": codec, "compression.\(codec).level": level])
            return try stored(NodeScene.batch(values)).header.size
        }
        #expect(sizes[1] < sizes[0])
    }

    @Test("max.message.bytes counts what is sent and what is stored")
    func size() throws {
        let compressed = try NodeScene.batch(Self.values, codec: .zstd)
        try configure(["max.message.bytes": "\(compressed.count)"])
        #expect(try scene.produce("t", compressed).errorCode == .none)
        #expect(try scene.produce("t", NodeScene.batch(Self.values)).errorCode == .messageTooLarge)
        try configure(["max.message.bytes": "\(compressed.count)", "compression.type": "uncompressed"])
        #expect(try scene.produce("t", compressed).errorCode == .messageTooLarge)
        try configure(["max.message.bytes": "\(compressed.count - 1)"])
        #expect(try scene.produce("t", compressed).errorCode == .messageTooLarge)
    }

    @Test("message.timestamp.type=LogAppendTime gives every record the time of its append")
    func appendTime() throws {
        try configure(["message.timestamp.type": "LogAppendTime", "compression.type": "zstd"])
        let old = try NodeScene.batch(["a", "b"], timestamp: 5)
        let answer = try scene.produce("t", old)
        #expect(answer.logAppendTimeMs == ManualScheduler.startOfWall)
        let (header, records) = try stored(old)
        #expect(header.timestampType == .logAppendTime && header.maxTimestamp == ManualScheduler.startOfWall)
        #expect(records.map(\.timestamp) == [ManualScheduler.startOfWall, ManualScheduler.startOfWall])
        try configure([:])
        let plain = try stored(old)
        #expect(plain.header.timestampType == .createTime && plain.records.map(\.timestamp) == [5, 6])
    }

    @Test("records too far before or after now are refused, as far as the topic says")
    func timestamps() throws {
        let now = ManualScheduler.startOfWall
        try configure(["message.timestamp.before.max.ms": "1000", "message.timestamp.after.max.ms": "10"])
        #expect(try scene.produce("t", NodeScene.batch(["x"], timestamp: now - 1000)).errorCode == .none)
        #expect(try scene.produce("t", NodeScene.batch(["x"], timestamp: now - 1001)).errorCode == .invalidTimestamp)
        #expect(try scene.produce("t", NodeScene.batch(["x"], timestamp: now + 10)).errorCode == .none)
        #expect(try scene.produce("t", NodeScene.batch(["x"], timestamp: now + 11)).errorCode == .invalidTimestamp)
        for times in [[now - 1001, now], [now, now - 1001], [now, now + 11]] {
            #expect(try scene.produce("t", batch(at: times)).errorCode == .invalidTimestamp, "each record counts")
        }
        #expect(try scene.produce("t", batch(at: [-1, now])).errorCode == .none, "one without a time has none")
        try configure([:])
        #expect(try scene.produce("t", NodeScene.batch(["x"], timestamp: 0)).errorCode == .none)
        let future = try NodeScene.batch(["x"], timestamp: now + 3_600_001)
        #expect(try scene.produce("t", future).errorCode == .invalidTimestamp)
    }

    private func batch(at times: [Int64]) throws -> [UInt8] {
        try RecordBatch.encode(times.map { Record(timestamp: $0, value: [1]) }).withUnsafeBytes { Array($0) }
    }

    @Test("a batch that is larger than segment.bytes is refused")
    func segmentSize() throws {
        let directory = scene.directory
        _ = try directory.createTopic("t", partitions: 1, configuration: ["segment.bytes": "100"])
        #expect(try scene.produce("t", NodeScene.batch(Self.values)).errorCode == .recordListTooLarge)
    }
}

@Suite("When a topic is flushed")
struct FlushTests {
    private let gate = SyncGate()

    private func scene(_ settings: [String: String]) throws -> NodeScene {
        let scene = try NodeScene(disk: gate.disk)
        try scene.create("t", partitions: 1, settings)
        return scene
    }

    private func put(_ scene: NodeScene, _ count: Int, acks: Int16 = 1) throws {
        let values = (0..<count).map { "\($0)" }
        #expect(try scene.produce("t", NodeScene.batch(values), acks: acks).errorCode == .none)
    }

    /// Waits for the pass that `body` is to begin.
    private func expectPass(_ scene: NodeScene, _ body: () throws -> Void) throws {
        gate.hold()
        defer { gate.letGo() }
        try body()
        try gate.waitForSync()
    }

    @Test("flush.messages begins a pass once so many records wait for one")
    func messages() throws {
        let scene = try scene(["flush.messages": "10"])
        // The first append of a partition that nothing is known of begins one.
        try expectPass(scene) { try put(scene, 1) }
        try scene.directory.sync()
        try put(scene, 4)
        try put(scene, 5)
        #expect(scene.directory.unsyncedBytes > 0)
        try expectPass(scene) { try put(scene, 1) }
    }

    @Test("flush.ms begins a pass when the oldest record has waited so long")
    func time() throws {
        let scene = try scene(["flush.ms": "200"])
        try put(scene, 1)
        scene.scheduler.advance(by: .milliseconds(199))
        #expect(scene.directory.unsyncedBytes > 0)
        try expectPass(scene) { scene.scheduler.advance(by: .milliseconds(1)) }
    }

    @Test("with flush.messages=1 a producer is answered when its records are durable, whatever its acks")
    func one() throws {
        let scene = try scene(["flush.messages": "1"])
        for _ in 0..<3 {
            try put(scene, 1)
            #expect(scene.directory.unsyncedBytes == 0)
        }
    }

    /// A topic that stands with one setting and, if it is to change, is given another while it is in use.
    struct Change: Sendable {
        var name: String
        var from: String
        var to: String
        /// Whether a pass begins for 5 records and 200 milliseconds with the setting that the topic stands with.
        var isFlushedBefore: Bool
    }

    /// A pass has ended, 5 records come, 200 milliseconds go by: whether another pass has begun.
    private func isFlushed(_ change: Change, isMade: Bool) throws -> Bool {
        let scene = try scene([change.name: change.from])
        try expectPass(scene) {
            try put(scene, 1)
            // Less than what was armed when the topic was made: that would be another pass, which nobody waits for here.
            scene.scheduler.advance(by: .milliseconds(300))
        }
        // Waits for its end.
        try scene.directory.sync()
        if isMade { #expect(try scene.configure("t", [change.name: change.to]) == .none) }
        try put(scene, 5)
        scene.scheduler.advance(by: .milliseconds(200))
        // Not before a pass has ended that is wanted.
        scene.node.stop()
        return scene.directory.unsyncedBytes == 0
    }

    @Test(
        "flush.messages and flush.ms that are changed count from the next append on",
        arguments: [
            Change(name: "flush.messages", from: "100", to: "5", isFlushedBefore: false),
            Change(name: "flush.messages", from: "5", to: "100", isFlushedBefore: true),
            Change(name: "flush.ms", from: "300", to: "200", isFlushedBefore: false),
            Change(name: "flush.ms", from: "200", to: "300", isFlushedBefore: true),
        ])
    func changed(change: Change) throws {
        #expect(try isFlushed(change, isMade: false) == change.isFlushedBefore)
        #expect(try isFlushed(change, isMade: true) != change.isFlushedBefore)
    }
}
