import CommitLog
import Foundation
import Pipelines
import Platform
import Records
import Settings
import TestSupport
import Testing

@testable import Connectors

@Suite("tail to topic", .timeLimit(.minutes(20)))
struct PipelineTests {
    let bench: Workbench
    init() throws { bench = try Workbench() }

    static func describe(
        _ name: String = "web", paths: [String], topic: String = "web", channel: Bool = false,
        _ change: (inout TopicOptions) -> Void = { _ in }
    ) -> PipelineDescription {
        var tail = TailOptions()
        tail.paths = paths
        var sink = TopicOptions()
        sink.topic = topic
        sink.key = KeyOptions()
        sink.key?.field = 1
        change(&sink)
        var memory = MemoryChannelOptions()
        memory.capacity = .mebibytes(1)
        return PipelineDescription(
            name: name, sources: [ComponentDescription(name: "tail", type: "tail", options: tail)],
            channel: channel ? ComponentDescription(name: "memory", type: "memory", options: memory) : nil,
            sinks: [ComponentDescription(name: "topic", type: "topic", options: sink)])
    }

    /// Lines of 50 keys, numbered within each key.
    static func lines(_ count: Int) -> [String] {
        (0..<count).map { "key\($0 % 50) number \($0) " + String(repeating: "x", count: $0 % 131) }
    }

    static func byKey(_ lines: [String]) -> [String: [String]] {
        Dictionary(grouping: lines) { String($0.prefix { $0 != " " }) }
    }

    @Test("brings every line home once, in file order per key, and then ends", arguments: [false, true])
    func untilEnd(channel: Bool) throws {
        let lines = Self.lines(20_000)
        bench.write(lines.map { $0 + "\n" }.joined(), to: "web.log")
        let description = Self.describe(paths: [bench.path("*.log")], channel: channel)
        for _ in 0..<2 {
            // The second run finds nothing new.
            let context = bench.context(untilEnd: true, clock: .system, encoders: 1)
            let runner = try Runner([description], registry: builtins, context: context)
            runner.start()
            #expect(runner.wait())
            let status = try #require(runner.status().first)
            #expect(status.state == .finished)
            #expect(status.files.map(\.lagBytes) == [0])
            context.encoders.stop()
        }
        #expect(try bench.valuesByKey(of: "web") == Self.byKey(lines))
        #expect(bench.directory.unsyncedBytes == 0)
    }

    @Test("carries the header that marks the parts of a split line")
    func continuation() throws {
        bench.write("k " + String(repeating: "y", count: 2_500_000) + "\nk end\n", to: "web.log")
        let runner = try Runner(
            [Self.describe(paths: [bench.path("web.log")])], registry: builtins,
            context: bench.context(untilEnd: true, clock: .system))
        runner.start()
        #expect(runner.wait())
        let records = try bench.records(of: "web").flatMap { $0 }
        #expect(records.map { $0.value?.count ?? 0 }.sorted() == [5, 500_002, 1_000_000, 1_000_000])
        #expect(records.count { !$0.headers.isEmpty } == 2)
        #expect(records.reduce(0) { $0 + ($1.value?.count ?? 0) } == 2_500_007)
    }

    @Test("brings every line home once, in order, after a kill at every round", arguments: [false, true])
    func killed(before append: Bool) throws {
        let lines = Self.lines(4000)
        bench.write(lines.map { $0 + "\n" }.joined(), to: "web.log")
        var kills = 0
        var isDone = false
        // Each life gets one round further than the one before, so a kill comes behind every round.
        while !isDone {
            isDone = try live(rounds: kills + 1, halfMore: append)
            kills += 1
            try bench.crash()
            #expect(kills < 100)
        }
        #expect(kills > 3)
        #expect(try bench.valuesByKey(of: "web") == Self.byKey(lines))
    }

