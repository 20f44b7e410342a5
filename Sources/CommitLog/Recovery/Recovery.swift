import Records

/// Reads a data directory back: what exists, what every partition holds, which rounds are whole, and what must go.
///
/// `Format.md`, "Reading it back", is the argument for each step and their order.
struct Recovery {
    let path: String
    let options: LogOptions
    let disk: Disk
    /// An Apache Kafka broker wrote the directory, and its checkpoints and marks.
    let isForeign: Bool
    var report = RecoveryReport()
    var registry = Registry()
    var changes: [Registry.Change] = []
    var leaderEpoch: Int32 = 0
    /// As the registry has it; no limit if a part of that cannot be read.
    var highestEpoch = Int32.max
    var positions: [FileKey: SourcePosition] = [:]
    private(set) var registryPlace: PartitionPlace
    private(set) var positionsPlace: PartitionPlace
    var found: [Key: Found] = [:]
    /// Partitions that cannot be read, or not be made whole.
    var offline: [Key: Offline] = [:]
    let recoveryPoints: OffsetCheckpoint.Found
    let logStarts: OffsetCheckpoint.Found
    /// Names that stand in checkpoints and belonged to no topic before this opening.
    var leftovers: Set<String> = []
    /// By name: why the id of the positions' partition could not be read. Another id must not be taken for its own,
    /// else the partition would be set aside as a stranger's.
    let unreadable: [String: DiskError]
    var hasTrimmedCopies = false
    /// A sync has failed: names that are gone may come back.
    let hasFailed: Bool
    /// The mark of a clean stop is there.
    let wasClosed: Bool
    /// Whether what is not committed is looked for and cut.
    var isStrict: Bool

    struct Key: Hashable {
        var topic: TopicID
        var partition: Int32
    }

    /// A partition, as far as it is known.
    struct Found {
        let place: PartitionPlace
        var rules: PartitionScan.Rules
        var scan: PartitionScan
        /// Up to here everything was durable once: what is missing below is damage, not a tear.
        var known: Offset
        /// The end that the last counted commit record names.
        var covered: Offset
        /// Up to here it can be read.
        var reach: Offset = 0
    }

    struct Offline {
        let place: PartitionPlace
        let rules: PartitionScan.Rules
        let reason: String
    }

    init(path: String, options: LogOptions, disk: Disk, isForeign: Bool) throws(DiskError) {
        self.path = path
        self.options = options
        self.disk = disk
        self.isForeign = isForeign
        var unreadable: [String: DiskError] = [:]
        registryPlace = try Self.internalPlace(DataDirectory.registryTopic, path, disk, &unreadable)
        positionsPlace = try Self.internalPlace(DataDirectory.positionsTopic, path, disk, &unreadable)
        self.unreadable = unreadable
        recoveryPoints = try OffsetCheckpoint.read(.recoveryPoint, in: path, disk: disk)
        logStarts = try OffsetCheckpoint.read(.logStart, in: path, disk: disk)
        hasFailed = try disk.exists("\(path)/\(DataDirectory.failureMarker)")
        let isMarked = try disk.exists("\(path)/\(DataDirectory.cleanMarker)")
        wasClosed = isMarked && !hasFailed
        isStrict = !wasClosed
        if case .damaged(let reason) = recoveryPoints {
            report.ignored.append("\(reason); everything is read, and no round is taken for unfinished")
        }
        for name in OffsetCheckpoint.Name.allCases {
            leftovers.formUnion(try OffsetCheckpoint.read(name, in: path, disk: disk).offsets.topics)
        }
    }

    private static func internalPlace(
        _ name: String, _ path: String, _ disk: Disk, _ unreadable: inout [String: DiskError]
    ) throws(DiskError) -> PartitionPlace {
        var id: TopicID?
        do throws(DiskError) { id = try PartitionPlace.topicID(of: "\(path)/\(name)-0", disk: disk) } catch {
            guard !error.isOfTheProcess, name != DataDirectory.registryTopic else { throw error }
            unreadable["\(name)-0"] = error
        }
        return PartitionPlace(root: path, topic: name, id: id ?? TopicID.random(disk), index: 0, disk: disk)
    }

