import CommitLog
import Foundation
import Records
import TestSupport
import Testing

/// Runs one random history from a seed.
struct History {
    let seed: UInt64
    var random: SeededGenerator
    var run: HistoryRun

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        run = HistoryRun()
    }

    private mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    /// - Returns: what went wrong, nil if nothing.
    mutating func problem() throws -> String? {
        try run.open()
        for _ in 0..<roll(1...3) { try run.apply(create()) }
        for _ in 0..<roll(2...4) {
            if roll(0...2) == 0 { run.memory.die(after: roll(1...60)) }
            for _ in 0..<roll(1...12) {
                if roll(0...9) == 0 { run.memory.fail(call: roll(0...12), with: fault()) }
                if let step = step() { try run.apply(step) }
                if !run.isGoing { break }
            }
            if let problem = try crash() { return problem }
        }
        return nil
    }

    private mutating func step() -> HistoryStep? {
        switch roll(0...19) {
        case 0: create()
        case 1: roll(0...1) == 0 ? topic().map { .delete(topic: $0) } : .retention
        case 2...3: .sync
        case 4: syncAround()
        case 5...9: append()
        default: round()
        }
    }

    private mutating func fault() -> MemoryDisk.Fault {
        [.fails(28), .fails(5), .fails(4), .isShort, .tears(28), .tears(5)][roll(0...5)]
    }

    private mutating func create() -> HistoryStep {
        let name = "t\(roll(0...3))"
        let retention = name == "t3" ? ["retention.bytes": "1500"] : [:]
        return .create(topic: name, partitions: roll(1...3), configuration: retention)
    }

    private mutating func topic() -> String? { run.model.topics.keys.sorted().randomElement(using: &random) }

    private mutating func values() -> [String] {
        run.model.nextValue += 1
        return (0...roll(0...3)).map {
            "v\(run.model.nextValue).\($0)" + String(repeating: "x", count: roll(0...40))
        }
    }

    private mutating func append() -> HistoryStep? {
        guard let name = topic() else { return nil }
        let index = roll(0...run.model.topics[name]!.partitions.count - 1)
        return .append(topic: name, partition: index, values: values())
    }

    private mutating func syncAround() -> HistoryStep? {
        guard case .append(let topic, let partition, let values)? = append() else { return nil }
        return .syncAround(file: roll(0...5), topic: topic, partition: partition, values: values)
    }

    private mutating func round() -> HistoryStep? {
        var parts: [HistoryStep.Part] = []
        for name in run.model.topics.keys.sorted() {
            for index in run.model.topics[name]!.partitions.indices where roll(0...1) == 0 {
                let batches = (0...roll(0...1)).map { _ in values() }
                parts.append(HistoryStep.Part(topic: name, partition: index, batches: batches))
            }
        }
        return parts.isEmpty ? nil : .round(pipeline: roll(0...2) == 0 ? "q" : "p", parts: parts)
    }

    private mutating func stop() -> Bool {
        let powerLost = roll(0...2) > 0
        if powerLost { run.losePower(&random) } else { run.kill() }
        return powerLost
    }

    private mutating func crash() throws -> String? {
        if roll(0...5) == 0 && !run.memory.isDead { run.close() }
        var powerLost = stop()
        // A second crash, in the recovery of the first.
        while roll(0...3) == 0 {
            run.memory.die(after: roll(1...80))
            try? run.open()
            run.steps.append(run.directory == nil ? "died while opening" : "opened, then died")
            if stop() { powerLost = true }
        }
        return try run.reopen(powerLost: powerLost)
    }
}

@Suite struct HistoryTests {
    /// About 20 ms each in a debug build. `PENSTOCK_HISTORIES` runs more, `PENSTOCK_SEED` others.
    static let histories = ProcessInfo.processInfo.environment["PENSTOCK_HISTORIES"].flatMap { Int($0) } ?? 800

    @Test("every history keeps what was synced, rounds whole, positions with their records", arguments: 0..<4)
    func holds(part: Int) throws {
        for seed in Seeds.some(Self.histories) where seed % 4 == UInt64(part) {
            var history = History(seed: seed)
            let problem: String?
            do { problem = try history.problem() } catch { problem = "\(error)" }
            if let problem {
                Issue.record("seed \(history.seed): \(problem)\n\(history.run.steps.joined(separator: "\n"))")
                return
            }
        }
    }
}
