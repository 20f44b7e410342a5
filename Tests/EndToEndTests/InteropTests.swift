import Foundation
import Testing

/// Partition directories carried from Penstock to a real Kafka broker and back.
///
/// A broker takes seconds to start, so all of it is one run of one broker, started three times, and each test looks at
/// one of its results.
@Suite(
    "The directory is Kafka's", .serialized, .timeLimit(.minutes(20)),
    .enabled(if: Surroundings.kafkaTools != nil, "Apache Kafka's tools (../shared/peers/kafka) or Java are not here"))
struct InteropTests {
    private static let run = Result {
        let workspace = try Workspace()
        return try withExtendedLifetime(workspace) { try InteropRun(workspace) }
    }

    private func equal(_ a: String?, _ b: String?, _ what: String, sourceLocation: SourceLocation = #_sourceLocation) {
        guard let a, let b else {
            Issue.record("\(what): nothing was read", sourceLocation: sourceLocation)
            return
        }
        let (left, right) = (a.split(separator: "\n"), b.split(separator: "\n"))
        let place = zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let first = place ?? min(left.count, right.count)
        let found = left.dropFirst(first).first?.prefix(200) ?? "the end"
        let wanted = right.dropFirst(first).first?.prefix(200) ?? "the end"
        #expect(
            found == wanted, "\(what): line \(first) of \(left.count), wanted line of \(right.count)",
            sourceLocation: sourceLocation)
    }

    @Test("Kafka's dump tool, with deep iteration and its checks of indexes, accepts every file that Penstock wrote")
    func dump() throws {
        let run = try Self.run.get()
        #expect(run.penstockFiles.contains { $0.contains("p-zstd-1/") && $0.hasSuffix(".index") })
        expectAccepted(run.penstockDump, logs: run.penstockFiles.count { $0.hasSuffix(".log") })
    }

    @Test("A real broker serves copies of Penstock's partition directories with the same records at the same offsets")
    func served() throws {
        let run = try Self.run.get()
        for topic in InteropRun.plain("p") {
            equal(run.served["clean \(topic)"], run.penstock[topic], "\(topic), read from a broker's copy")
        }
    }

    @Test("A broker that recovers copies of Penstock's directories cuts nothing, and makes the same indexes")
    func recovered() throws {
        let run = try Self.run.get()
        for topic in InteropRun.plain("p") {
            equal(run.served["recovered \(topic)"], run.penstock[topic], "\(topic), after a broker's recovery")
        }
        #expect(run.changedByKafka == [])
    }

    @Test(
        "Penstock on a copy of a broker's directory serves what the broker served: codecs, transactions, compacted topics",
        arguments: ["read_uncommitted", "read_committed"])
    func adopted(isolation: String) throws {
        let run = try Self.run.get()
        for topic in InteropRun.all("k") {
            equal(run.adopted["\(isolation) \(topic)"], run.kafka["\(isolation) \(topic)"], "\(topic), \(isolation)")
        }
    }

    @Test("Penstock on a copy of a broker's directory knows the offsets that groups committed there")
    func offsets() throws {
        let run = try Self.run.get()
        equal(run.adoptedOffsets, run.kafkaOffsets, "group offsets")
    }

    @Test(
        "Penstock that recovers a broker's directory without indexes serves the same, and makes files that Kafka accepts"
    )
    func adoptedBare() throws {
        let run = try Self.run.get()
        for topic in InteropRun.all("k") {
            equal(
                run.adopted["bare read_committed \(topic)"], run.kafka["read_committed \(topic)"],
                "\(topic), without indexes")
        }
        expectAccepted(run.adoptedDump, logs: 10)
    }

    private func expectAccepted(
        _ text: String, logs: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        // Of each segment that does not begin at 0 the tool says that its first offset follows -1; and compacted topics
        // have holes.
        var file: Substring = ""
        var objections: [Substring] = []
        for line in text.split(separator: "\n") {
            if line.hasPrefix("Non-consecutive offsets in ") { file = line }
            if line.contains("isvalid: false") || line.contains("ismatch") || line.contains("Found invalid")
                || line.contains("xception") || line.contains("out of order") || line.contains("corrupt")
                || line.contains("Found timestamp")
            {
                objections.append(line)
            }
            if line.contains(" is followed by "), !line.contains(" -1 is followed by "), !file.contains("-compact-"),
                !file.contains("/__")
            {
                objections.append("\(file): \(line)")
            }
        }
        #expect(Array(objections.prefix(5)) == [], sourceLocation: sourceLocation)
        #expect(text.split(separator: "\n").count { $0.hasPrefix("Dumping ") } >= logs, sourceLocation: sourceLocation)
        #expect(text.contains("passed sanity check"), "Kafka checked an index", sourceLocation: sourceLocation)
    }
}

