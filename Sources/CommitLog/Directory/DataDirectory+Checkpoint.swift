import Platform
import Records

extension DataDirectory {
    /// Leaves on disk what lets the next opening read nothing below it: the state of every partition that changed, a pass
    /// that makes it durable, and then the recovery points, all together. Without an effect if nothing changed.
    ///
    /// Called by ``sync()`` after so many bytes, and to be called by whoever has a clock after so much time.
    /// - Throws: when it could not be left; nothing is lost by that, and the old one stands. Also when it stands for all but
    ///   the partitions whose state the disk did not take.
    package func checkpoint() throws(StorageError) {
        try withReserve { () throws(StorageError) in try checkpointOnce() }
    }

    private func checkpointOnce() throws(StorageError) {
        try checkpointing.withLock { (state) throws(StorageError) in
            try ledger.check("leave a checkpoint of \(path)")
            let (points, failure) = try takeState(isLast: false)
            if points.contains(where: { $0.partition.recoveryPoint != $0.end }) {
                try runPass(through: nil)
                try write(points, &state)
            }
            if let failure { throw failure }
        }
    }

    /// As ``checkpoint()``, also if nothing changed.
    /// - Parameter isLast: of a clean stop.
    func leaveCheckpoint(isLast: Bool) throws(StorageError) {
        try checkpointing.withLock { (state) throws(StorageError) in
            let (points, failure) = try takeState(isLast: isLast)
            try runPass(through: nil)
            try write(points, &state)
            if let failure { throw failure }
        }
    }

    struct CheckpointState {
        /// Topics that are gone and may stand in the files.
        var leftovers: Set<String> = []
        /// As the file has them; nil if there is none yet.
        var logStarts: OffsetCheckpoint?
        /// Also those of segments that are gone, since a sync has failed.
        var namesMayComeBack = false
    }

    typealias RecoveryPoint = (partition: Partition, end: Offset)

    /// Writes the state of every partition beside its log, and takes its end. One whose state the disk does not take keeps
    /// its recovery point: the others do not wait for it.
    ///
    /// The positions come first: so whatever a commit record below their recovery point names lies below that partition's,
    /// and a commit record above it is there to be found.
    func takeState(isLast: Bool) throws(StorageError) -> (points: [RecoveryPoint], failure: StorageError?) {
        var points: [RecoveryPoint] = []
        var failure: StorageError?
        func take(_ partition: Partition) throws(StorageError) {
            var end = partition.recoveryPoint
            do throws(StorageError) { end = try takeState(of: partition, isLast: isLast) } catch {
                guard case .disk(let cause) = error.cause, !cause.isOfTheProcess else { throw error }
                failure = failure ?? error
            }
            points.append((partition, end))
        }
        try take(positionsPartition)
        for topic in topics() where topic.id != positionsPartition.topicID {
            for partition in topic.partitions { try take(partition) }
        }
        if failure != nil || points.contains(where: { $0.partition.offline != nil }) {
            // The commit records that tell what such a partition must hold stay above the recovery point.
            points[0].end = positionsPartition.recoveryPoint
        }
        return (points, failure)
    }

    /// Files that the writing of state leaves open at most until a pass lets go of them.
    private static let openFiles = 256

    private func takeState(of partition: Partition, isLast: Bool) throws(StorageError) -> Offset {
        // It begins where it ended once it can be read again.
        if partition.offline != nil { return partition.recoveryPoint }
        if ledger.fileCount >= min(Self.openFiles, files.unsyncedLimit) { try runPass(through: nil) }
        return try storing("write the state of \(partition.name)") { () throws(DiskError) in
            let state = try partition.writer.withLock { (writer) throws(DiskError) in
                try writer.writeState(isLast: isLast)
            }
            if let epochs = state.epochs { try write(epochs, of: partition) }
            return state.end
        }
    }

