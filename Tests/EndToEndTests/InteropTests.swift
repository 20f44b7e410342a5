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

    private static let isolations = ["read_uncommitted", "read_committed"]

    /// Compares line by line, so that a failure names the first that differs.
    private func expectEqual(_ a: String?, _ b: String?, _ what: String, sourceLocation: SourceLocation) {
        guard let a, let b, !a.isEmpty else {
            Issue.record("\(what): nothing was read", sourceLocation: sourceLocation)
            return
        }
        guard a != b else { return }
        let (left, right) = (a.split(separator: "\n"), b.split(separator: "\n"))
        let place = zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let first = place ?? min(left.count, right.count)
        let found = left.dropFirst(first).first ?? "the end"
        let wanted = right.dropFirst(first).first ?? "the end"
        Issue.record(
            "\(what): line \(first) of \(left.count) is \(found), wanted \(wanted) of \(right.count)",
            sourceLocation: sourceLocation)
    }

    /// What one server served is what another did.
    private func expectSame(
        _ server: InteropRun.Server, as other: InteropRun.Server, _ topics: [String], _ isolation: String,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let run = try Self.run.get()
        for topic in topics {
            expectEqual(
                run.text(server, isolation, topic), run.text(other, isolation, topic),
                "\(topic), \(isolation), \(server)", sourceLocation: sourceLocation)
        }
    }

    // MARK: - Penstock's, by Kafka

    @Test("Kafka's dump tool, with deep iteration and its checks of indexes, accepts every file that Penstock wrote")
    func dump() throws {
        let run = try Self.run.get()
        for (partition, suffix) in [
            ("p-zstd-1", ".index"), ("p-txn-0", ".txnindex"), ("p-txn-0", ".snapshot"), ("p-compact-0", ".log"),
            ("p-txn-compact-0", ".txnindex"),
        ] {
            let isThere = run.penstockFiles.contains { $0.contains("/\(partition)/") && $0.hasSuffix(suffix) }
            #expect(isThere, "\(partition) has a \(suffix)")
        }
        expectAccepted(run.penstockDump, logs: run.penstockFiles.count { $0.hasSuffix(".log") })
    }

    @Test("What is looked at are whole transactions, and compacted topics with holes")
    func penstock() throws {
        let run = try Self.run.get()
        let topics = run.transactional
        func lines(_ isolation: String, _ topic: String) -> [String] {
            let text = run.text(.penstock, isolation, topic) ?? ""
            return text.split(separator: "\n").filter { $0.contains(" CreateTime ") }.map(String.init)
        }
        let all = topics.written.filter { $0.topic == TransactionalTopics.transactions }.map(\.line)
        let visible = topics.visible(in: TransactionalTopics.transactions).map(\.line)
        #expect(lines("read_uncommitted", TransactionalTopics.transactions).sorted() == all.sorted())
        #expect(lines("read_committed", TransactionalTopics.transactions).sorted() == visible.sorted())
        #expect(visible.count > 500 && visible.count < all.count - 500, "\(visible.count) of \(all.count)")

        let newest = topics.newest(in: TransactionalTopics.compacted)
        var found: [String: String] = [:]
        let compacted = lines("read_committed", TransactionalTopics.compacted)
        for line in compacted {
            if let key = line.split(separator: "'").dropFirst().first { found[String(key)] = line }
        }
        #expect(found == newest)
        let count = topics.visible(in: TransactionalTopics.compacted).count
        #expect(compacted.count < count * 2 / 3, "\(compacted.count) of \(count)")
        #expect(90..<600 ~= lines("read_uncommitted", "p-compact").count)
    }

    @Test(
        "A real broker serves copies of Penstock's partition directories with the same records at the same offsets",
        arguments: isolations)
    func served(isolation: String) throws {
        try expectSame(.copy, as: .penstock, InteropRun.ours, isolation)
    }

    @Test(
        "A broker that recovers copies of Penstock's directories cuts nothing, and makes the same indexes",
        arguments: isolations)
    func recovered(isolation: String) throws {
        try expectSame(.recovered, as: .penstock, InteropRun.ours, isolation)
        let run = try Self.run.get()
        #expect(run.changedByKafka == [])
    }

    // MARK: - The broker's, by Penstock

    @Test(
        "Penstock on a copy of a broker's directory serves what the broker served: codecs, transactions, compacted topics",
        arguments: isolations)
    func adopted(isolation: String) throws { try expectSame(.adopted, as: .kafka, InteropRun.theirs, isolation) }

    @Test(
        "Penstock serves the same after everything beside the logs was lost: adopted before or not",
        arguments: InteropRun.Server.bereft, isolations)
    func bereft(server: InteropRun.Server, isolation: String) throws {
        try expectSame(server, as: .kafka, InteropRun.theirs, isolation)
    }

    @Test(
        "Penstock on a copy of a broker's directory knows the offsets that groups committed there",
        arguments: [.adopted] + InteropRun.Server.bereft)
    func offsets(server: InteropRun.Server) throws {
        let run = try Self.run.get()
        #expect(run.offsets[.kafka]?.contains("k-g4 {k-none-0=") == true, "\(run.offsets[.kafka] ?? "none")")
        #expect(run.offsets[server] == run.offsets[.kafka])
    }

    @Test("What Penstock makes beside a broker's logs, Kafka's dump tool accepts")
    func adoptedDump() throws {
        let run = try Self.run.get()
        expectAccepted(run.adoptedDump, logs: 20)
    }

    @Test(
        "A real broker serves its own partitions with what Penstock made beside them: transactions, compacted topics",
        arguments: isolations)
    func returned(isolation: String) throws {
        let run = try Self.run.get()
        #expect(run.returned.isSuperset(of: ["k-txn-0", "k-txn-1"]), "\(run.returned)")
        try expectSame(.returned, as: .kafka, InteropRun.theirs, isolation)
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
    /// Who served what was read.
    enum Server: String, Sendable {
        /// Penstock its own, and a broker a copy of it: as it was, and without what stands beside the logs.
        case penstock, copy, recovered
        /// A broker its own, and Penstock a copy of it.
        case kafka, adopted
        /// Penstock that copy again, of which only logs and `meta.properties` were left; a copy of only those; a copy of
        /// the logs alone.
        case reopened, stripped, bare
        /// The broker its own logs, with what Penstock made beside them.
        case returned

        /// Those who had nothing but logs to begin with.
        static let bereft: [Server] = [.reopened, .stripped, .bare]
    }

    private struct Reading: Hashable {
        var server: Server
        var isolation: String
        var topic: String
    }

    private var texts: [Reading: String] = [:]
    /// What groups committed in the broker.
    private(set) var offsets: [Server: String] = [:]
    private(set) var transactional: TransactionalTopics
    private(set) var penstockFiles: [String] = []
    private(set) var penstockDump = ""
    /// Logs and indexes that a broker's recovery made otherwise.
    private(set) var changedByKafka: [String] = []
    private(set) var adoptedDump = ""
    /// Partitions that came back to the broker with transaction indexes of Penstock's.
    private(set) var returned: Set<String> = []

    private let tools = Surroundings.kafkaTools ?? ""
    /// Gone once everything has been looked at.
    private unowned let workspace: Workspace

    private static func plain(_ prefix: String) -> [String] {
        ["none", "gzip", "snappy", "lz4", "zstd", "append-time", "compact"].map { "\(prefix)-\($0)" }
    }

    /// Topics that Penstock wrote.
    static let ours = plain("p") + [TransactionalTopics.transactions, TransactionalTopics.compacted]
    /// Topics that the broker wrote.
    static let theirs = plain("k") + ["k-txn"]

    private static let groups = (0..<5).map { "k-g\($0)" }

    init(_ workspace: Workspace) throws {
        self.workspace = workspace
        let anHourAgo = Int64(Date().timeIntervalSince1970 * 1000) - 3_600_000
        transactional = try TransactionalTopics(in: workspace("data"), start: anHourAgo)
        try fillPenstock()
        let cluster = try KafkaCluster((tools as NSString).deletingLastPathComponent, in: workspace("kafka"))
        try cluster.start(settings: [
            "offsets.topic.num.partitions": "3", "transaction.state.log.num.partitions": "1",
            "log.cleaner.backoff.ms": "100",
        ])
        try fill(cluster)
        try adopt(copiesOf: cluster.data)
        try give(to: cluster)
        try recover(cluster)
    }

    /// A line for each record, and some of each partition; nil if it was not read.
    func text(_ server: Server, _ isolation: String, _ topic: String) -> String? {
        texts[Reading(server: server, isolation: isolation, topic: topic)]
    }

    private func java(_ arguments: String...) throws -> String { try java(arguments) }

    private func java(_ arguments: [String]) throws -> String {
        let child = try Child(tools, ["java", "\(Surroundings.checkout)/Tests/Clients/Interop.java"] + arguments)
        guard try child.end(within: .seconds(300)) == .exited(0) else { throw Trouble("\(arguments): \(child.tail)") }
        return child.text(.output)
    }

    /// - Parameter groups: whose offsets are read too.
    private mutating func read(
        _ server: Server, at address: String, _ topics: [String], groups: [String] = []
    ) throws {
        let lists = [topics, groups].filter { !$0.isEmpty }.map { $0.joined(separator: ",") }
        for part in try java(["read", address] + lists).components(separatedBy: "== ").dropFirst() {
            let title = part.prefix { $0 != "\n" }.split(separator: " ").map(String.init)
            switch title.count {
            case 1: offsets[server] = part
            case 2: texts[Reading(server: server, isolation: title[0], topic: title[1])] = part
            default: throw Trouble("what was read of \(server): \(part.prefix(200))")
            }
        }
    }

    private func copy(_ from: String, _ to: String) throws {
        try? FileManager.default.removeItem(atPath: to)
        try FileManager.default.copyItem(atPath: from, toPath: to)
    }

    /// Removes all files below a directory but those whose names end so.
    private func keep(_ suffixes: [String], in directory: String) throws {
        for name in FileManager.default.enumerator(atPath: directory)?.compactMap({ $0 as? String }) ?? [] {
            var isDirectory: ObjCBool = false
            let path = "\(directory)/\(name)"
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), !isDirectory.boolValue,
                !suffixes.contains(where: { name.hasSuffix($0) })
            else { continue }
            try FileManager.default.removeItem(atPath: path)
        }
    }

    // MARK: - Penstock's own

    private mutating func fillPenstock() throws {
        // It compacts at once, and only up to a checkpoint.
        let bounds = ["log.cleaner.backoff.ms=100", "log.flush.offset.checkpoint.interval.ms=100"]
        let server = try Penstock(
            workspace, pipelines: [], data: workspace("data"), arguments: bounds.flatMap { ["--set", $0] })
        _ = try java("fill", server.address, "p", workspace("data"))
        try read(.penstock, at: server.address, Self.ours)
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
        _ = try java("fill", cluster.address, "k", cluster.data, "transactions")
        try read(.kafka, at: cluster.address, Self.theirs, groups: Self.groups)
        // As they are in Penstock: the same intervals make the same indexes.
        let topics = Self.ours.map { topic in
            switch topic {
            case TransactionalTopics.transactions: "\(topic):2:\(TransactionalTopics.indexInterval)"
            case TransactionalTopics.compacted: "\(topic):1:\(TransactionalTopics.indexInterval)"
            case "p-append-time", "p-compact": "\(topic):1:4096"
            default: "\(topic):2:2048"
            }
        }
        _ = try java(["create", cluster.address] + topics)
        try cluster.stop()
    }

    private mutating func adopt(copiesOf data: String) throws {
        try copy(data, workspace("adopted"))
        try serve(.adopted, workspace("adopted"))
        // As a crash leaves it, on a disk where somebody removed all that stands beside the logs.
        try keep([".log", "meta.properties"], in: workspace("adopted"))
        try serve(.reopened, workspace("adopted"))
        for (way, suffixes) in [(Server.stripped, [".log", "meta.properties"]), (.bare, [".log"])] {
            try copy(data, workspace(way.rawValue))
            try keep(suffixes, in: workspace(way.rawValue))
            try serve(way, workspace(way.rawValue))
        }
        adoptedDump = try dump(try files(in: workspace("adopted")) + files(in: workspace("bare")))
    }

    private mutating func serve(_ way: Server, _ data: String) throws {
        let server = try Penstock(workspace, pipelines: [], data: data, arguments: ["--adopt"])
        try read(way, at: server.address, Self.theirs, groups: Self.groups)
        try server.stop()
    }

    // MARK: - Served by the broker

    /// Penstock's partitions in the place of those made in the broker, and the broker's own with the indexes, transaction
    /// indexes and snapshots that Penstock made for them.
    private mutating func give(to cluster: KafkaCluster) throws {
        try replace(Self.ours, partitions: 15, in: cluster, by: workspace("data"))
        let theirs = try replace(Self.theirs, partitions: 14, in: cluster, by: workspace("bare"))
        returned = Set(
            try theirs.filter { name in
                try files(in: "\(cluster.data)/\(name)").contains { $0.hasSuffix(".txnindex") }
            })
        try cluster.start()
        try read(.copy, at: cluster.address, Self.ours)
        try read(.returned, at: cluster.address, Self.theirs)
        try cluster.stop()
    }

    /// Without indexes and the mark of a clean stop, Kafka reads every batch and makes them anew.
    private mutating func recover(_ cluster: KafkaCluster) throws {
        for name in try replace(Self.ours, partitions: 15, in: cluster, by: workspace("data")) {
            try keep([".log", "partition.metadata"], in: "\(cluster.data)/\(name)")
        }
        try? FileManager.default.removeItem(atPath: "\(cluster.data)/.kafka_cleanshutdown")
        for name in ["recovery-point-offset-checkpoint", "replication-offset-checkpoint"] {
            try "0\n0\n".write(toFile: "\(cluster.data)/\(name)", atomically: true, encoding: .utf8)
        }
        try cluster.start()
        try read(.recovered, at: cluster.address, Self.ours)
        try cluster.stop()
        let names = try [workspace("data"), cluster.data].flatMap { directory in
            try files(in: directory).map { String($0.dropFirst(directory.count + 1)) }
        }
        for name in Set(names).sorted() where name.hasPrefix("p-") && !name.hasSuffix(".snapshot") {
            let here = FileManager.default.contents(atPath: workspace("data/\(name)"))
            let there = FileManager.default.contents(atPath: "\(cluster.data)/\(name)")
            if there == here || Self.isOfCleaned(name, here, there) { continue }
            changedByKafka.append(name)
        }
    }

    /// Kafka's cleaner and ours name in a transaction index those aborted transactions too of which only the marker is
    /// left, and no recovery finds them.
    private static func isOfCleaned(_ name: String, _ ours: Data?, _ theirs: Data?) -> Bool {
        guard name.hasPrefix("\(TransactionalTopics.compacted)-"), name.hasSuffix(".txnindex"), let ours else {
            return false
        }
        func entries(_ data: Data) -> [Data] {
            stride(from: 0, to: data.count, by: 34).map { Data(data.dropFirst($0).prefix(34)) }
        }
        return Set(entries(theirs ?? Data())).isSubset(of: entries(ours))
    }

    /// Puts partitions of topics in the place of the broker's, each with the broker's `partition.metadata`.
    /// - Parameter partitions: how many there have to be.
    /// - Returns: their directories' names.
    @discardableResult
    private func replace(
        _ topics: [String], partitions: Int, in cluster: KafkaCluster, by data: String
    ) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: cluster.data).filter { name in
            topics.contains { name == "\($0)-0" || name == "\($0)-1" }
        }
        guard names.count == partitions else { throw Trouble("the broker has \(names)") }
        for name in names {
            let metadata = FileManager.default.contents(atPath: "\(cluster.data)/\(name)/partition.metadata")
            try copy("\(data)/\(name)", "\(cluster.data)/\(name)")
            try metadata?.write(to: URL(filePath: "\(cluster.data)/\(name)/partition.metadata"))
        }
        return names
    }
}