/// Everything that ``InteropTests`` looks at.
struct InteropRun {
    /// By topic: what Penstock served.
    private(set) var penstock: [String: String] = [:]
    private(set) var penstockFiles: [String] = []
    private(set) var penstockDump = ""
    /// By way and topic: what a broker served of Penstock's directories.
    private(set) var served: [String: String] = [:]
    /// Files of Penstock's that a broker's recovery made otherwise.
    private(set) var changedByKafka: [String] = []
    /// By isolation level and topic: what a broker served of its own.
    private(set) var kafka: [String: String] = [:]
    private(set) var adopted: [String: String] = [:]
    private(set) var kafkaOffsets = ""
    private(set) var adoptedOffsets = ""
    private(set) var adoptedDump = ""

    private let tools = Surroundings.kafkaTools ?? ""
    /// Gone once everything has been looked at.
    private unowned let workspace: Workspace

    static func plain(_ prefix: String) -> [String] {
        ["none", "gzip", "snappy", "lz4", "zstd", "append-time", "compact"].map { "\(prefix)-\($0)" }
    }

    static func all(_ prefix: String) -> [String] { plain(prefix) + ["\(prefix)-txn"] }

    private static let groups = (0..<5).map { "k-g\($0)" }

    init(_ workspace: Workspace) throws {
        self.workspace = workspace
        let cluster = try KafkaCluster(
            (tools as NSString).deletingLastPathComponent, in: workspace("kafka"))
        try fillPenstock()
        try cluster.start(settings: [
            "offsets.topic.num.partitions": "3", "transaction.state.log.num.partitions": "1",
            "log.cleaner.backoff.ms": "100",
        ])
        try fill(cluster)
        try adopt()
        try serve(cluster)
    }

    private func java(_ arguments: String...) throws -> String { try java(arguments) }

    private func java(_ arguments: [String]) throws -> String {
        let child = try Child(tools, ["java", "\(Surroundings.checkout)/Tests/Clients/Interop.java"] + arguments)
        guard try child.end(within: .seconds(300)) == .exited(0) else { throw Trouble("\(arguments): \(child.tail)") }
        return child.text(.output)
    }

    /// One run of the program for several topics; what it says of each begins with the topic's name.
    private func read(_ address: String, _ isolation: String, _ topics: [String]) throws -> [String: String] {
        let lines = try java(["read", address, isolation] + topics).split(separator: "\n")
        return Dictionary(
            uniqueKeysWithValues: topics.map { topic in
                (topic, lines.filter { $0.hasPrefix("\(topic)-") }.joined(separator: "\n"))
            })
    }

    private func copy(_ from: String, _ to: String) throws {
        try? FileManager.default.removeItem(atPath: to)
        try FileManager.default.copyItem(atPath: from, toPath: to)
    }

    // MARK: - Penstock's own

    private mutating func fillPenstock() throws {
        let server = try Penstock(workspace, pipelines: [], data: workspace("data"))
        _ = try java("fill", server.address, "p")
        penstock = try read(server.address, "read_uncommitted", Self.plain("p"))
        try server.stop()
        penstockFiles = try files(in: workspace("data"))
        penstockDump = try dump(penstockFiles)
    }

    /// Segments, indexes and snapshots below a directory.
    private func files(in directory: String) throws -> [String] {
        let names = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        let suffixes = [".log", ".index", ".timeindex", ".txnindex", ".snapshot"]
        return names.filter { name in suffixes.contains { name.hasSuffix($0) } && !name.contains("penstock-cut/") }
            .filter { !$0.contains("__cluster_metadata") }
            .map { "\(directory)/\($0)" }.sorted()
    }

    private func dump(_ files: [String]) throws -> String {
        func run(_ files: [String], _ options: [String]) throws -> String {
            guard !files.isEmpty else { return "" }
            let child = try Child(tools, ["dump-log", "--files", files.joined(separator: ",")] + options)
            guard try child.end(within: .seconds(300)) == .exited(0) else { throw Trouble(child.tail) }
            return child.text(.output) + child.text(.errors)
        }
        let indexes = files.filter { $0.hasSuffix(".index") || $0.hasSuffix(".timeindex") }
        return try run(files, ["--deep-iteration"]) + run(indexes, ["--verify-index-only"])
            + run(indexes, ["--index-sanity-check"])
    }

