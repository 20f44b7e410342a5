import CLinux
import Platform
package import Records

/// One data directory: topics, their partitions, and the positions of the pipelines that write to them.
///
/// All calls may block and may be made from any thread. What is safe when, and why, is told in `Format.md`.
package final class DataDirectory: Sendable {
    package let path: String
    /// As in `meta.properties`.
    package let clusterId: String
    /// Of this opening: it is a new one after every unclean stop.
    package let leaderEpoch: Int32
    /// What the opening found, for the log line at start.
    package let recovery: RecoveryReport
    let options: LogOptions
    let disk: Disk
    let files: FileCache
    let ledger: SyncLedger
    /// Keeps the lock on the directory.
    private let lockFile: any DiskFile
    let catalog: Lock<Catalog>
    /// Held while something is created or deleted, disk work included.
    let naming: Lock<Registry>
    /// Held by the one pass that is under way, or by whoever syncs names; counts the passes. (A value of no size would share
    /// its address with the next allocation, which thread sanitizer takes for a race.)
    let passing = Lock(0)
    /// Whether the positions are damaged; see ``positionsDamaged``.
    let positionsState: Lock<Bool>
    /// Held while a checkpoint is left.
    let checkpointing: Lock<CheckpointState>
    let deletedFiles: DeletedFiles
    /// As last committed; changed under the writer of ``positionsPartition``.
    let positionTable: Lock<[FileKey: SourcePosition]>
    let registryPartition: Partition
    let positionsPartition: Partition
    let reserve: Reserve
    /// Held by the one cleaning that is under way.
    let cleaning = Lock(CleaningState())
    let cleanedEnds = Lock<CleanedEnds?>(nil)
    private let watcher = Lock<(@Sendable (Partition) -> Void)?>(nil)

    /// What readers look topics up in.
    struct Catalog {
        var byName: [String: Topic] = [:]
        var byID: [TopicID: Topic] = [:]
    }

    /// Opens a data directory, making it (mode 0700) if it is missing, and makes it whole after a crash.
    package static func open(
        _ path: String, options: LogOptions = LogOptions(), disk: Disk = .real
    ) throws(StorageError) -> DataDirectory {
        // `data/` is `data`: paths are taken apart at their slashes.
        var path = path[...]
        while path.count > 1 && path.hasSuffix("/") { path = path.dropLast() }
        do throws(StorageError) { return try openOnce(String(path), options, disk) } catch {
            guard error.isFull, Reserve.release(in: String(path), disk: disk) else { throw error.ofOpening }
        }
        // Recovery may be begun again at any point.
        do throws(StorageError) { return try openOnce(String(path), options, disk) } catch { throw error.ofOpening }
    }

    private static func openOnce(
        _ path: String, _ options: LogOptions, _ disk: Disk
    ) throws(StorageError) -> DataDirectory {
        let opening = try Opening(path: path, options: options, disk: disk)
        let directory = try DataDirectory(opening)
        try directory.settle(opening)
        // What reading ten thousand directories took for a moment is not kept.
        if opening.report.partitions > 1000 { penstock_trim_heap() }
        return directory
    }

    private init(_ opening: Opening) throws(StorageError) {
        path = opening.path
        options = opening.options
        disk = opening.disk
        files = opening.files
        ledger = opening.ledger
        lockFile = opening.lockFile
        clusterId = opening.meta.clusterID
        leaderEpoch = opening.leaderEpoch
        recovery = opening.report
        reserve = Reserve(in: opening.path, wanted: opening.options.reserveBytes, disk: opening.disk)
        registryPartition = opening.registryTopic.partitions[0]
        positionsPartition = opening.positionsTopic.partitions[0]
        positionTable = Lock(opening.positions)
        naming = Lock(opening.registry)
        deletedFiles = DeletedFiles(
            maxBytes: opening.options.deletedBytes, maxSegments: opening.options.deletedSegments)
        checkpointing = Lock(
            CheckpointState(
                leftovers: opening.leftovers, logStarts: opening.logStarts, namesMayComeBack: opening.hasFailed))
        positionsState = Lock(opening.report.positionsDamaged)
        var catalog = Catalog()
        for topic in opening.topics + [opening.registryTopic, opening.positionsTopic] {
            catalog.byName[topic.name] = topic
            catalog.byID[topic.id] = topic
        }
        self.catalog = Lock(catalog)
    }

    /// Writes what the opening found out, before anyone else writes.
    private func settle(_ opening: Opening) throws(StorageError) {
        // What a checkpoint says of another topic of that name is not believed of one that was copied in.
        for name in recovery.adopted {
            try storing("adopt the topic \(name)") { () throws(DiskError) in try forgetLeftover(name) }
        }
        // From now on a checkpoint that is missing is one that was lost: then nobody knows what compaction took.
        if recovery.isNew { try leaveCheckpoint(isLast: false) }
        // Without the checkpoint the next opening only reads more.
        if !recovery.wasClean || !recovery.adopted.isEmpty {
            do throws(StorageError) {
                try leaveCheckpoint(isLast: true)
                if opening.hasFailed { try forgetFailure() }
            } catch {}
        }
        try naming.withLock { (registry) throws(StorageError) in
            for change in opening.changes { try record(change, in: &registry) }
        }
        if opening.isForeign {
            try storing("adopt the data directory \(path)") { () throws(DiskError) in
                try opening.meta.write(in: path, disk)
            }
        }
    }

    // MARK: - Topics

    /// All topics, internal ones included, by name.
    package func topics() -> [Topic] {
        catalog.withLock { Array($0.byName.values) }.sorted { $0.name < $1.name }
    }

    package func topic(named name: String) -> Topic? { catalog.withLock { $0.byName[name] } }

    package func topic(id: TopicID) -> Topic? { catalog.withLock { $0.byID[id] } }

    // MARK: - Readers of what moves

    /// Called with a partition after its high watermark has moved or its topic was deleted, on the thread that wrote or ran
    /// a pass. Must return soon. It may read; it may not append, wait for a pass, nor make, alter or delete topics: the
    /// thread may be at one of these.
    package var observer: (@Sendable (Partition) -> Void)? {
        get { watcher.withLock { $0 } }
        set { watcher.withLock { $0 = newValue } }
    }

    /// What a topic has that does not say otherwise.
    package var topicDefaults: TopicSettings { options.topicDefaults }

    /// The positions of a pipeline's sources, as last committed; of no source, the choice of ``passesOver(pipeline:)``.
    package func positions(pipeline: String) -> [(source: String, position: SourcePosition)] {
        positionTable.withLock { table in
            table.filter { $0.key.pipeline == pipeline }.map { ($0.key.source, $0.value) }
        }
    }

    /// When readers see what is appended.
    package var visibility: Visibility { options.visibility }

    /// Bytes that a power loss could take.
    package var unsyncedBytes: Int64 { ledger.state.withLock { $0.unsyncedBytes } }

    /// Whether someone waits for a pass that is still to come.
    package var isSyncAwaited: Bool { ledger.isAwaited }

    /// Why all writing has stopped, nil while it goes on.
    package var stopReason: String? { ledger.state.withLock { $0.stopped } }

    /// Stops cleanly: syncs everything and leaves the marker that lets the next opening trust it. Afterwards nothing can
    /// be written; reading goes on. A second call has no effect.
    /// - Throws: when it could not be stopped cleanly: the next opening recovers. The lock is let go in any case.
    package func close() throws(StorageError) {
        let isFirst = ledger.close()
        guard isFirst else { return }
        // A cleaning ends at its next step, and whoever takes names away is waited for.
        cleaning.withLock { _ in }
        for topic in topics() { for partition in topic.partitions { partition.housekeeping.run {} } }
        defer { lockFile.close() }
        if let reason = stopReason {
            throw StorageError("close the data directory \(path) cleanly", .stopped(reason: reason))
        }
        try withReserve { () throws(StorageError) in try finish() }
    }

    private func finish() throws(StorageError) {
        // Nobody makes a topic any more; and every writer is held once: whoever was writing is done after that.
        naming.withLock { _ in }
        // Whatever stays is removed by the next opening.
        try? removeDeletedFiles(now: nil)
        try leaveCheckpoint(isLast: true)
        try storing("close the data directory \(path)") { () throws(DiskError) in
            try disk.replaceFile("\(path)/\(Self.cleanMarker)", with: Array(#"{"version":0,"brokerEpoch":-1}"#.utf8))
            try syncNames(of: path)
        }
    }

    /// There after a clean stop, as Kafka has it.
    static let cleanMarker = ".kafka_cleanshutdown"
    /// What a process that serves the directory listens at for whoever asks how it is; one that was killed leaves it.
    package static let controlSocketName = "control.sock"
    /// Of the names of Penstock's own topics.
    static let ownPrefix = "__penstock_"
    static let registryTopic = "__penstock_topics"
    static let positionsTopic = "__penstock_positions"
}
