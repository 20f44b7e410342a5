import CommitLog
import Platform
import Records
import TestSupport

/// A data directory on a disk in memory and, beside it, the model of what it should hold.
struct HistoryRun {
    private(set) var memory: MemoryDisk
    var options: LogOptions
    /// What stands between the log and the disk.
    var between: @Sendable (Disk) -> Disk = { $0 }
    var model = HistoryModel()
    var directory: DataDirectory?
    var steps: [String] = []

    /// Small segments, an index entry for nearly every batch, and a checkpoint with every other pass.
    static var small: LogOptions {
        var options = LogOptions()
        options.topicDefaults.segmentBytes = 900
        options.topicDefaults.indexIntervalBytes = 150
        options.checkpointBytes = 500
        options.reserveBytes = 0
        // So that the calls of a seed come in one order.
        options.openingThreads = 1
        return options
    }

    init(_ memory: MemoryDisk = MemoryDisk(), options: LogOptions = HistoryRun.small) {
        self.memory = memory
        self.options = options
    }

    /// Set while an opening is under way, for what stands between.
    let isOpening = Lock(false)

    mutating func open() throws {
        isOpening.withLock { $0 = true }
        defer { isOpening.withLock { $0 = false } }
        let interposed = interposed
        let disk = memory.disk.hooked { (call) throws(DiskError) in
            // Only where no writer is held.
            guard call.operation == .sync, call.path.hasSuffix(".log") else { return .goes }
            let action = interposed.withLock { waiting -> (@Sendable () -> Void)? in
                guard let next = waiting else { return nil }
                waiting = next.files == 0 ? nil : Interposed(files: next.files - 1, action: next.action)
                return next.files == 0 ? next.action : nil
            }
            action?()
            return .goes
        }
        directory = try DataDirectory.open("/data", options: options, disk: between(disk))
    }

    /// What is to be done once so many more files have been synced.
    private struct Interposed: Sendable {
        var files: Int
        var action: @Sendable () -> Void
    }

    private let interposed = Lock<Interposed?>(nil)

    private mutating func sync(
        _ directory: DataDirectory, around file: Int, _ name: String, _ index: Int, _ values: [String]
    ) throws {
        guard model.topics[name] != nil, let partition = directory.topic(named: name)?.partitions[index] else { return }
        let batch = try Make.batch(values)
        // nil: it was not tried; whether it was answered.
        let outcome = Lock<Bool?>(nil)
        interposed.withLock {
            $0 = Interposed(files: file) {
                let result = try? directory.append(batch, to: partition)
                outcome.withLock { $0 = result != nil }
            }
        }
        defer { interposed.withLock { $0 = nil } }
        let covered = model.answers
        let result = Result { try directory.sync() }
        if let isAnswered = outcome.withLock({ $0 }), isAnswered || !isGoing {
            var entry = HistoryModel.Entry(values: values, round: nil)
            if isAnswered { entry.answer = model.answer() }
            model.topics[name]!.partitions[index].append(entry)
        }
        _ = try result.get()
        model.sync(through: covered)
    }

    /// Whether the process goes on: it is alive, and the log takes writes.
    var isGoing: Bool {
        guard let directory else { return false }
        return !memory.isDead && directory.stopReason == nil
    }

    /// Does one thing, and keeps the model with it. What the log refuses must have had no effect.
    mutating func apply(_ step: HistoryStep) throws {
        guard let directory else { return }
        do {
            switch step {
            case .create(let topic, let partitions, let configuration):
                try create(directory, topic, partitions, configuration)
            case .delete(let topic): try delete(directory, topic)
            case .append(let topic, let partition, let values): try append(directory, topic, partition, values)
            case .round(let pipeline, let parts): try round(directory, pipeline, parts)
            case .sync:
                let covered = model.answers
                try directory.sync()
                model.sync(through: covered)
            case .syncAround(let file, let topic, let partition, let values):
                try sync(directory, around: file, topic, partition, values)
            // It begins with a pass if anything is to go, of which the model need not know.
            case .retention: try directory.enforceRetention()
            }
            steps.append("\(step)")
        } catch let error as StorageError {
            steps.append("\(step) failed: \(error)")
        }
    }