    // MARK: - The broker's own

    private mutating func fill(_ cluster: KafkaCluster) throws {
        _ = try java("fill", cluster.address, "k", "transactions")
        // 12 × 100 keys, transactions and their markers; about 120 keys are left, and what the active segment holds.
        _ = try java("compacted", cluster.address, "k-compact", "600", cluster.data)
        for isolation in ["read_uncommitted", "read_committed"] {
            for (topic, text) in try read(cluster.address, isolation, Self.all("k")) {
                kafka["\(isolation) \(topic)"] = text
            }
        }
        kafkaOffsets = try java(["offsets", cluster.address] + Self.groups)
        // As they are in Penstock: the same intervals make the same indexes.
        let topics = Self.plain("p").map { topic in
            topic.hasSuffix("-append-time") || topic.hasSuffix("-compact") ? "\(topic):1:4096" : "\(topic):2:2048"
        }
        _ = try java(["create", cluster.address] + topics)
        try cluster.stop()
        try copy(cluster.data, workspace("adopted"))
    }

    private mutating func adopt() throws {
        try adoptOnce("")
        // As a crash leaves it, on a disk where somebody removed indexes.
        for name in FileManager.default.enumerator(atPath: workspace("adopted"))?.compactMap({ $0 as? String }) ?? []
        where name.hasSuffix(".index") || name.hasSuffix(".timeindex") || name.hasSuffix(".kafka_cleanshutdown") {
            try FileManager.default.removeItem(atPath: workspace("adopted/\(name)"))
        }
        try adoptOnce("bare ")
        adoptedDump = try dump(try files(in: workspace("adopted")))
    }

    private mutating func adoptOnce(_ way: String) throws {
        let server = try Penstock(workspace, pipelines: [], data: workspace("adopted"), arguments: ["--adopt"])
        for isolation in ["read_uncommitted", "read_committed"] {
            for (topic, text) in try read(server.address, isolation, Self.all("k")) {
                adopted["\(way)\(isolation) \(topic)"] = text
            }
        }
        adoptedOffsets = try java(["offsets", server.address] + Self.groups)
        try server.stop()
    }

    // MARK: - Penstock's, served by the broker

    private mutating func serve(_ cluster: KafkaCluster) throws {
        try replace(in: cluster, keeping: { _ in true })
        try cluster.start()
        try note("clean", cluster)
        try cluster.stop()
        // Without indexes and the mark of a clean stop, Kafka reads every batch and makes them anew.
        try replace(in: cluster, keeping: { !$0.hasSuffix("index") && !$0.hasSuffix(".snapshot") })
        try? FileManager.default.removeItem(atPath: "\(cluster.data)/.kafka_cleanshutdown")
        for name in ["recovery-point-offset-checkpoint", "replication-offset-checkpoint"] {
            try "0\n0\n".write(toFile: "\(cluster.data)/\(name)", atomically: true, encoding: .utf8)
        }
        try cluster.start()
        try note("recovered", cluster)
        try cluster.stop()
        for file in penstockFiles where file.hasPrefix(workspace("data/p-")) {
            let name = String(file.dropFirst(workspace("data/").count))
            let there = FileManager.default.contents(atPath: "\(cluster.data)/\(name)")
            guard name.hasSuffix(".log") || name.hasSuffix("index") else { continue }
            if there != FileManager.default.contents(atPath: file) { changedByKafka.append(name) }
        }
    }

    private mutating func note(_ way: String, _ cluster: KafkaCluster) throws {
        for (topic, text) in try read(cluster.address, "read_uncommitted", Self.plain("p")) {
            served["\(way) \(topic)"] = text
        }
    }

    /// Puts Penstock's partitions in the place of the broker's, each with the broker's `partition.metadata`.
    private func replace(in cluster: KafkaCluster, keeping isKept: (String) -> Bool) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: cluster.data).filter { $0.hasPrefix("p-") }
        guard names.count == 12 else { throw Trouble("the broker has \(names)") }
        for name in names {
            let metadata = FileManager.default.contents(atPath: "\(cluster.data)/\(name)/partition.metadata")
            try copy(workspace("data/\(name)"), "\(cluster.data)/\(name)")
            for file in try FileManager.default.contentsOfDirectory(atPath: "\(cluster.data)/\(name)")
            where !isKept(file) {
                try FileManager.default.removeItem(atPath: "\(cluster.data)/\(name)/\(file)")
            }
            try metadata?.write(to: URL(filePath: "\(cluster.data)/\(name)/partition.metadata"))
        }
    }
}
