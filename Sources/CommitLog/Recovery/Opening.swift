import Glibc
import Platform
import Records

/// Everything that happens before a data directory can be used: the lock, whose it is, what exists, and recovery.
///
/// The steps and their order are those of `Format.md`, "Reading it back".
struct Opening {
    let path: String
    let options: LogOptions
    let disk: Disk
    let files: FileCache
    let ledger: SyncLedger
    let lockFile: any DiskFile
    let meta: MetaProperties
    var report = RecoveryReport()
    var registry = Registry()
    /// What must be written to the registry before anyone else writes.
    var changes: [Registry.Change] = []
    var leaderEpoch: Int32 = 0
    var registryTopic: Topic
    var positionsTopic: Topic
    var topics: [Topic] = []
    var positions: [FileKey: SourcePosition] = [:]
    /// Names that stand in checkpoints and belonged to no topic before this opening.
    var leftovers: Set<String> = []
    /// nil if the file is not there, or cannot be read.
    var logStarts: OffsetCheckpoint?
    /// A sync had failed: see ``Recovery/hasFailed``.
    let hasFailed: Bool
    /// An Apache Kafka broker wrote it: it is ours once everything in it is.
    let isForeign: Bool

    init(path: String, options: LogOptions, disk: Disk) throws(StorageError) {
        let operation = "open the data directory \(path)"
        self.path = path
        self.options = options
        ledger = SyncLedger(visibility: options.visibility)
        self.disk = disk
        files = FileCache(disk: disk, options: options)
        lockFile = try Self.lock(path, disk, operation)
        let isNew: Bool
        (meta, isNew, isForeign) = try Self.identify(path, options, disk, operation)
        do throws(DiskError) {
            var recovery = try Recovery(path: path, options: options, disk: disk, isForeign: isForeign)
            recovery.report.isNew = isNew
            try recovery.run()
            report = recovery.report
            hasFailed = recovery.hasFailed
            registry = recovery.registry
            changes = recovery.changes
            leaderEpoch = recovery.leaderEpoch
            positions = recovery.positions
            leftovers = recovery.leftovers
            if isForeign { leftovers.subtract(registry.topics.values.map(\.name)) }
            if case .whole(let starts) = recovery.logStarts { logStarts = starts }
            registryTopic = try recovery.topic(recovery.registryPlace, files, ledger)
            positionsTopic = try recovery.topic(recovery.positionsPlace, files, ledger)
            topics = try recovery.topics(files, ledger)
            try recovery.removeCleanMarker()
        } catch {
            throw Self.failure(operation, error, path)
        }
        let commitsEnd = positionsTopic.partitions[0].logEnd
        ledger.state.withLock { state in
            state.commitsEnd = commitsEnd
            state.commitsSynced = commitsEnd
        }
    }

    private static func failure(_ operation: String, _ error: DiskError, _ path: String) -> StorageError {
        let registry = "\(path)/\(DataDirectory.registryTopic)-0"
        guard !error.isOfTheProcess, error.path == registry || error.path.hasPrefix(registry + "/") else {
            return StorageError(operation, error)
        }
        return StorageError(
            operation,
            .damaged(
                """
                \(error); nobody knows without \(registry) which topics there are, so nothing was changed: see that the disk \
                gives it (its state, the owner and mode of the files), or put it back from a copy, and start again
                """))
    }

    static func lock(
        _ path: String, _ disk: Disk, _ operation: String
    ) throws(StorageError) -> any DiskFile {
        let file: any DiskFile
        do throws(DiskError) {
            try makeDirectories(path, disk)
            file = try disk.open("\(path)/.lock", .create)
        } catch {
            guard error.isForbidden else { throw StorageError(operation, error) }
            throw StorageError(operation, .damaged("\(error); \(DiskError.wayToWrite)"))
        }
        do throws(DiskError) { try file.lock() } catch {
            guard error.isLocked else { throw StorageError(operation, error) }
            // Whoever holds it wrote its number; a Kafka broker does not.
            let text = (try? file.readBytes(at: 0, count: 20)) ?? []
            let digits = text.prefix { $0 != UInt8(ascii: "\n") }
            throw StorageError(operation, .locked(process: Int(String(decoding: digits, as: UTF8.self))))
        }
        // For whoever finds it locked; a full disk has no room for it.
        try? file.truncate(to: 0)
        try? file.write(Array("\(getpid())\n".utf8), at: 0)
        return file
    }

