import Platform
import Records

/// Where the last cleaning of each compacted partition ended: in `cleaner-offset-checkpoint`, and here by topic id, so that
/// a topic that is made anew under a name inherits nothing.
extension DataDirectory {
    /// nil until the file was read.
    typealias CleanedEnds = [CleanedKey: Offset]

    func cleanedEnd(_ partition: Partition) -> Offset? {
        cleanedEnds.withLock { $0?[CleanedKey(partition)] }
    }

    /// Reads the file, once. One that cannot be read says nothing: everything counts as dirty.
    func loadCleanedEnds() throws(StorageError) {
        guard cleanedEnds.withLock({ $0 == nil }) else { return }
        let found = try storing("read \(path)/\(OffsetCheckpoint.Name.cleaner.rawValue)") { () throws(DiskError) in
            try OffsetCheckpoint.read(.cleaner, in: path, disk: disk).offsets
        }
        var ends: CleanedEnds = [:]
        for topic in topics() {
            for partition in topic.partitions { ends[CleanedKey(partition)] = found[topic.name, partition.index] }
        }
        let read = ends
        cleanedEnds.withLock { $0 = $0 ?? read }
    }

    /// Writes the file anew.
    func noteCleaned(_ partition: Partition, up end: Offset) throws(DiskError) {
        cleanedEnds.withLock { $0?[CleanedKey(partition)] = end }
        try writeCleanedEnds()
    }

    /// A topic is gone: so is its name in the file, once it has been read. (Until then it is taken out with those in the
    /// other checkpoints when the name is given out again.)
    func forgetCleaned(_ topic: Topic) throws(DiskError) {
        let keys = topic.partitions.map(CleanedKey.init)
        guard cleanedEnds.withLock({ ends in keys.contains { ends?[$0] != nil } }) else { return }
        try writeCleanedEnds()
        cleanedEnds.withLock { ends in for key in keys { ends?[key] = nil } }
    }

    private func writeCleanedEnds() throws(DiskError) {
        try checkpointing.withLock { (_) throws(DiskError) in
            let ends = cleanedEnds.withLock { $0 ?? [:] }
            var checkpoint = OffsetCheckpoint()
            for topic in topics() {
                for partition in topic.partitions {
                    checkpoint[topic.name, partition.index] = ends[CleanedKey(partition)]
                }
            }
            try write(checkpoint, as: .cleaner)
        }
    }
}
