import Records

/// Reads a data directory back: what exists, what every partition holds, which rounds are whole, and what must go.
///
/// `Format.md`, "Reading it back", is the argument for each step and their order.
struct Recovery {
    let path: String
    let options: LogOptions
    let disk: Disk
    var report = RecoveryReport()
    var registry = Registry()
    var changes: [Registry.Change] = []
    var leaderEpoch: Int32 = 0
    var positions: [FileKey: SourcePosition] = [:]
    let registryPlace: PartitionPlace
    let positionsPlace: PartitionPlace
    var found: [Key: Found] = [:]
    let recoveryPoints: OffsetCheckpoint
    let logStarts: OffsetCheckpoint
    /// Whether every byte is read, and what is not committed is cut.
    var isStrict: Bool

    struct Key: Hashable {
        var topic: TopicID
        var partition: Int32
    }

    /// A partition, as far as it is known.
    struct Found {
        let place: PartitionPlace
        let rules: PartitionScan.Rules
        var scan: PartitionScan
        /// Up to here everything was durable once: what is missing below is damage, not a tear.
        var known: Offset
        /// The end that the last counted commit record names.
        var covered: Offset
        /// Up to here it can be read.
        var reach: Offset = 0
    }

    init(path: String, options: LogOptions, disk: Disk) throws(DiskError) {
        self.path = path
        self.options = options
        self.disk = disk
        registryPlace = try Self.internalPlace(DataDirectory.registryTopic, path, disk)
        positionsPlace = try Self.internalPlace(DataDirectory.positionsTopic, path, disk)
        recoveryPoints = try OffsetCheckpoint.read(.recoveryPoint, in: path, disk: disk).offsets
        logStarts = try OffsetCheckpoint.read(.logStart, in: path, disk: disk).offsets
        let hasFailed = try disk.exists("\(path)/\(DataDirectory.failureMarker)")
        let wasClosed = try disk.exists("\(path)/\(DataDirectory.cleanMarker)")
        isStrict = hasFailed || !wasClosed
    }

    private static func internalPlace(
        _ name: String, _ path: String, _ disk: Disk
    ) throws(DiskError) -> PartitionPlace {
        let id = try PartitionPlace.topicID(of: "\(path)/\(name)-0", disk: disk) ?? TopicID.random()
        return PartitionPlace(root: path, topic: name, id: id, index: 0, disk: disk)
    }

    mutating func run() throws(DiskError) {
        try rewriteAfterFailedSync()
        if !isStrict {
            try readAll()
            // A clean stop leaves no tears: somebody else was here, so nothing is taken on trust.
            let isWhole = found.values.allSatisfy {
                $0.scan.spots(isStrict: false, adoptedEnd: $0.rules.adoptedEnd).isEmpty
            }
            if !isWhole { isStrict = true }
        }
        if isStrict {
            try readAll()
            try resolve()
        } else {
            try readPositions(upTo: .max)
        }
        report.wasClean = !isStrict || report.isNew
        report.partitions = found.count
        chooseEpoch()
    }

    /// Reads the registry, then every partition that it or the directory names.
    private mutating func readAll() throws(DiskError) {
        found = [:]
        registry = Registry()
        changes = []
        report.scannedBytes = 0
        report.adopted = []
        report.ignored = []
        try add(registryPlace, TopicSettings(), adoptedEnd: 0)
        let key = Key(topic: registryPlace.id, partition: 0)
        // Nothing is done before its registry record is synced, so a tear holds nothing that anyone relies on.
        if isStrict {
            _ = try repairDamage(key)
            try cutTears(key)
            // What the registry says is acted on from here on: directories of deleted topics go.
            try makeDurable(key)
        }
        try readRegistry()
        try add(positionsPlace, TopicSettings(), adoptedEnd: 0)
        try readTopics()
    }

    /// Walks a partition, making its directory if it is missing.
    mutating func add(
        _ place: PartitionPlace, _ settings: TopicSettings, adoptedEnd: Offset
    ) throws(DiskError) {
        if try PartitionPlace.topicID(of: place.path, disk: disk) == nil {
            try place.make()
            try disk.syncDirectory(place.path)
            try disk.syncDirectory(path)
        }
        let rules = PartitionScan.Rules(
            settings: settings, producersLimit: options.producersPerPartition, isStrict: isStrict,
            adoptedEnd: adoptedEnd)
        let scan = try PartitionScan(place.path, disk: disk, rules: rules)
        report.scannedBytes += scan.fileBytes
        let synced = recoveryPoints[place.topic, place.index] ?? 0
        found[Key(topic: place.id, partition: place.index)] = Found(
            place: place, rules: rules, scan: scan, known: max(adoptedEnd, synced), covered: adoptedEnd)
    }

    private mutating func readRegistry() throws(DiskError) {
        try forEachBatch(Key(topic: registryPlace.id, partition: 0)) { header, records in
            for record in records {
                guard let key = record.key, let change = try? Registry.Change(key: key, value: record.value) else {
                    report.ignored.append("a record of the registry at offset \(record.offset), which cannot be read")
                    continue
                }
                registry.apply(change)
            }
        }
    }

    /// Reads committed positions back from the batches that end at or below an offset.
    mutating func readPositions(upTo end: Offset) throws(DiskError) {
        positions = [:]
        try forEachBatch(Key(topic: positionsPlace.id, partition: 0)) { header, records in
            guard header.nextOffset <= end else { return }
            // The bridge that a recovery laid over damage: nobody has said since how to go on.
            if header.recordsCount == 0 { report.positionsDamaged = true }
            for record in records {
                guard let bytes = record.key, let key = try? PositionsKey(decoding: bytes) else {
                    report.positionsDamaged = true
                    continue
                }
                guard case .position(let file) = key else { continue }
                guard let value = record.value else {
                    positions[file] = nil
                    continue
                }
                guard let position = try? SourcePosition(decoding: value) else {
                    report.positionsDamaged = true
                    continue
                }
                positions[file] = position
            }
        }
    }

    /// Decodes the whole batches of a partition of ours, in order. One that cannot be decoded is handed on as empty.
    func forEachBatch(_ key: Key, _ body: (BatchHeader, [Record]) throws(DiskError) -> Void) throws(DiskError) {
        guard let scan = found[key]?.scan else { return }
        for segment in scan.segments {
            let file = try disk.open(segment.stem + ".log", .read)
            var scanner = BatchScanner(file, to: segment.validSize, checksCRC: false)
            while case .batch(let batch) = try scanner.next() {
                guard let header = batch.header else { continue }
                let bytes = try file.readBytes(at: batch.position, count: batch.size)
                let records = (try? RecordBatch.decode(bytes.rawSpan, limit: 128 << 20).1) ?? []
                try body(header, records)
            }
        }
    }

    /// One number for the data directory: a new one after every unclean stop, so that clients notice a log that is
    /// shorter than what they had read.
    private mutating func chooseEpoch() {
        let seen = found.values.compactMap { $0.scan.epochs.last }.max()
        let last = max(registry.leaderEpoch ?? 0, seen ?? 0)
        leaderEpoch = isStrict && !report.isNew ? last + 1 : last
        if registry.leaderEpoch != leaderEpoch { changes.append(.leaderEpoch(leaderEpoch)) }
    }
}