    /// One life of a process, which ends without a word.
    /// - Returns: whether it came to the end of the file.
    private func live(rounds: Int, halfMore: Bool) throws -> Bool {
        var tail = TailOptions()
        tail.paths = [bench.path("web.log")]
        tail.block = .kibibytes(64)
        var options = TopicOptions()
        options.topic = "web"
        options.key = KeyOptions()
        options.key?.field = 1
        options.batch = .kibibytes(8)
        options.round = .kibibytes(64)
        let source = TailSource(tail, bench.component())
        let sink = try TopicSink(options, bench.component("topic"))
        let positions = bench.directory.positions(pipeline: "test").filter { $0.source == "tail" }.map(\.position)
        try source.start(from: positions, untilEnd: true)
        try sink.start(longestEvent: source.longestEvent)
        for _ in 0..<rounds {
            guard case .batch(let batch) = try source.next() else {
                try sink.flush()
                return true
            }
            sink.take(batch)
            try sink.advance()
            try sink.settle()
        }
        if halfMore, case .batch(let batch) = try source.next() { sink.take(batch) }
        return false
    }

    @Test("waits while the disk is full and goes on with nothing lost", arguments: [false, true], [0, 1, 3, 8])
    func diskFull(channel: Bool, writes: Int) throws {
        let faults = FaultyDisk()
        let bench = try Workbench(dataDisk: faults.disk)
        let lines = Self.lines(30_000)
        bench.write(lines.map { $0 + "\n" }.joined(), to: "web.log")
        // The topic is there already: only rounds meet the full disk.
        _ = try bench.directory.createTopic("web", partitions: 8, configuration: [:])
        _ = try bench.directory.producer(pipeline: "web")
        faults.change { $0.writesLeft = writes }
        let runner = try Runner(
            [Self.describe(paths: [bench.path("web.log")], channel: channel) { $0.round = .kibibytes(256) }],
            registry: builtins, context: bench.context(untilEnd: true, clock: .system))
        runner.start()
        bench.waitForNote("No space left on device")
        let status = try #require(runner.status().first)
        #expect(status.state == .failed)
        #expect(status.reason?.contains("No space left") == true)
        faults.change { $0.writesLeft = nil }
        #expect(runner.wait())
        #expect(bench.notes(about: "works again").count == 1)
        #expect(try bench.valuesByKey(of: "web") == Self.byKey(lines))
    }

    @Test("makes a topic again that was deleted beneath it, with a warning, and goes on")
    func topicDeleted() throws {
        bench.write("key1 before\n", to: "web.log")
        let runner = try Runner(
            [Self.describe(paths: [bench.path("web.log")])], registry: builtins,
            context: bench.context(clock: .system))
        runner.start()
        wait(for: 1, in: runner)
        try bench.directory.deleteTopic("web")
        try bench.append("key1 after\n", to: "web.log")
        bench.waitForNote("was deleted; it is made again")
        runner.stop(by: Clock.system.now() + .seconds(20))
        #expect(runner.wait())
        #expect(try bench.values(of: "web") == ["key1 after"])
    }

    @Test("sorts what is under way again when the topic was made again with other partitions")
    func otherPartitions() throws {
        let lines = Self.lines(2000)
        bench.write(lines.map { $0 + "\n" }.joined(), to: "web.log")
        var tail = TailOptions()
        tail.paths = [bench.path("web.log")]
        var options = TopicOptions()
        options.topic = "web"
        options.key = KeyOptions()
        options.key?.field = 1
        options.batch = .kibibytes(8)
        let source = TailSource(tail, bench.component())
        let sink = try TopicSink(options, bench.component("topic"))
        try source.start(from: [], untilEnd: true)
        try sink.start(longestEvent: source.longestEvent)
        guard case .batch(let batch) = try source.next() else {
            Issue.record("nothing came")
            return
        }
        sink.take(batch)
        try bench.directory.deleteTopic("web")
        _ = try bench.directory.createTopic("web", partitions: 3, configuration: [:])
        while case .batch(let more) = try source.next() {
            sink.take(more)
            try sink.advance()
        }
        try sink.flush()
        #expect(try bench.records(of: "web").count == 3)
        #expect(try bench.valuesByKey(of: "web") == Self.byKey(lines))
        for (partition, records) in try bench.records(of: "web").enumerated() {
            let places = Set(
                records.map { record in
                    let key = record.key ?? []
                    return Int(murmur2(key.rawSpan) & 0x7fff_ffff) % 3
                })
            #expect(places.isSubset(of: [partition]))
        }
    }

