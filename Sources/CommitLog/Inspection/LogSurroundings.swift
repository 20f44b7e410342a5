import Records

/// What a data directory says about its partitions, for whoever judges them.
struct LogSurroundings {
    private var registry: Registry?
    private var cleaned = OffsetCheckpoint()
    private var starts = OffsetCheckpoint()
    /// Whether there is a data directory at all; a copy of a partition may lie anywhere.
    private let isKnown: Bool
    /// Its properties are Penstock's.
    private let isOurs: Bool
    /// The mark of a clean stop is there.
    private let isStopped: Bool

    /// What must hold in one partition.
    struct Rules {
        /// Offsets may be missing below the last segment, since the partition is, or may be, compacted.
        var mayHaveHoles = true
        /// From here on index entries were made batch by batch, as ours are: older Kafka brokers made one per append.
        var exactIndexesFrom: Offset = .max
        /// As the registry has it.
        var topicID: TopicID?
        /// `index.interval.bytes`
        var indexInterval = TopicSettings().indexIntervalBytes
        /// The first readable offset, nil where nobody says.
        var logStart: Offset?
        /// The leader epochs beside the log have all of them: a new one gets there with the checkpoint after it.
        var hasAllEpochs = false
        /// The highest leader epoch that was ever given out to a batch of Penstock's own.
        var highestEpoch = Int32.max
    }

    /// What cannot be read is left out: verifying finds it.
    init(_ root: String?, disk: Disk) {
        isKnown = root != nil
        isOurs = root.map { Self.isOurs($0, disk) } ?? false
        isStopped = root.flatMap { try? disk.exists("\($0)/\(DataDirectory.cleanMarker)") } ?? false
        guard let root else { return }
        cleaned = (try? OffsetCheckpoint.read(.cleaner, in: root, disk: disk))?.offsets ?? OffsetCheckpoint()
        starts = (try? OffsetCheckpoint.read(.logStart, in: root, disk: disk))?.offsets ?? OffsetCheckpoint()
        registry = Self.registry(of: root, disk)
    }

    /// The topics that must be there, by name: those of the registry and Penstock's own; none in a directory of Kafka's.
    var topics: [(name: String, partitions: Int32)] {
        guard isOurs else { return [] }
        let own = [DataDirectory.registryTopic, DataDirectory.positionsTopic].map { (name: $0, partitions: Int32(1)) }
        let others = registry.map { Array($0.topics.values) } ?? []
        return (own + others.map { (name: $0.name, partitions: $0.partitions) }).sorted { $0.name < $1.name }
    }

    func rules(for files: PartitionFiles) -> Rules {
        var rules = Rules()
        guard isKnown, let (topic, index) = files.partition else { return rules }
        rules.hasAllEpochs = isStopped
        rules.logStart = max(starts[topic, index] ?? 0, files.segments.first?.base ?? 0)
        rules.mayHaveHoles = cleaned[topic, index] != nil || topic.hasPrefix("__")
        guard let registry else { return rules }
        rules.exactIndexesFrom = 0
        rules.highestEpoch = registry.leaderEpoch ?? .max
        guard let (id, entry) = registry.topics.first(where: { $0.value.name == topic }) else { return rules }
        rules.topicID = id
        if let settings = try? TopicSettings(entry.configuration) { rules.indexInterval = settings.indexIntervalBytes }
        if entry.configuration["cleanup.policy"]?.contains("compact") == true { rules.mayHaveHoles = true }
        if entry.isAdopted {
            rules.exactIndexesFrom = entry.adoptedEnds.indices.contains(Int(index)) ? entry.adoptedEnds[Int(index)] : 0
        }
        return rules
    }

    private static func isOurs(_ root: String, _ disk: Disk) -> Bool {
        guard let bytes = try? disk.readFile("\(root)/\(MetaProperties.fileName)", limit: 65_536) else { return false }
        return (try? MetaProperties(text: String(decoding: bytes, as: UTF8.self)))?.format != nil
    }

    /// nil in a directory of Kafka's.
    private static func registry(of root: String, _ disk: Disk) -> Registry? {
        let directory = "\(root)/\(DataDirectory.registryTopic)-0"
        guard let files = try? PartitionFiles(in: directory, disk: disk) else { return nil }
        var registry = Registry()
        for segment in files.segments {
            guard let file = try? disk.open(segment.stem + ".log", .read), let size = try? file.status().size else {
                continue
            }
            var scanner = BatchScanner(file, to: size, checksCRC: true)
            while case .batch(let batch)? = try? scanner.next() {
                guard let bytes = try? file.readBytes(at: batch.position, count: batch.size),
                    let records = try? RecordBatch.decode(bytes.rawSpan, limit: 128 << 20).1
                else { continue }
                for record in records {
                    guard let key = record.key, let change = try? Registry.Change(key: key, value: record.value)
                    else { continue }
                    registry.apply(change)
                }
            }
        }
        return registry
    }
}