    private mutating func create(
        _ directory: DataDirectory, _ name: String, _ partitions: Int, _ configuration: [String: String]
    ) throws {
        guard model.topics[name] == nil, !model.uncertain.contains(name) else { return }
        do {
            _ = try directory.createTopic(name, partitions: partitions, configuration: configuration)
            model.topics[name] = HistoryModel.TopicModel(partitions: partitions)
        } catch {
            model.uncertain.insert(name)
            throw error
        }
    }

    private mutating func delete(_ directory: DataDirectory, _ name: String) throws {
        guard model.topics[name] != nil else { return }
        do {
            try directory.deleteTopic(name)
            model.forget(topic: name)
        } catch {
            // The tombstone may stand or not.
            model.uncertain.insert(name)
            if directory.topic(named: name) == nil {
                model.forget(topic: name)
                model.uncertain.insert(name)
            }
            throw error
        }
    }

    private mutating func append(
        _ directory: DataDirectory, _ name: String, _ index: Int, _ values: [String]
    ) throws {
        guard model.topics[name] != nil, let topic = directory.topic(named: name) else { return }
        var entry = HistoryModel.Entry(values: values, round: nil)
        do {
            let result = try directory.append(try Make.batch(values), to: topic.partitions[index])
            guard case .appended = result else { throw Unexpected(what: "\(result)") }
            entry.answer = model.answer()
        } catch let error as StorageError {
            // Cut back, unless the process died or could not: then it may be there or not.
            if !isGoing { model.topics[name]!.partitions[index].append(entry) }
            throw error
        }
        model.topics[name]!.partitions[index].append(entry)
    }

    private mutating func round(
        _ directory: DataDirectory, _ pipeline: String, _ parts: [HistoryStep.Part]
    ) throws {
        var batches: [(Partition, [[String]])] = []
        var there: [HistoryStep.Part] = []
        for part in parts where model.topics[part.topic] != nil {
            guard let topic = directory.topic(named: part.topic) else { continue }
            batches.append((topic.partitions[part.partition], part.batches))
            there.append(part)
        }
        guard !there.isEmpty else { return }
        model.nextRound += 1
        let number = model.nextRound
        var round = HistoryModel.RoundModel(
            pipeline: pipeline, parts: there.map { ($0.topic, $0.partition) }, offset: Int64(number))
        do {
            _ = try directory.append(
                try directory.round(pipeline, batches, positions: [Make.position(Int64(number))]))
            round.answer = model.answer()
        } catch let error as StorageError {
            if !isGoing { note(round, number, there) }
            throw error
        }
        note(round, number, there)
    }

    private mutating func note(_ round: HistoryModel.RoundModel, _ number: Int, _ parts: [HistoryStep.Part]) {
        model.rounds[number] = round
        model.writtenTo[number] = Set(parts.map(\.topic))
        for part in parts {
            model.topics[part.topic]!.partitions[part.partition].append(
                HistoryModel.Entry(values: part.batches.flatMap { $0 }, round: number, answer: round.answer))
        }
    }

    /// Stops it as Ctrl-C does; the process ends in any case.
    mutating func close() {
        let covered = model.answers
        do {
            try directory?.close()
            steps.append("close")
            if directory != nil { model.sync(through: covered) }
        } catch {
            steps.append("close failed: \(error)")
        }
    }

    mutating func kill() {
        memory.kill()
        directory = nil
        steps.append("kill")
    }

    mutating func losePower(_ generator: inout SeededGenerator) {
        memory.losePower(&generator)
        directory = nil
        steps.append("power loss")
    }

    /// Opens it again and compares.
    /// - Returns: what is wrong, nil if nothing.
    mutating func reopen(powerLost: Bool) throws -> String? {
        do { try open() } catch { return "cannot open: \(error)" }
        guard let directory else { return "not open" }
        steps.append("opened: \(directory.recovery)")
        if !directory.recovery.damage.isEmpty || directory.recovery.positionsDamaged {
            return "damage was found: \(directory.recovery.damage)"
        }
        return try model.check(directory, powerLost: powerLost)
    }

    /// The same run on a machine of its own, whose process has not ended.
    func onACopy() -> HistoryRun {
        var run = self
        run.memory = MemoryDisk(copying: memory)
        run.directory = nil
        return run
    }

    /// What happened, for a failure's message.
    var story: String { steps.joined(separator: "\n") }

    struct Unexpected: Error {
        var what: String
    }
}
