import TestSupport
import Testing

@testable import CommitLog

/// A history that leads to one place, where a rule counts that random ones seldom meet: every crash that is tried is one of
/// that place.
struct DirectedHistory: CustomTestStringConvertible, Sendable {
    var name: String
    /// The crash that is known to break comes first.
    var first: UInt64 = 0
    var omitted: Omissions = []
    /// A checkpoint would make what is to be lost durable.
    var checkpointBytes = SmallHistory.options.checkpointBytes
    var history: @Sendable (inout HistoryRun) throws -> Void
    /// Done after another opening, by a process that dies of it.
    var last: HistoryStep?
    /// Done by each who finds what a crash left.
    var later: [HistoryStep] = (0..<3).map { SmallHistory.both("p", "later \($0)") }
    var answer: @Sendable (MemoryDisk.Call, HistoryScene) -> HookAnswer = { _, _ in .goes }

    var testDescription: String { name }

    /// Crashes of the machine after the history, each on a copy of it; every second recovery dies too, and then the machine
    /// again.
    /// - Returns: what breaks first.
    func failure(_ crashes: Range<UInt64>) throws -> String? {
        var run = HistoryRun(options: SmallHistory.options)
        run.options.omitted = omitted
        run.options.checkpointBytes = checkpointBytes
        run.answer = answer
        try run.open()
        try history(&run)
        for seed in crashes {
            var copy = run.onACopy()
            if let problem = try Self.crash(&copy, seed, last, later) {
                return "crash \(seed): \(problem)\n\(copy.story)"
            }
        }
        return nil
    }

    private static func crash(
        _ run: inout HistoryRun, _ seed: UInt64, _ last: HistoryStep?, _ later: [HistoryStep]
    ) throws -> String? {
        var random = SeededGenerator(seed: seed)
        if let last {
            run.kill()
            if let problem = try run.reopen(powerLost: false) { return problem }
            run.memory.die(after: Int.random(in: 1...60, using: &random))
            try run.apply(last)
        }
        run.losePower(&random)
        if seed % 2 == 1 {
            run.memory.die(after: Int.random(in: 1...120, using: &random))
            try? run.open()
            run.losePower(&random)
        }
        if let problem = try run.reopen(powerLost: true) { return problem }
        for step in later { try run.apply(step) }
        run.kill()
        return try run.reopen(powerLost: false).map { "later, \($0)" }
    }

    static let all = [
        DirectedHistory(
            name: "a commit record counts only if the last batches are those that it names", first: 92,
            omitted: .commitChecksums, history: cutBack),
        DirectedHistory(
            name: "what a failed append left is cut back before anyone else writes", checkpointBytes: 1 << 20,
            history: torn
        ) { call, scene in
            call.operation == .truncate && call.path.hasSuffix(".log") && !scene.isOpening ? .skipped : .goes
        },
        DirectedHistory(
            name: "a log's start stays in its file until the next opening, although its segments are gone",
            history: twoStarts
        ) { call, scene in
            if !scene.isOpening, call.isRename(of: .logStart) {
                scene.edit(call.path) { starts in
                    for (key, start) in starts.offsets where start <= scene.firstSegment(of: key) {
                        starts.offsets[key] = nil
                    }
                }
            }
            return .goes
        },
        DirectedHistory(
            name: "a compacted segment is offered as .swap before the old one goes", first: 4, history: keys,
            last: .clean(topic: "c")
        ) { call, scene in
            if call.operation == .rename, call.path.hasSuffix(".log" + SwapCompletion.cleaned) {
                let old = String(call.path.dropLast(SwapCompletion.cleaned.count))
                try? scene.memory.disk.rename(old, old + SwapCompletion.deleted)
            }
            return .goes
        },
        DirectedHistory(
            name: """
                segments behind a cut are gone, durably, before the segment of the cut is truncated; and an empty first \
                segment is a hole
                """, first: 17, history: segments
        ) { call, scene in
            // The second rule backs the first up, so both are taken away.
            if scene.isOpening && scene.previous == nil { scene.removeEmptyFirstSegments() }
            guard scene.isOpening, call.operation == .syncDirectory, let previous = scene.previous else { return .goes }
            let isOfCut = previous.operation == .remove && previous.path.hasPrefix(call.path + "/")
            return isOfCut && Segment.suffixes.contains { previous.path.hasSuffix($0) } ? .skipped : .goes
        },
    ]

    // MARK: - The histories

    /// Two rounds over two partitions, the first of them cut back: after a power loss its batches may stand where those of
    /// the second were.
    private static func cutBack(_ run: inout HistoryRun) throws {
        try run.apply(.create(topic: "t", partitions: 2))
        try run.apply(SmallHistory.both("p", "a"))
        try run.apply(.sync)
        run.memory.fail { call in
            call.operation == .write && call.path.contains("__penstock_positions") ? .fails(5) : nil
        }
        try run.apply(SmallHistory.both("p", "b"))
        run.memory.fail(when: nil)
        try run.apply(SmallHistory.both("p", "c"))
    }

    /// An append that fails half-way, and then one that rolls: what the first left stands at the end of a segment.
    private static func torn(_ run: inout HistoryRun) throws {
        try run.apply(.create(topic: "t", partitions: 2))
        // A checkpoint comes with this pass, and none with the last: so what follows is read by who recovers it.
        try run.apply(.append(topic: "t", partition: 1, values: [String(repeating: "f", count: 600)]))
        try run.apply(.sync)
        try run.apply(.append(topic: "t", partition: 0, values: [String(repeating: "a", count: 200)]))
        run.memory.fail { $0.operation == .write && $0.path.contains("/t-0/") ? .tears(5) : nil }
        try run.apply(.append(topic: "t", partition: 0, values: ["b"]))
        run.memory.fail(when: nil)
        try run.apply(.append(topic: "t", partition: 0, values: [String(repeating: "c", count: 80)]))
        try run.apply(.sync)
    }

    /// A whole segment of one partition is deleted, and then a record of another.
    private static func twoStarts(_ run: inout HistoryRun) throws {
        try run.apply(.create(topic: "t", partitions: 2))
        for number in 0..<6 { try run.apply(SmallHistory.both("p", "\(number)")) }
        try run.apply(.sync)
        try run.apply(.deleteRecords(topic: "t", partition: 0, before: 5))
        try run.apply(.deleteRecords(topic: "t", partition: 1, before: 1))
    }

    /// Keys that come again and again, and one that stands in the first segment alone.
    private static func keys(_ run: inout HistoryRun) throws {
        try run.apply(.create(topic: "c", partitions: 1, configuration: ["cleanup.policy": "compact"]))
        try run.apply(.append(topic: "c", partition: 0, values: ["once=1"]))
        for number in 0..<12 {
            try run.apply(.append(topic: "c", partition: 0, values: ["k\(number % 5)=\(number)", "k9=\(number)"]))
        }
        try run.apply(.checkpoint)
    }

    /// Rounds over partitions of several segments each, of which nothing is durable.
    private static func segments(_ run: inout HistoryRun) throws {
        try run.apply(.create(topic: "t", partitions: 2))
        for number in 0..<8 { try run.apply(SmallHistory.both("p", "\(number)")) }
    }
}

extension HistoryScene {
    fileprivate func removeEmptyFirstSegments() {
        for partition in 0..<2 {
            let logs = memory.files.filter { $0.hasPrefix("/data/t-\(partition)/") && $0.hasSuffix(".log") }
            if let first = logs.first, logs.count > 1, memory.bytes(of: first) == [] {
                try? memory.disk.removeFile(first)
            }
        }
    }
}
