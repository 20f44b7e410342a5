import CommitLog
import TestSupport

/// Runs one random history from a seed.
struct History {
    let seed: UInt64
    var random: SeededGenerator
    var run: HistoryRun
    /// What is done more often than other things.
    var favours: HistoryStep.Kind?

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        run = HistoryRun()
    }

    private mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    /// Runs it.
    /// - Returns: what went wrong, nil if nothing: then with what it takes to see it again.
    mutating func failure() -> String? {
        let problem: String?
        do { problem = try self.problem() } catch { problem = "\(error)" }
        return problem.map { "PENSTOCK_SEED=\(seed) PENSTOCK_HISTORIES=1 shows it again: \($0)\n\(run.story)" }
    }

    /// - Returns: what went wrong, nil if nothing.
    mutating func problem() throws -> String? {
        try run.open()
        for _ in 0..<roll(1...3) { try run.apply(create()) }
        let longest = roll(0...3) == 0 ? 60 : 15
        for _ in 0..<roll(2...4) {
            if roll(0...2) == 0 { run.memory.die(after: roll(1...15 * longest)) }
            for _ in 0..<roll(1...longest) {
                if roll(0...9) == 0 { run.memory.fail(call: roll(0...12), with: fault()) }
                if let step = step() { try run.apply(step) }
                if !run.isGoing { break }
            }
            if let problem = try crash() { return problem }
        }
        return nil
    }

    /// How often what is done.
    private static let kinds: [HistoryStep.Kind] =
        [.create, .delete, .retention, .syncAround, .checkpoint, .configure, .addPartitions, .deleteRecords, .again]
        + Array(repeating: .sync, count: 3) + Array(repeating: .clean, count: 2)
        + Array(repeating: .append, count: 9) + Array(repeating: .round, count: 11)

    private mutating func step() -> HistoryStep? {
        if let favours, roll(0...2) == 0 { return step(favours) }
        return step(Self.kinds[roll(0...Self.kinds.count - 1)])
    }

    private mutating func step(_ kind: HistoryStep.Kind) -> HistoryStep? {
        switch kind {
        case .create: create()
        case .delete: topic().map { .delete(topic: $0) }
        case .append: append()
        case .again: again()
        case .round: round()
        case .sync: .sync
        case .syncAround: syncAround()
        case .checkpoint: .checkpoint
        case .retention: .retention
        case .deleteRecords: deleteRecords()
        case .clean: clean()
        case .configure: configure()
        case .addPartitions: addPartitions()
        }
    }

    private mutating func fault() -> MemoryDisk.Fault {
        [.fails(28), .fails(5), .fails(4), .isShort, .tears(28), .tears(5)][roll(0...5)]
    }

    // MARK: - Topics

    /// Of group offsets, as the broker writes them: a few keys, compacted.
    private static let offsets = "__consumer_offsets"
    private static let compacted = [
        "cleanup.policy": "compact", "segment.bytes": "400", "min.cleanable.dirty.ratio": "0.01",
        "delete.retention.ms": "1500",
    ]

    /// `t3` has retention, `t4` is compacted.
    private mutating func create() -> HistoryStep {
        let name = ["t0", "t1", "t2", "t3", "t4", Self.offsets][roll(0...5)]
        let configuration = name == "t3" ? ["retention.bytes": "1500"] : isKeyed(name) ? Self.compacted : [:]
        return .create(topic: name, partitions: roll(1...3), configuration: configuration)
    }

    private func isKeyed(_ topic: String) -> Bool { topic == "t4" || topic == Self.offsets }

    private mutating func topic() -> String? { run.model.topics.keys.sorted().randomElement(using: &random) }

    /// A topic and one of its partitions.
    private mutating func place() -> HistoryModel.Place? {
        guard let topic = topic() else { return nil }
        return HistoryModel.Place(
            topic: topic, partition: roll(0...run.model.topics[topic]!.partitions.count - 1))
    }

    /// Settings that change what is written, and none that would change what a topic is for.
    private mutating func configure() -> HistoryStep? {
        guard let name = topic() else { return nil }
        var configuration = run.model.topics[name]!.configurations[0]
        configuration["segment.bytes"] = ["300", "600", "1200"][roll(0...2)]
        if name == "t3" { configuration["retention.bytes"] = ["800", "2000", "-1"][roll(0...2)] }
        return .configure(topic: name, configuration: configuration)
    }

    private mutating func addPartitions() -> HistoryStep? {
        guard let name = topic() else { return nil }
        let count = run.model.topics[name]!.partitions.count
        return count < 6 ? .addPartitions(topic: name, count: count + roll(1...2)) : nil
    }

    // MARK: - Records

    private mutating func values(_ topic: String) -> [String] {
        run.model.nextValue += 1
        return (0...roll(0...3)).map { number in
            let key = isKeyed(topic) ? "k\(roll(0...3))=" : ""
            if !key.isEmpty && roll(0...5) == 0 { return key }
            return key + "v\(run.model.nextValue).\(number)" + String(repeating: "x", count: roll(0...40))
        }
    }

    private mutating func append() -> HistoryStep? {
        guard let place = place() else { return nil }
        return .append(
            topic: place.topic, partition: place.partition, values: values(place.topic),
            producer: roll(0...2) == 0 ? Int64(roll(1...2)) : nil)
    }

    private mutating func again() -> HistoryStep? {
        place().map { .again(topic: $0.topic, partition: $0.partition, producer: Int64(roll(1...2))) }
    }

    private mutating func syncAround() -> HistoryStep? {
        guard let place = place() else { return nil }
        return .syncAround(
            file: roll(0...5), topic: place.topic, partition: place.partition, values: values(place.topic))
    }

    private mutating func round() -> HistoryStep? {
        var parts: [HistoryStep.Part] = []
        for name in run.model.topics.keys.sorted() where name != Self.offsets {
            for index in run.model.topics[name]!.partitions.indices where roll(0...1) == 0 {
                let batches = (0...roll(0...1)).map { _ in values(name) }
                parts.append(HistoryStep.Part(topic: name, partition: index, batches: batches))
            }
        }
        return parts.isEmpty ? nil : .round(pipeline: roll(0...2) == 0 ? "q" : "p", parts: parts)
    }

    // MARK: - What takes records away

    private mutating func clean() -> HistoryStep? {
        switch roll(0...3) {
        case 0: .clean()
        case 1: .clean(topic: roll(0...1) == 0 ? "__penstock_positions" : "__penstock_topics")
        default: keyedPlace().map { .clean(topic: $0.topic, partition: $0.partition) }
        }
    }

    private mutating func keyedPlace() -> HistoryModel.Place? {
        let keyed = run.model.topics.keys.filter(isKeyed).sorted()
        guard let topic = keyed.randomElement(using: &random) else { return nil }
        return HistoryModel.Place(
            topic: topic, partition: roll(0...run.model.topics[topic]!.partitions.count - 1))
    }

    private mutating func deleteRecords() -> HistoryStep? {
        guard let place = place() else { return nil }
        let partition = run.model.topics[place.topic]!.partitions[place.partition]
        let before = roll(0...3) == 0 ? nil : Int64(roll(Int(partition.begins.lowerBound)...Int(partition.end)))
        return .deleteRecords(topic: place.topic, partition: place.partition, before: before)
    }

    // MARK: - Crashes

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
            run.memory.die(after: roll(1...150))
            try? run.open()
            run.steps.append(run.directory == nil ? "died while opening" : "opened, then died")
            if stop() { powerLost = true }
        }
        return try run.reopen(powerLost: powerLost)
    }
}
