import CommitLog
import Platform
import Records
import TestSupport

/// What each step does to the directory, and to the model.
extension HistoryRun {
    typealias Place = HistoryModel.Place

    /// Does one thing, and keeps the model with it. What the log refuses must have had no effect.
    mutating func apply(_ step: HistoryStep) throws {
        guard let directory else { return }
        scene.withLock { $0.step = step }
        let after = around?(step, directory)
        defer {
            after?()
            scene.withLock { $0.step = nil }
        }
        do {
            try apply(step, to: directory)
            steps.append("\(step)")
        } catch let error as StorageError {
            steps.append("\(step) failed: \(error)")
        }
    }

    private mutating func apply(_ step: HistoryStep, to directory: DataDirectory) throws {
        switch step {
        case .create(let topic, let partitions, let configuration):
            try create(directory, topic, partitions, configuration)
        case .delete(let topic): try delete(directory, topic)
        case .append(let topic, let partition, let values, let producer):
            try append(directory, Place(topic: topic, partition: partition), values, producer)
        case .again(let topic, let partition, let producer):
            try again(directory, Place(topic: topic, partition: partition), producer)
        case .round(let pipeline, let parts): try round(directory, pipeline, parts)
        case .sync: try covering { try directory.sync() }
        case .syncAround(let file, let topic, let partition, let values):
            try sync(directory, around: file, Place(topic: topic, partition: partition), values)
        case .checkpoint: try covering { try directory.checkpoint() }
        // It begins with a pass if anything is to go, of which the model need not know.
        case .retention: try directory.enforceRetention()
        case .deleteRecords(let topic, let partition, let before):
            try deleteRecords(directory, Place(topic: topic, partition: partition), before)
        case .clean(let topic, let partition): try clean(directory, topic, partition)
        case .configure(let topic, let configuration): try configure(directory, topic, configuration)
        case .addPartitions(let topic, let count): try addPartitions(directory, topic, count)
        }
    }

    private func find(_ place: Place, _ directory: DataDirectory) -> Partition? {
        guard model.topics[place.topic] != nil, let partitions = directory.topic(named: place.topic)?.partitions,
            partitions.indices.contains(place.partition)
        else { return nil }
        return partitions[place.partition]
    }

    // MARK: - Topics

