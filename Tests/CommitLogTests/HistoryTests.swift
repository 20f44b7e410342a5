import CommitLog
import Foundation
import Records
import TestSupport
import Testing

/// Runs one random history from a seed.
struct History {
    let seed: UInt64
    var random: SeededGenerator
    let memory = MemoryDisk()
    var model = HistoryModel()
    var directory: DataDirectory!
    var steps: [String] = []
    var clientSequence: Int32 = 0

    init(seed: UInt64) {
        self.seed = seed
        random = SeededGenerator(seed: seed)
    }

    var options: LogOptions {
        var options = LogOptions()
        options.topicDefaults.segmentBytes = 900
        options.topicDefaults.indexIntervalBytes = 150
        options.checkpointBytes = 500
        return options
    }

    mutating func roll(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    /// - Returns: what went wrong, nil if nothing.
    mutating func run() throws -> String? {
        directory = try DataDirectory.open("/data", options: options, disk: memory.disk)
        for _ in 0..<roll(1...3) { try createTopic() }
        for _ in 0..<roll(2...4) {
            if roll(0...2) == 0 { memory.die(after: roll(1...60)) }
            for _ in 0..<roll(1...12) {
                try step()
                if memory.isDead || directory.stopReason != nil { break }
            }
            if let problem = try crash() { return problem }
        }
        return nil
    }

    private mutating func step() throws {
        if roll(0...9) == 0 { memory.fail(call: roll(0...12), with: fault()) }
        switch roll(0...19) {
        case 0: try createTopic()
        case 1 where roll(0...1) == 0: try deleteTopic()
        case 1:
            do {
                steps.append("retention \(try directory.enforceRetention())")
                // It begins with a pass if anything is to go, of which the model need not know.
            } catch {
                steps.append("retention failed: \(error)")
            }
        case 2...4: try sync()
        case 5...9: try clientAppend()
        default: try round()
        }
    }

    private mutating func fault() -> MemoryDisk.Fault {
        [.fails(28), .fails(5), .fails(4), .isShort, .tears(28), .tears(5)][roll(0...5)]
    }

    private mutating func createTopic() throws {
        let name = "t\(roll(0...3))"
        guard model.topics[name] == nil, !model.uncertain.contains(name) else { return }
        let count = roll(1...3)
        do {
            let retention = name == "t3" ? ["retention.bytes": "1500"] : [:]
            _ = try directory.createTopic(name, partitions: count, configuration: retention)
            steps.append("create \(name) \(count)")
            model.topics[name] = HistoryModel.TopicModel(partitions: count)
        } catch {
            steps.append("create \(name) failed: \(error)")
            model.uncertain.insert(name)
        }
    }

    private mutating func deleteTopic() throws {
        guard let name = model.topics.keys.sorted().randomElement(using: &random), model.topics.count > 1 else {
            return
        }
        do {
            try directory.deleteTopic(name)
            steps.append("delete \(name)")
            model.forget(topic: name)
        } catch {
            steps.append("delete \(name) failed: \(error)")
            // The tombstone may stand or not.
            if directory.topic(named: name) == nil {
                model.forget(topic: name)
                model.uncertain.insert(name)
            } else {
                model.uncertain.insert(name)
            }
        }
    }

    private mutating func sync() throws {
        do {
            try directory.sync()
            steps.append("sync")
            model.syncAll()
        } catch {
            steps.append("sync failed: \(error)")
        }
    }

    private mutating func values() -> [String] {
        model.nextRound += 1
        return (0...roll(0...3)).map { "v\(model.nextRound).\($0)" + String(repeating: "x", count: roll(0...40)) }
    }

    private mutating func clientAppend() throws {
        guard let name = model.topics.keys.sorted().randomElement(using: &random),
            let topic = directory.topic(named: name)
        else { return }
        let index = roll(0...topic.partitions.count - 1)
        let values = values()
        var entry = HistoryModel.Entry(values: values, round: nil)
        do {
            let result = try directory.append(try Make.batch(values), to: topic.partitions[index])
            guard case .appended = result else { throw Unexpected(what: "\(result)") }
            entry.isAnswered = true
            steps.append("append \(values[0]) to \(name)-\(index)")
        } catch {
            steps.append("append \(values[0]) to \(name)-\(index) failed: \(error)")
            // Cut back, unless the process died or could not: then it may be there or not.
            guard memory.isDead || directory.stopReason != nil else { return }
        }
        model.topics[name]!.partitions[index].append(entry)
    }

    private mutating func round() throws {
        let pipeline = roll(0...2) == 0 ? "q" : "p"
        model.nextRound += 1
        let number = model.nextRound
        var parts: [(Partition, [[String]])] = []
        var places: [(topic: String, partition: Int)] = []
        for name in model.topics.keys.sorted() {
            guard let topic = directory.topic(named: name) else { continue }
            for partition in topic.partitions where roll(0...1) == 0 {
                parts.append((partition, (0...roll(0...1)).map { _ in values() }))
                places.append((name, Int(partition.index)))
            }
        }
        guard !parts.isEmpty else { return }
        var model = HistoryModel.RoundModel(pipeline: pipeline, parts: places, offset: Int64(number))
        do {
            let round = try directory.round(pipeline, parts, positions: [Make.position(Int64(number))])
            _ = try directory.append(round)
            model.isAnswered = true
            steps.append("round \(number) of \(pipeline) to \(places)")
        } catch {
            steps.append("round \(number) of \(pipeline) to \(places) failed: \(error)")
            guard memory.isDead || directory.stopReason != nil else { return }
        }
        self.model.rounds[number] = model
        self.model.writtenTo[number] = Set(places.map(\.topic))
        for (place, part) in zip(places, parts) {
            self.model.topics[place.topic]!.partitions[place.partition].append(
                HistoryModel.Entry(
                    values: part.1.flatMap { $0 }, round: number, isAnswered: model.isAnswered))
        }
    }

    private mutating func crash() throws -> String? {
        var powerLost = false
        func stop(_ history: inout History) {
            if history.roll(0...2) > 0 {
                powerLost = true
                history.memory.losePower(&history.random)
                history.steps.append("power loss")
            } else {
                history.memory.kill()
                history.steps.append("kill")
            }
        }
        if roll(0...5) == 0 && !memory.isDead {
            do {
                try directory.close()
                steps.append("close")
                model.syncAll()
            } catch {
                steps.append("close failed: \(error)")
            }
        }
        stop(&self)
        // A second crash, in the recovery of the first.
        while roll(0...3) == 0 {
            memory.die(after: roll(1...80))
            directory = try? DataDirectory.open("/data", options: options, disk: memory.disk)
            steps.append(directory == nil ? "died while opening" : "opened, then died")
            stop(&self)
        }
        do {
            directory = try DataDirectory.open("/data", options: options, disk: memory.disk)
        } catch {
            return "cannot open: \(error)"
        }
        steps.append("opened: \(directory.recovery)")
        if !directory.recovery.damage.isEmpty || directory.recovery.positionsDamaged { return "damage was found" }
        return try model.check(directory, powerLost: powerLost)
    }

    struct Unexpected: Error {
        var what: String
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
            do { problem = try history.run() } catch { problem = "\(error)" }
            if let problem {
                Issue.record("seed \(history.seed): \(problem)\n\(history.steps.joined(separator: "\n"))")
                return
            }
        }
    }
}
