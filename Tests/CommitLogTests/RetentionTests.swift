import CommitLog
import Platform
import Records
import TestSupport
import Testing

@Suite("What a topic does not keep")
struct RetentionTests {
    private let memory = MemoryDisk()

    private func open(_ change: (inout LogOptions) -> Void = { _ in }) throws -> DataDirectory {
        var options = LogOptions()
        change(&options)
        return try DataDirectory.open("/d", options: options, disk: memory.disk)
    }

    private func files(_ suffix: String) -> [String] {
        memory.files.filter { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(suffix) }
    }

    /// As Kafka's three passes go, one after the other, on plain numbers.
    struct Model {
        struct Segment {
            var base: Offset
            var size: Int64
            var largest: Int64
        }

        var segments: [Segment]
        var logStart: Offset
        var end: Offset

        mutating func retain(bytes: Int64, milliseconds: Int64, now: Int64, deletes: Bool) {
            while segments.count > 1, segments[1].base <= logStart { segments.removeFirst() }
            if deletes, bytes >= 0 {
                var excess = segments.reduce(-bytes) { $0 + $1.size }
                while let first = segments.first, excess - first.size >= 0 {
                    excess -= first.size
                    segments.removeFirst()
                }
            }
            if deletes, milliseconds >= 0 {
                while let first = segments.first, now - first.largest > milliseconds { segments.removeFirst() }
            }
            logStart = max(logStart, segments.first?.base ?? end)
        }
    }

