import Platform
import Records

/// What can be changed about a topic that is there.
extension DataDirectory {
    /// Configures a topic anew: what `configuration` does not say has the default again.
    ///
    /// Durable when this returns; every append, roll and deletion that begins afterwards goes by it.
    /// - Throws: `unknownTopic`, `invalidConfiguration`, `invalidTopic` for Penstock's own, `disk`: the topic is as it was.
    package func alterTopic(named name: String, configuration: [String: String]) throws(StorageError) {
        let operation = "configure the topic \(name)"
        let settings = try read(configuration, operation)
        try naming.withLock { (registry) throws(StorageError) in
            let (topic, old) = try alterable(name, registry, operation)
            var entry = old
            entry.configuration = configuration
            if entry != old { try record(.topic(topic.id, entry), in: &registry) }
            topic.apply(configuration, settings)
        }
    }

    /// Gives a topic more partitions, which are empty; durable when this returns.
    ///
    /// Keys that went to one partition may go to another from now on.
    /// - Parameter count: of all partitions, more than there are.
    /// - Throws: `unknownTopic`; `invalidPartitions`; `invalidTopic` for Penstock's own; `disk`: the topic is as it was.
    package func addPartitions(named name: String, to count: Int) throws(StorageError) {
        let operation = "give the topic \(name) \(count) partitions"
        try naming.withLock { (registry) throws(StorageError) in
            let (topic, old) = try alterable(name, registry, operation)
            let present = topic.partitions.count
            guard count > present, count <= Self.partitionLimit else {
                throw StorageError(
                    operation,
                    .invalidPartitions("it has \(present) and can only get more, up to \(Self.partitionLimit)"))
            }
            let places = (Int32(present)..<Int32(count)).map { index in
                PartitionPlace(root: path, topic: name, id: topic.id, index: index, disk: disk)
            }
            for place in places { try clear(place, registry, operation) }
            // The directories come before the record: one that no record speaks of is looked at by nobody.
            do throws(StorageError) {
                let more = try storing(operation) { () throws(DiskError) in
                    let settings = topic.sharedSettings
                    var more: [Partition] = []
                    for place in places { more.append(try makePartition(place, settings)) }
                    try syncNames(of: path)
                    return more
                }
                var entry = old
                entry.partitions = Int32(count)
                try record(.topic(topic.id, entry), in: &registry)
                topic.add(more)
            } catch {
                // If the record got as far as the disk, the next opening makes them again, as empty as they are now.
                for place in places { try? removeTree(place.path) }
                throw error
            }
        }
    }

    private func alterable(
        _ name: String, _ registry: Registry, _ operation: String
    ) throws(StorageError) -> (Topic, Registry.TopicEntry) {
        guard let topic = self.topic(named: name) else { throw StorageError(operation, .unknownTopic(name)) }
        guard let entry = registry.topics[topic.id] else {
            throw StorageError(operation, .invalidTopic("Penstock itself needs it as it is"))
        }
        return (topic, entry)
    }

    /// Takes away, durably, what a deletion or an attempt that did not come to its end left in a new partition's place.
    /// Records of whatever other origin stay.
    func clear(_ place: PartitionPlace, _ registry: Registry, _ operation: String) throws(StorageError) {
        let isInTheWay = try storing(operation) { () throws(DiskError) in
            guard try disk.exists(place.path) else { return false }
            let id = try PartitionPlace.topicID(of: place.path, disk: disk)
            if id.flatMap({ registry.deleted[$0] }) != place.topic {
                for name in try disk.list(place.path) where name != PartitionPlace.metadataName {
                    if try disk.status("\(place.path)/\(name)").size > 0 { return true }
                }
            }
            try removeTree(place.path)
            // Else it could come back under the new topic's name.
            try syncNames(of: path)
            return false
        }
        guard !isInTheWay else {
            throw StorageError(
                operation, .damaged("\(place.path) holds files that belong to no topic: move it elsewhere first"))
        }
    }
}
