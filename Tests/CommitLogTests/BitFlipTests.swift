import CommitLog
import Foundation
import Records
import TestSupport
import Testing

/// Every byte of a small data directory is changed once. What is served is as it was, or somebody says that it is not: the
/// reader's checksum, the opening's report, or `penstock log verify`. The start never fails because of one partition.
@Suite struct BitFlipTests {
    /// `PENSTOCK_EVERY_BYTE` changes every byte; else every eleventh, beginning at another one for each seed.
    private static let step = ProcessInfo.processInfo.environment["PENSTOCK_EVERY_BYTE"] == nil ? 11 : 1
    private static let first = Int(truncatingIfNeeded: Seeds.some(1)[0] >> 1)

    /// Of every kind of file that is written, one at least must be there to be changed.
    private static let kinds = [
        ".log", ".index", ".timeindex", ".txnindex", ".snapshot", "/leader-epoch-checkpoint", "/partition.metadata",
        "/recovery-point-offset-checkpoint", "/log-start-offset-checkpoint", "/meta.properties",
    ]

    private func site(isClosed: Bool) throws -> (MemoryDisk, FlipView) {
        var run = HistoryRun(options: SmallHistory.options)
        try run.open()
        for step in SmallHistory.beginning { try run.apply(step) }
        guard let directory = run.directory else { throw HistoryRun.Unexpected(what: "it does not open") }
        try transact(directory)
        let whole = FlipView(directory)
        _ = try directory.deleteRecords([(try #require(directory.topic(named: "x")).partitions[0], 1)])
        try directory.checkpoint()
        var view = FlipView(directory)
        // A topic that the registry forgot is adopted with all that it has.
        view.values = whole.values
        if isClosed { try directory.close() }
        run.memory.kill()
        return (run.memory, view)
    }

    /// Committed and aborted transactions over several segments.
    private func transact(_ directory: DataDirectory) throws {
        let partition = try directory.createTopic("x", partitions: 1).partitions[0]
        for number in Int32(0)..<6 {
            _ = try directory.append(
                Make.batch(
                    ["x\(number)"], producer: ProducerStamp(id: 7, epoch: 0, baseSequence: number),
                    timestamp: Make.time + Int64(number), isTransactional: true), to: partition)
            _ = try directory.append(
                TransactionMarker(number % 2 == 0 ? .abort : .commit, coordinatorEpoch: 0), producer: 7, epoch: 0,
                timestamp: Make.time + Int64(number), to: partition)
        }
    }

    private func findings(_ memory: MemoryDisk) throws -> Set<LogFinding> {
        Set(try Inspection.findings("/data", memory.disk, threads: 1))
    }

    /// - Parameter before: what was found with every byte as it was written.
    /// - Returns: what was served wrongly without anybody saying so.
    private func flip(
        _ memory: MemoryDisk, _ path: String, _ place: Int, _ expected: FlipView, _ before: Set<LogFinding>
    ) throws -> String? {
        let disk = MemoryDisk(copying: memory)
        guard var bytes = disk.bytes(of: path) else { return "no \(path)" }
        // Another bit each time, and sometimes all of them.
        bytes[place] ^= place % 9 == 8 ? 0xff : 1 << UInt8(place % 9)
        disk.setBytes(of: path, to: bytes)
        let untouched = MemoryDisk(copying: disk)
        let directory: DataDirectory
        do {
            directory = try DataDirectory.open("/data", options: SmallHistory.options, disk: disk.disk)
        } catch {
            // Only what says whose directory it is may keep it shut, and it says so.
            return path.hasSuffix("/meta.properties") && "\(error)".contains("/data") ? nil : "\(error)"
        }
        let view = FlipView(directory)
        let invented = view.values.subtracting(expected.values)
        if let record = invented.first { return "readers get \(record)" }
        guard let difference = view.difference(from: expected), directory.recovery.isSilent else { return nil }
        return try findings(untouched).isSubset(of: before) ? "nobody says that \(difference)" : nil
    }

    @Test(
        "whichever byte changes, readers get no altered record, nothing else changes unsaid, and the directory opens",
        .timeLimit(.minutes(20)), arguments: [true, false])
    func everyByte(isClosed: Bool) throws {
        let (memory, view) = try site(isClosed: isClosed)
        #expect(view.values.count > 15)
        let before = try findings(memory)
        let untouched = try DataDirectory.open(
            "/data", options: SmallHistory.options, disk: MemoryDisk(copying: memory).disk)
        #expect(untouched.recovery.isSilent && FlipView(untouched).difference(from: view) == nil)
        var problems: [String] = []
        var flipped: Set<String> = []
        for path in memory.files where !path.hasSuffix("/.lock") {
            // What only a clean stop trusts is changed after one.
            if !isClosed && !path.hasSuffix(".log") && !path.hasSuffix("checkpoint") { continue }
            let count = memory.bytes(of: path)?.count ?? 0
            // Of a short file every kind of its fields.
            let step = max(1, min(Self.step, count / 16))
            for place in stride(from: Self.first % step, to: count, by: step) {
                flipped.formUnion(Self.kinds.filter { path.hasSuffix($0) })
                if let problem = try flip(memory, path, place, view, before) {
                    problems.append("byte \(place) of \(path): \(problem)")
                }
            }
        }
        #expect(problems.isEmpty, "\(problems.count): \(problems.prefix(8).joined(separator: "\n"))")
        if isClosed { #expect(Self.kinds.filter { !flipped.contains($0) } == [], "kinds that were not changed") }
    }
}

/// What clients and pipelines can see of a data directory.
private struct FlipView {
    /// A record as it was written, wherever it is served.
    struct Value: Hashable {
        var partition: String
        var value: String
    }

    var values: Set<Value> = []
    private var settings: [String: String] = [:]
    private var positions: [String: [SourcePosition]] = [:]
    private var partitions: [String: PartitionView] = [:]

    /// What is told of a partition.
    private struct PartitionView: Equatable {
        var records: [Record]
        /// Log start, high watermark and last stable offset.
        var ends: [Offset]
        /// Of aborted transactions, from each offset up to each: as many as a reader may ask for.
        var aborted: [[Offset]?] = []
        /// By time, from the one before the first.
        var found: [TimedOffset?] = []
    }

    init(_ directory: DataDirectory) {
        for topic in directory.topics() where !topic.isInternal {
            settings[topic.name] = "\(topic.id) \(topic.configuration.sorted { $0.key < $1.key })"
            for partition in topic.partitions { take(partition, of: topic) }
        }
        for pipeline in ["p", "q"] { positions[pipeline] = directory.positions(pipeline: pipeline).map(\.position) }
    }

    private mutating func take(_ partition: Partition, of topic: Topic) {
        let name = "\(topic.name)-\(partition.index)"
        let records = (try? partition.allRecords()) ?? []
        values.formUnion(
            records.map { Value(partition: name, value: String(decoding: $0.value ?? [], as: UTF8.self)) })
        var view = PartitionView(
            records: records, ends: [partition.logStart, partition.highWatermark, partition.lastStable])
        let end = partition.highWatermark
        for from in partition.logStart...end {
            for to in from...end {
                view.aborted.append(try? partition.abortedTransactions(from: from, upTo: to).map(\.firstOffset))
            }
        }
        view.found = (Make.time - 1...Make.time + 6).map { try? partition.offset(atOrAfter: $0) }
        partitions[name] = view
    }

    /// What is told otherwise; nil if nothing is.
    func difference(from other: FlipView) -> String? {
        Self.difference("settings", settings, other.settings)
            ?? Self.difference("positions", positions, other.positions)
            ?? Self.difference("partition", partitions, other.partitions)
    }

    private static func difference<Told: Equatable>(
        _ what: String, _ found: [String: Told], _ expected: [String: Told]
    ) -> String? {
        let name = Set(found.keys).union(expected.keys).sorted().first { found[$0] != expected[$0] }
        return name.map { name in
            func text(_ told: Told?) -> String { told.map { "\($0)" } ?? "nothing" }
            return "\(what) \(name): \(text(found[name])) and not \(text(expected[name]))"
        }
    }
}

extension RecoveryReport {
    /// It says nothing that an operator would look at.
    fileprivate var isSilent: Bool {
        cuts.isEmpty && damage.isEmpty && ignored.isEmpty && offline.isEmpty && adopted.isEmpty && !positionsDamaged
    }
}