    /// Whether it is known below which offsets compaction works. A new directory gets its checkpoint before anything else.
    var knowsRecoveryPoints: Bool { if case .whole = recoveryPoints { true } else { report.isNew } }

    mutating func run() throws(DiskError) {
        try rewriteAfterFailedSync()
        tellLogStarts()
        report.positionsDamaged = try disk.exists("\(path)/\(DataDirectory.positionsMark)")
        if !isStrict {
            try readAll()
            // A clean stop leaves no tears: somebody else was here, so nothing is taken on trust.
            let isWhole = found.values.allSatisfy { partition in
                if partition.rules.isAdopted { return partition.scan.spots(partition.rules).isEmpty }
                return partition.scan.ends(at: partition.rules.recoveryPoint)
            }
            if !isWhole { isStrict = true }
        }
        if isStrict {
            try readAll()
            try resolve()
        }
        // Before anything new is written.
        try makeDurable()
        try readPositions()
        report.wasClean = !isStrict || report.isNew
        report.partitions = found.count + offline.count
        for partition in offline.values {
            report.offline.append(RecoveryReport.Offline(partition: partition.place.name, reason: partition.reason))
        }
        report.offline.sort { $0.partition < $1.partition }
        var told: Set<String> = []
        report.ignored.removeAll { !told.insert($0).inserted }
        chooseEpoch()
    }

    /// The file is written before the recovery points are for the first time.
    private mutating func tellLogStarts() {
        let lost = "records that were deleted may be there again (penstock topics delete-records takes them away)"
        if case .damaged(let reason) = logStarts { report.ignored.append("\(reason); \(lost)") }
        if case .missing = logStarts, case .whole = recoveryPoints, !isForeign, !report.isNew {
            report.ignored.append("\(path)/\(OffsetCheckpoint.Name.logStart.rawValue), which is missing; \(lost)")
        }
    }

    /// Reads the registry, then every partition that it or the directory names.
    private mutating func readAll() throws(DiskError) {
        (found, offline) = ([:], [:])
        (registry, changes) = (Registry(), [])
        (report.scannedBytes, report.adopted) = (0, [])
        try readRegistry()
        if try renewOwnIDs() { return try readAll() }
        try add([candidate(positionsPlace, Shared(OwnTopics.settings(positionsPlace.topic)), adoptedEnd: 0)])
        try readTopics()
    }

    /// The ids of our own two partitions stand nowhere but beside them, and mean nothing to anybody else. One that is
    /// another topic's is rotten, or was copied: they get new ones.
    /// - Returns: whether there was such.
    private mutating func renewOwnIDs() throws(DiskError) -> Bool {
        let isTaken = { [registry] (id: TopicID) in registry.topics[id] != nil || registry.deleted[id] != nil }
        let renewsRegistry = isTaken(registryPlace.id)
        let renewsPositions = isTaken(positionsPlace.id) || positionsPlace.id == registryPlace.id
        if renewsRegistry { registryPlace = try renewed(registryPlace) }
        if renewsPositions { positionsPlace = try renewed(positionsPlace) }
        return renewsRegistry || renewsPositions
    }

    private mutating func renewed(_ place: PartitionPlace) throws(DiskError) -> PartitionPlace {
        let metadata = "\(place.path)/\(PartitionPlace.metadataName)"
        try disk.removeIfThere(metadata)
        report.ignored.append("\(metadata), which had the id of another topic; it has one of its own now")
        return PartitionPlace(root: path, topic: place.topic, id: TopicID.random(disk), index: 0, disk: disk)
    }

    /// One number for the data directory: a new one after every unclean stop, so that clients notice a log that is
    /// shorter than what they had read.
    private mutating func chooseEpoch() {
        let seen = found.values.compactMap { $0.scan.epochs.last }.max()
        let last = max(registry.leaderEpoch ?? 0, seen ?? 0)
        // An adopted log may have had the last one there is.
        leaderEpoch = isStrict && !report.isNew && last < .max ? last + 1 : last
        if registry.leaderEpoch != leaderEpoch { changes.append(.leaderEpoch(leaderEpoch)) }
    }
}