    private mutating func create(
        _ directory: DataDirectory, _ name: String, _ partitions: Int, _ configuration: [String: String]
    ) throws {
        guard model.topics[name] == nil, !model.uncertain.contains(name) else { return }
        do {
            _ = try directory.createTopic(
                name, partitions: partitions, configuration: configuration, internal: name.hasPrefix("__"))
            model.topics[name] = HistoryModel.TopicModel(partitions: partitions, configuration: configuration)
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

    private mutating func configure(
        _ directory: DataDirectory, _ name: String, _ configuration: [String: String]
    ) throws {
        guard model.topics[name] != nil else { return }
        model.topics[name]!.configurations.append(configuration)
        model.topics[name]!.note(configuration)
        try directory.alterTopic(named: name, configuration: configuration)
        model.topics[name]!.configurations = [configuration]
        let bytes = directory.topic(named: name)?.partitions[0].settings.segmentBytes
        if let wanted = configuration["segment.bytes"].flatMap({ Int64($0) }), bytes != wanted {
            throw Unexpected(what: "segments of \(bytes ?? -1) bytes, not \(wanted)")
        }
    }

    private mutating func addPartitions(_ directory: DataDirectory, _ name: String, _ count: Int) throws {
        guard model.topics[name] != nil else { return }
        model.topics[name]!.counts.append(count)
        try directory.addPartitions(named: name, to: count)
        model.topics[name]!.counts = [count]
        while model.topics[name]!.partitions.count < count {
            model.topics[name]!.partitions.append(HistoryModel.PartitionModel())
        }
    }

    // MARK: - Appends

    private mutating func append(
        _ directory: DataDirectory, _ place: Place, _ values: [String], _ producer: Int64?
    ) throws {
        guard let partition = find(place, directory) else { return }
        var entry = HistoryModel.Entry(values: values, base: model.end(of: place))
        if let producer {
            let next = partition.nextSequence(producerId: producer, epoch: 0)
            entry.producer = ProducerStamp(id: producer, epoch: 0, baseSequence: next)
        }
        do {
            let result = try directory.append(try HistoryRecord.batch(values, entry.producer), to: partition)
            guard case .appended(entry.base, _) = result else { throw Unexpected(what: "\(result)") }
            entry.answer = model.answer()
        } catch let error as StorageError {
            // Cut back, unless the process died or could not: then it may be there or not.
            if !isGoing { model.append(entry, to: place) }
            throw error
        }
        model.append(entry, to: place)
    }

    private mutating func again(_ directory: DataDirectory, _ place: Place, _ producer: Int64) throws {
        guard let partition = find(place, directory),
            let entry = model.topics[place.topic]!.partitions[place.partition].entries.last(where: {
                $0.producer.id == producer
            })
        else { return }
        let result = try directory.append(try HistoryRecord.batch(entry.values, entry.producer), to: partition)
        guard case .duplicate(entry.base, _) = result else { throw Unexpected(what: "\(result), not a duplicate") }
    }

    private mutating func round(
        _ directory: DataDirectory, _ pipeline: String, _ parts: [HistoryStep.Part]
    ) throws {
        model.nextRound += 1
        let number = model.nextRound
        var round = Round(pipeline: pipeline, positions: [Make.position(Int64(number))])
        var entries: [(place: Place, entry: HistoryModel.Entry)] = []
        let producer = try directory.producer(pipeline: pipeline)
        for part in parts {
            let place = Place(topic: part.topic, partition: part.partition)
            guard let partition = find(place, directory) else { continue }
            var stamp = ProducerStamp(
                id: producer.id, epoch: producer.epoch,
                baseSequence: partition.nextSequence(producerId: producer.id, epoch: producer.epoch))
            entries.append(
                (
                    place,
                    HistoryModel.Entry(
                        values: part.batches.flatMap { $0 }, base: model.end(of: place), round: number, producer: stamp)
                ))
            var batches: [EncodedBatch] = []
            for batch in part.batches {
                batches.append(try HistoryRecord.batch(batch, stamp))
                stamp.baseSequence += Int32(batch.count)
            }
            round.parts.append((partition, batches))
        }
        guard !entries.isEmpty else { return }
        var answer: Int?
        do {
            _ = try directory.append(round)
            answer = model.answer()
        } catch {
            if !isGoing { note(number, pipeline, entries, answer) }
            throw error
        }
        note(number, pipeline, entries, answer)
    }

    private mutating func note(
        _ number: Int, _ pipeline: String, _ entries: [(place: Place, entry: HistoryModel.Entry)], _ answer: Int?
    ) {
        model.rounds[number] = HistoryModel.RoundModel(
            pipeline: pipeline, parts: Set(entries.map(\.place)), offset: Int64(number), answer: answer)
        for (place, entry) in entries {
            var entry = entry
            entry.answer = answer
            model.append(entry, to: place)
        }
    }

    // MARK: - Passes

    /// What was answered before is durable once `body` has returned.
    private mutating func covering<Result>(_ body: () throws -> Result) throws {
        let covered = model.answers
        _ = try body()
        model.sync(through: covered)
    }

    private mutating func sync(
        _ directory: DataDirectory, around file: Int, _ place: Place, _ values: [String]
    ) throws {
        guard let partition = find(place, directory) else { return }
        let batch = try HistoryRecord.batch(values)
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
            var entry = HistoryModel.Entry(values: values, base: model.end(of: place))
            if isAnswered { entry.answer = model.answer() }
            model.append(entry, to: place)
        }
        _ = try result.get()
        model.sync(through: covered)
    }

    // MARK: - What takes records away

    private mutating func deleteRecords(_ directory: DataDirectory, _ place: Place, _ before: Offset?) throws {
        guard let partition = find(place, directory) else { return }
        let target = before ?? model.end(of: place)
        let begins = model.topics[place.topic]!.partitions[place.partition].begins
        let latest = max(begins.upperBound, target)
        model.topics[place.topic]!.partitions[place.partition].begins = begins.lowerBound...latest
        let start = try directory.deleteRecords([(partition, before)])[0].get()
        guard start >= target else { throw Unexpected(what: "records are deleted up to \(start), not \(target)") }
        model.topics[place.topic]!.partitions[place.partition].begins = max(begins.lowerBound, target)...latest
    }

    /// Time enough passes between two compactions that a tombstone may go with the second.
    private mutating func clean(_ directory: DataDirectory, _ name: String?, _ index: Int) throws {
        model.nextValue += 1
        let now = Make.time + Int64(model.nextValue) * 1000
        for (name, topic) in model.topics where topic.isCompacted {
            for (index, partition) in (directory.topic(named: name)?.partitions ?? []).enumerated() {
                let cleaned = max(topic.partitions[index].cleaned, partition.recoveryPoint)
                model.topics[name]!.partitions[index].cleaned = cleaned
            }
        }
        let cleaning: Cleaning?
        if let name {
            guard let partition = directory.topic(named: name)?.partitions[index] else { return }
            cleaning = try directory.clean(partition, now: now)
        } else {
            cleaning = try directory.clean(now: now) { _ in true }
        }
        if let objection = cleaning?.objection, isGoing { steps.append("it ended: \(objection)") }
    }
}