    /// Waits until a pipeline has appended so many events.
    private func wait(for events: Int, in runner: Runner) {
        while runner.status().first?.sink.events ?? 0 < events {}
    }

    @Test(
        "ends when its sink is beyond repair, with the reason, whatever its sources still have",
        arguments: [false, true])
    func beyondRepair(channel: Bool) throws {
        bench.write(Self.lines(60_000).map { $0 + "\n" }.joined(), to: "web.log")
        let registry = Registry(
            sources: builtins.sources, processors: [], channels: builtins.channels,
            sinks: [ComponentType("topic", "Breaks.", options: TopicOptions.self) { _, _ in BrokenSink() }])
        let runner = try Runner(
            [Self.describe(paths: [bench.path("web.log")], channel: channel)], registry: registry,
            context: bench.context(clock: .system))
        runner.start()
        #expect(runner.wait())
        let status = try #require(runner.status().first)
        #expect(status.state == .finished)
        #expect(status.reason == "broken for good")
        #expect(bench.notes(about: "broken for good").count == 1)
    }

    final class BrokenSink: EventSink {
        func start(longestEvent: Int) throws {}
        func take(_ batch: consuming SourceBatch) {}
        func advance() throws {}
        func settle() throws { throw PipelineError.beyondRepair("broken for good") }
        func flush() throws { throw PipelineError.beyondRepair("broken for good") }
        var deadline: Instant? { nil }
        var report: SinkReport { SinkReport(name: "broken") }
        func close() {}
    }

    @Test("one pipeline that fails disturbs no other, and can be stopped")
    func failingNeighbour() throws {
        bench.write(Self.lines(100).map { $0 + "\n" }.joined(), to: "web.log")
        var context = bench.context(untilEnd: true, clock: .system)
        let good = context.topic
        context.topic = { name, partitions, configuration in
            guard name != "bad" else { throw StorageError("create bad", .invalidTopic("no")) }
            return try good(name, partitions, configuration)
        }
        let runner = try Runner(
            [
                Self.describe("bad", paths: [bench.path("web.log")], topic: "bad"),
                Self.describe("good", paths: [bench.path("web.log")], topic: "good"),
            ], registry: builtins, context: context)
        runner.start()
        bench.waitForNote("cannot create bad")
        while runner.status().last?.state != .finished {}
        #expect(runner.status().first?.state == .failed)
        #expect(try bench.values(of: "good").count == 100)
        runner.stop(by: Clock.system.now())
        #expect(runner.wait())
    }

    @Test("holds no more than its budget however much waits to be read")
    func budget() throws {
        let lines = Self.lines(60_000)
        bench.write(lines.map { $0 + "\n" }.joined(), to: "web.log")
        var context = bench.context(untilEnd: true, clock: .system, budget: 1 << 20)
        context.floor = 64 << 10
        let runner = try Runner(
            [Self.describe(paths: [bench.path("web.log")])], registry: builtins, context: context)
        runner.start()
        #expect(runner.wait())
        #expect(context.budget.peakBytes <= 1 << 20 + 1 << 20)
        #expect(context.budget.heldBytes == 0)
        #expect(try bench.valuesByKey(of: "web") == Self.byKey(lines))
    }

    @Test("shows how far behind a file is, and its problems")
    func status() throws {
        bench.write("key1 one\nkey1 unfinished", to: "web.log")
        try FileManager.default.createDirectory(atPath: bench.path("folder.log"), withIntermediateDirectories: false)
        let runner = try Runner(
            [Self.describe(paths: [bench.path("*.log"), bench.path("none-*")])], registry: builtins,
            context: bench.context(clock: .system))
        runner.start()
        wait(for: 1, in: runner)
        let status = try #require(runner.status().first)
        #expect(status.state == .running)
        #expect(status.files.map(\.lagBytes) == [15])
        #expect(status.files.map(\.path) == [bench.path("web.log")])
        #expect(status.sources[0].problems.count == 2)
        #expect(bench.notes(about: "a directory instead of a file").count == 1)
        #expect(bench.notes(about: "no such file yet").count == 1)
        runner.stop(by: Clock.system.now() + .seconds(20))
        #expect(runner.wait())
    }
}