    /// Makes the directory and those above it.
    private static func makeDirectories(_ path: String, _ disk: Disk) throws(DiskError) {
        if try disk.exists(path) { return }
        let parent = parent(of: path)
        if let parent { try makeDirectories(parent, disk) }
        try disk.makeDirectory(path)
        guard let parent else { return }
        do throws(DiskError) { try syncNames(in: parent, disk) } catch {
            // Else the next opening would take its name for durable.
            try? disk.removeDirectory(path)
            throw error
        }
    }

    /// The names of a new data directory and of those above it are durable, whoever made them: an opening that failed may
    /// have left them as they were.
    private static func syncNames(above path: String, _ disk: Disk) throws(DiskError) {
        guard let parent = parent(of: path) else { return }
        try syncNames(in: parent, disk)
        try syncNames(above: parent, disk)
    }

    private static func syncNames(in directory: String, _ disk: Disk) throws(DiskError) {
        do throws(DiskError) { try disk.syncDirectory(directory) } catch {
            // Who may not read a directory has not made what is in it.
            guard error.code == EACCES else { throw error }
        }
    }

    private static func parent(of path: String) -> String? {
        guard path != "/" && path != "." else { return nil }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func identify(
        _ path: String, _ options: LogOptions, _ disk: Disk, _ operation: String
    ) throws(StorageError) -> (MetaProperties, isNew: Bool, isForeign: Bool) {
        let file = "\(path)/\(MetaProperties.fileName)"
        let found = try storing(operation) { () throws(DiskError) in try disk.readFile(file, limit: 65_536) }
        guard let found else { return (try makeNew(path, disk, operation), true, false) }
        var meta = try Self.meta(found, of: file, operation)
        if meta.format != nil { return (meta, false, false) }
        guard options.adopt else { throw StorageError(operation, .foreign(clusterID: meta.clusterID)) }
        meta.format = MetaProperties.knownFormat
        return (meta, false, true)
    }

    /// What a `meta.properties` says, if this Penstock may work on what it describes.
    static func meta(
        _ bytes: [UInt8], of file: String, _ operation: String
    ) throws(StorageError) -> MetaProperties {
        let meta: MetaProperties
        do throws(RecordError) { meta = try MetaProperties(text: String(decoding: bytes, as: UTF8.self)) } catch {
            throw StorageError(
                operation,
                .damaged(
                    "\(file) is not what Penstock or Kafka write: \(error); put it back from a copy, or choose another "
                        + "directory with --data"))
        }
        guard let format = meta.format, format > MetaProperties.knownFormat else { return meta }
        throw StorageError(operation, .newerVersion(found: format, known: MetaProperties.knownFormat))
    }

    private static func makeNew(
        _ path: String, _ disk: Disk, _ operation: String
    ) throws(StorageError) -> MetaProperties {
        let registry = "\(path)/\(DataDirectory.registryTopic)-0"
        if try storing(operation, { () throws(DiskError) in try disk.exists(registry) }) {
            throw StorageError(
                operation,
                .damaged(
                    """
                    \(path)/\(MetaProperties.fileName) is missing, although Penstock's topics are there; put it back from a \
                    copy, or write one with the lines version=1, cluster.id=\(TopicID.random()), node.id=1 and \
                    penstock.format=\(MetaProperties.knownFormat) if no newer Penstock was here
                    """))
        }
        let meta = MetaProperties.fresh(disk)
        try storing(operation) { () throws(DiskError) in
            try syncNames(above: path, disk)
            try meta.write(in: path, disk)
        }
        return meta
    }
}

extension MetaProperties {
    /// The file and its name are durable when this returns.
    func write(in directory: String, _ disk: Disk) throws(DiskError) {
        try disk.replaceFile("\(directory)/\(Self.fileName)", with: Array(text.utf8))
        try disk.syncDirectory(directory)
    }
}