    /// Puts a partition's epochs beside its log while others append: they are all that its batches had when its end was
    /// taken. Synced before they replace the old ones: what recovery points have been built on is not replaced by less.
    private func write(_ epochs: LeaderEpochs, of partition: Partition) throws(DiskError) {
        // The directory keeps its name meanwhile: else another topic's might get them.
        try partition.housekeeping.run { () throws(DiskError) in
            guard !partition.isDeleted else { return }
            do throws(DiskError) {
                try disk.replaceFile("\(partition.directory)/\(LeaderEpochs.fileName)", with: Array(epochs.text.utf8))
            } catch {
                partition.writer.withLock { $0.keepEpochs() }
                throw error
            }
            ledger.touch(directory: partition.directory)
        }
    }

    /// Writes the checkpoint files, of which a pass has made every offset true.
    func write(_ points: [RecoveryPoint], _ state: inout CheckpointState) throws(StorageError) {
        var recovery = OffsetCheckpoint()
        for point in points where !point.partition.isDeleted {
            recovery[point.partition.topicName, point.partition.index] = point.end
        }
        try storing("leave a checkpoint of \(path)") { () throws(DiskError) in
            try writeLogStarts(&state)
            try write(recovery, as: .recoveryPoint)
        }
        for point in points {
            // What stays is removed with the next checkpoint.
            try? point.partition.writer.withLock { (writer) throws(DiskError) in
                try writer.removeSnapshots(below: point.end)
            }
            point.partition.checkpointed(at: point.end)
        }
        // The cleaner's file is not written here: while nobody has read it, it may name whom it named.
        if cleanedEnds.withLock({ $0 != nil }) { state.leftovers = [] }
        // A topic that was deleted meanwhile may still stand in these.
        state.leftovers.formUnion(points.filter { $0.partition.isDeleted }.map(\.partition.topicName))
    }

    /// Makes the log starts durable that lie inside of a segment.
    ///
    /// One that was made so stays in the file until the next opening: the names of segments that went since may come back
    /// with a power loss.
    package func writeLogStarts() throws(StorageError) {
        try checkpointing.withLock { (state) throws(StorageError) in
            try ledger.check("write the log starts of \(path)")
            try storing("write the log starts of \(path)") { () throws(DiskError) in try writeLogStarts(&state) }
        }
    }

    private func writeLogStarts(_ state: inout CheckpointState) throws(DiskError) {
        var starts = OffsetCheckpoint()
        for topic in topics() {
            for partition in topic.partitions {
                if partition.offline != nil {
                    starts[topic.name, partition.index] = state.logStarts?[topic.name, partition.index]
                    continue
                }
                let view = partition.view.withLock { $0 }
                let isThere = state.logStarts?[topic.name, partition.index] != nil
                let first = state.namesMayComeBack ? 0 : view.segments[0].base
                guard isThere || view.logStart > first else { continue }
                starts[topic.name, partition.index] = view.logStart
            }
        }
        guard starts != state.logStarts else { return }
        try write(starts, as: .logStart)
        state.logStarts = starts
    }

    /// Replaces a checkpoint file; it and its name are durable when this returns.
    func write(_ checkpoint: OffsetCheckpoint, as name: OffsetCheckpoint.Name) throws(DiskError) {
        try checkpoint.replace(name, in: path, disk: disk)
        try syncNames(of: path)
    }

    /// From now on the checkpoints may name a topic that is gone.
    func noteLeftover(_ topic: String) {
        checkpointing.withLock { state in _ = state.leftovers.insert(topic) }
    }

    /// Takes a name out of the checkpoints, durably, before a topic is made under it: else the new one would be believed to
    /// reach as far as the old one did.
    func forgetLeftover(_ topic: String) throws(DiskError) {
        try checkpointing.withLock { (state) throws(DiskError) in
            guard state.leftovers.contains(topic) else { return }
            for name in OffsetCheckpoint.Name.allCases {
                guard case .whole(var checkpoint) = try OffsetCheckpoint.read(name, in: path, disk: disk) else {
                    continue
                }
                let count = checkpoint.offsets.count
                checkpoint.offsets = checkpoint.offsets.filter { $0.key.topic != topic }
                if checkpoint.offsets.count != count { try write(checkpoint, as: name) }
                if name == .logStart { state.logStarts = checkpoint }
            }
            state.leftovers.remove(topic)
        }
    }
}