    @Test("segments go as in a naive model of Kafka's rules, whatever the sizes, times and settings", arguments: 0..<60)
    func model(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let directory = try open()
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["segment.bytes": "400"])
        let partition = topic.partitions[0]
        for _ in 0..<30 {
            let count = Int.random(in: 1...4, using: &generator)
            let values = (0..<count).map { _ in
                String(repeating: "x", count: Int.random(in: 0...50, using: &generator))
            }
            let time = Make.time + Int64.random(in: -500...500, using: &generator)
            _ = try directory.append(Make.batch(values, timestamp: time), to: partition)
        }
        var model = try self.model(of: partition)
        for step in 0..<6 {
            let bytes = Int64.random(in: -1...3000, using: &generator)
            let milliseconds = Int64.random(in: -1...600, using: &generator)
            let deletes = Int.random(in: 0..<4, using: &generator) > 0
            try directory.alterTopic(
                named: "t",
                configuration: [
                    "segment.bytes": "400", "retention.bytes": "\(bytes)", "retention.ms": "\(max(-1, milliseconds))",
                    "cleanup.policy": deletes ? "compact,delete" : "compact",
                ])
            if Bool.random(using: &generator) {
                let offset = Int64.random(in: model.logStart...model.end, using: &generator)
                _ = try directory.deleteRecords([(partition, before: offset)])
                model.logStart = offset
            }
            let now = Make.time + Int64.random(in: -200...400, using: &generator)
            try directory.enforceRetention(now: now)
            model.retain(bytes: bytes, milliseconds: milliseconds, now: now, deletes: deletes)
            #expect(partition.logStart == model.logStart, "seed \(seed), step \(step)")
            let expected = model.segments.isEmpty ? [model.end] : model.segments.map(\.base)
            #expect(bases == expected, "seed \(seed), step \(step)")
        }
        memory.kill()
        let opened = try #require(try open().topic(named: "t")).partitions[0]
        #expect(opened.logStart == model.logStart && opened.highWatermark == model.end, "seed \(seed)")
    }

    private var bases: [Offset] { files(".log").compactMap { Offset($0.dropFirst("/d/t-0/".count).prefix(20)) } }

    private func model(of partition: Partition) throws -> Model {
        let segments = try bases.map { base in
            let path = files(".log").first { $0.hasSuffix("\(base).log") }
            let bytes = try #require(path.flatMap { memory.bytes(of: $0) })
            var rest = bytes[...]
            var largest: Int64 = -1
            while !rest.isEmpty {
                let header = try BatchHeader(parsing: rest.rawSpan)
                largest = max(largest, header.maxTimestamp)
                rest = rest.dropFirst(header.size)
            }
            return Model.Segment(base: base, size: Int64(bytes.count), largest: largest)
        }
        return Model(segments: segments, logStart: partition.logStart, end: partition.highWatermark)
    }

    @Test("where records have no time, the file's counts")
    func fileTime() throws {
        let directory = try open()
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["retention.ms": "1000"])
        _ = try directory.append(Make.batch(["x"], timestamp: -1), to: topic.partitions[0])
        let written = try memory.disk.status("/d/t-0/00000000000000000000.log").modified / 1_000_000
        #expect(try directory.enforceRetention(now: written + 1000) == 0)
        #expect(try directory.enforceRetention(now: written + 1001) > 0)
        #expect(topic.partitions[0].logStart == 1)
    }

    @Test("records of the future stay")
    func future() throws {
        let directory = try open()
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["retention.ms": "0"])
        _ = try directory.append(Make.batch(["x"], timestamp: .max), to: topic.partitions[0])
        #expect(try directory.enforceRetention(now: Make.time) == 0)
    }

    @Test("deleted segments keep their files, under another name, as long as the topic says")
    func delay() throws {
        let directory = try open()
        let configuration = ["segment.bytes": "14", "retention.bytes": "100", "file.delete.delay.ms": "60000"]
        let topic = try directory.createTopic("t", partitions: 1, configuration: configuration)
        for _ in 0..<4 { _ = try directory.append(Make.batch(["x"]), to: topic.partitions[0]) }
        try directory.enforceRetention(now: Make.time)
        let waiting = files(".deleted")
        #expect(waiting.contains("/d/t-0/00000000000000000000.log.deleted"))
        try directory.removeDeletedFiles(now: Make.time + 59_999)
        #expect(files(".deleted") == waiting)
        try directory.removeDeletedFiles(now: Make.time + 60_000)
        #expect(files(".deleted").isEmpty)
    }

    @Test("files of deleted segments go at a stop, at the next opening, and when they would be too many")
    func delayEnds() throws {
        let configuration = ["segment.bytes": "14", "retention.bytes": "100"]
        var directory = try open()
        var topic = try directory.createTopic("t", partitions: 1, configuration: configuration)
        func roll(_ count: Int) throws {
            for _ in 0..<count { _ = try directory.append(Make.batch(["x"]), to: topic.partitions[0]) }
            try directory.enforceRetention()
        }
        try roll(4)
        #expect(!files(".deleted").isEmpty)
        try directory.close()
        #expect(files(".deleted").isEmpty)
        directory = try open()
        topic = try #require(directory.topic(named: "t"))
        try roll(4)
        #expect(!files(".deleted").isEmpty)
        memory.kill()
        directory = try open { $0.deletedSegments = 2 }
        #expect(files(".deleted").isEmpty)
        topic = try #require(directory.topic(named: "t"))
        try roll(9)
        #expect(files(".log.deleted").count == 2)
        memory.kill()
        directory = try open { $0.deletedBytes = 100 }
        topic = try #require(directory.topic(named: "t"))
        try roll(9)
        #expect(files(".log.deleted").count == 1)
    }

    @Test("a full disk gets the room of deleted segments back")
    func full() throws {
        let directory = try open()
        let configuration = ["segment.bytes": "14", "retention.bytes": "100"]
        let topic = try directory.createTopic("t", partitions: 1, configuration: configuration)
        for _ in 0..<20 { _ = try directory.append(Make.batch(["x"]), to: topic.partitions[0]) }
        try directory.enforceRetention()
        #expect(files(".log.deleted").count > 10)
        memory.capacity = memory.used
        guard case .appended = try directory.append(Make.batch(["x"]), to: topic.partitions[0]) else {
            Issue.record("the disk stayed full")
            return
        }
        #expect(files(".log.deleted").count <= 1)
    }

    @Test("an active segment with records that no pass has covered stays")
    func uncovered() throws {
        let topic = Lock<Topic?>(nil)
        let opened = Lock<DataDirectory?>(nil)
        let disk = memory.disk.hooked { (call) throws(DiskError) in
            guard call.operation == .sync, call.path.hasPrefix("/d/t-0/"), let topic = topic.withLock({ $0.take() })
            else {
                return .goes
            }
            // While the pass runs that retention waits for.
            let late = opened.withLock { $0 }
            #expect(throws: Never.self) { _ = try late?.append(Make.batch(["late"]), to: topic.partitions[0]) }
            return .goes
        }
        let directory = try DataDirectory.open("/d", disk: disk)
        opened.withLock { $0 = directory }
        defer { opened.withLock { $0 = nil } }
        let made = try directory.createTopic("t", partitions: 1, configuration: ["retention.ms": "1000"])
        let partition = made.partitions[0]
        _ = try directory.append(Make.batch(["early"]), to: partition)
        topic.withLock { $0 = made }
        #expect(try directory.enforceRetention(now: Make.time + 2000) == 0)
        #expect(try partition.allValues() == ["early", "late"])
        #expect(try directory.enforceRetention(now: Make.time + 2000) > 0)
        #expect(partition.logStart == 2 && partition.highWatermark == 2)
    }
}
