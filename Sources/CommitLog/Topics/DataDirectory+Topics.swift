import Platform
import Records

extension DataDirectory {
    /// Makes a topic; it, its directories and their names are durable when this returns.
    /// - Parameter internal: Kafka's or Penstock's own.
    /// - Throws: `topicExists`, `invalidTopic`, `invalidConfiguration`, `invalidPartitions`, `disk`; on an error there is no such topic.
    package func createTopic(
        _ name: String, partitions: Int, configuration: [String: String] = [:], internal: Bool = false
    ) throws(StorageError) -> Topic {
        let operation = "create the topic \(name)"
        if let objection = Topic.objection(to: name) { throw StorageError(operation, .invalidTopic(objection)) }
        guard 1...Self.partitionLimit ~= partitions else {
            throw StorageError(
                operation, .invalidPartitions("\(partitions) partitions; it can have 1 to \(Self.partitionLimit)"))
        }
        let settings = try read(configuration, operation)
        return try naming.withLock { (registry) throws(StorageError) in
            if topic(named: name) != nil { throw StorageError(operation, .topicExists(name)) }
            try storing(operation) { () throws(DiskError) in try forgetLeftover(name) }
            let id = TopicID.random(disk)
            for index in 0..<Int32(partitions) {
                let place = PartitionPlace(root: path, topic: name, id: id, index: index, disk: disk)
                try clear(place, registry, operation)
            }
            let entry = Registry.TopicEntry(
                name: name, partitions: Int32(partitions), configuration: configuration, isInternal: `internal`)
            try record(.topic(id, entry), in: &registry)
            do throws(StorageError) {
                let topic = try storing(operation) { () throws(DiskError) in
                    try makeTopic(name, id, entry, settings)
                }
                catalog.withLock { catalog in
                    catalog.byName[name] = topic
                    catalog.byID[id] = topic
                }
                return topic
            } catch {
                // Whatever was made has an id that means "deleted" from here on.
                try? record(.topicDeleted(id), in: &registry)
                registry.apply(.topicDeleted(id))
                for index in 0..<partitions { try? removeTree("\(path)/\(name)-\(index)") }
                throw error
            }
        }
    }

    /// Per topic; Kafka has no limit of its own.
    package static let partitionLimit = 10_000

    private func makeTopic(
        _ name: String, _ id: TopicID, _ entry: Registry.TopicEntry, _ settings: TopicSettings
    ) throws(DiskError) -> Topic {
        let settings = Shared(settings)
        var partitions: [Partition] = []
        for index in 0..<entry.partitions {
            let place = PartitionPlace(root: path, topic: name, id: id, index: index, disk: disk)
            partitions.append(try makePartition(place, settings))
        }
        try syncNames(of: path)
        return Topic(
            name: name, id: id, isInternal: entry.isInternal,
            Topic.State(partitions: partitions, configuration: entry.configuration, settings: settings))
    }

    /// An empty partition, whose directory is durable once the data directory is synced.
    func makePartition(_ place: PartitionPlace, _ settings: Shared<TopicSettings>) throws(DiskError) -> Partition {
        try place.make()
        let partition = Partition(
            try place.fresh(
                settings: settings, files: files, ledger: ledger, leaderEpoch: leaderEpoch,
                producers: options.producersPerPartition))
        try syncNames(of: place.path)
        return partition
    }

    /// Reads what someone wants a topic to be configured as.
    func read(_ configuration: [String: String], _ operation: String) throws(StorageError) -> TopicSettings {
        do throws(SettingError) { return try TopicSettings(configuration, defaults: options.topicDefaults) } catch {
            throw StorageError(operation, .invalidConfiguration("\(error)"))
        }
    }

    /// Deletes a topic. Its deletion is durable before the first file is touched; readers that hold spans of it keep
    /// them.
    /// - Throws: also when the topic is deleted, and files of it are left: the next opening removes them, or who makes a
    ///   topic of that name.
    package func deleteTopic(_ name: String) throws(StorageError) {
        let operation = "delete the topic \(name)"
        let (topic, failure) = try naming.withLock { (registry) throws(StorageError) in
            guard let topic = self.topic(named: name) else { throw StorageError(operation, .unknownTopic(name)) }
            guard topic.id != registryPartition.topicID, topic.id != positionsPartition.topicID else {
                throw StorageError(operation, .invalidTopic("Penstock itself needs it"))
            }
            try record(.topicDeleted(topic.id), in: &registry)
            catalog.withLock { catalog in
                catalog.byName[name] = nil
                catalog.byID[topic.id] = nil
            }
            // Not before: a checkpoint that found the topic in the catalog still writes its name.
            noteLeftover(name)
            // From here on nobody writes, so the files can go. A swap that is under way comes to its end first.
            for partition in topic.partitions {
                partition.housekeeping.run { partition.writer.withLock { $0.markDeleted() } }
            }
            return (topic, moveAway(topic, operation))
        }
        if let observer { for partition in topic.partitions { observer(partition) } }
        for partition in topic.partitions { try? removeTree(grave(of: partition)) }
        if let failure { throw failure }
    }

    /// Takes the files of a deleted topic out of the way of a new one of its name, as far as they go.
    /// - Returns: why some did not.
    private func moveAway(_ topic: Topic, _ operation: String) -> StorageError? {
        var failure: StorageError?
        func attempt(_ body: () throws(DiskError) -> Void) {
            do throws(StorageError) {
                try withReserve { () throws(StorageError) in try storing(operation, body) }
            } catch { failure = failure ?? error }
        }
        attempt { () throws(DiskError) in try forgetCleaned(topic) }
        for partition in topic.partitions {
            attempt { () throws(DiskError) in try disk.rename(partition.directory, grave(of: partition)) }
        }
        attempt { () throws(DiskError) in try syncNames(of: path) }
        return failure
    }

    /// What the directory of a deleted partition is called, in Kafka's form.
    private func grave(of partition: Partition) -> String {
        "\(path)/\(partition.name).\(partition.topicID.hexadecimal)-delete"
    }

    func removeTree(_ path: String) throws(DiskError) { try disk.removeTree(path) }

    // MARK: - Producers

    /// The identity of a pipeline: made, and durable, the first time it is asked for.
    package func producer(pipeline: String) throws(StorageError) -> PipelineProducer {
        try naming.withLock { (registry) throws(StorageError) in
            if let known = registry.pipelines[pipeline] { return known }
            let first = PipelineProducer.firstReserved + registryPartition.logEnd
            let producer = PipelineProducer(id: max(first, registry.nextPipelineID), epoch: 0)
            try record(.pipeline(pipeline, producer), in: &registry)
            return producer
        }
    }

    /// A thousand producer ids that were never handed out, and never will be again: durable when this returns.
    ///
    /// They come from the offset of the record that says so, which is given out once, whatever becomes of the record.
    package func nextProducerIdBlock() throws(StorageError) -> Range<Int64> {
        try naming.withLock { (registry) throws(StorageError) in
            let first = max(registry.nextProducerID, PipelineProducer.firstOfClients + registryPartition.logEnd * 1000)
            guard first < PipelineProducer.firstReserved - 1000 else {
                throw StorageError("hand out producer ids", .damaged("all 2^62 have been handed out"))
            }
            try record(.producerIDs(next: first + 1000), in: &registry)
            return first..<first + 1000
        }
    }

    /// Appends a change of the registry and syncs it, then applies it.
    /// - Throws: when nothing of it is in the log, or when all writing has stopped.
    func record(_ change: Registry.Change, in registry: inout Registry) throws(StorageError) {
        let (key, value) = change.encode()
        let batch: EncodedBatch
        do throws(RecordError) {
            batch = try RecordBatch.encode([Record(timestamp: -1, key: key, value: value)])
        } catch {
            throw StorageError("write \(registryPartition.name)", .record(error))
        }
        guard case .appended(_, let ticket) = try append(batch, to: registryPartition) else {
            throw StorageError("write \(registryPartition.name)", .damaged("it has producers"))
        }
        try syncRecord(ticket)
        registry.apply(change)
    }

    /// Makes a record of the registry durable. The next pass, or the next opening, would make it count whatever the caller
    /// is told now: so it counts, or nothing is acknowledged any more.
    private func syncRecord(_ ticket: CommitTicket) throws(StorageError) {
        for _ in 0..<Self.recordAttempts {
            do throws(StorageError) { return try runPass(through: ticket) } catch {
                guard case .disk(let failure) = error.cause, failure.isOutOfDescriptors else { throw error }
                files.letGo()
            }
        }
        let reason = """
            a record of \(registryPartition.name) is written and could not be synced, since the process or the machine has \
            no descriptor left; what is there is served, but nothing goes on by itself: raise that limit (ulimit -n), stop \
            this process and start `penstock run` again
            """
        stop(reason)
        throw StorageError("sync \(path)", .stopped(reason: reason))
    }

    /// Each time the log's own files are closed first, so that more comes of it only if somebody else takes them.
    private static var recordAttempts: Int { 16 }
}

extension TopicID {
    /// 32 hexadecimal digits.
    var hexadecimal: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }
}
