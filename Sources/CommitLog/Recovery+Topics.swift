import Records

extension Recovery {
    /// Finds out which directory belongs to which topic, and walks them all.
    mutating func readTopics() throws(DiskError) {
        var adoptable: [String: [Int32: TopicID?]] = [:]
        var names = try disk.list(path)
        names.sort()
        for name in names {
            if name.hasSuffix("-delete") {
                try disk.removeTree("\(path)/\(name)")
                continue
            }
            guard let (topic, index) = PartitionPlace.parse(name), topic != "__cluster_metadata",
                name != registryPlace.name, name != positionsPlace.name,
                try disk.status("\(path)/\(name)").kind == .directory
            else { continue }
            let id = try PartitionPlace.topicID(of: "\(path)/\(name)", disk: disk)
            if let id, registry.deleted.contains(id) {
                // Its tombstone was synced before the first file was touched.
                try disk.removeTree("\(path)/\(name)")
            } else if let known = registry.topics.first(where: { $0.value.name == topic }) {
                if let id, id != known.key { try setAside(name, id) }
            } else if id == nil, !(try disk.list("\(path)/\(name)").contains { $0.hasSuffix(".log") }) {
                // The last of a deletion, or of nothing.
                try disk.removeTree("\(path)/\(name)")
            } else {
                adoptable[topic, default: [:]][index] = id
            }
        }
        for (topic, partitions) in adoptable.sorted(by: { $0.key < $1.key }) { try adopt(topic, partitions) }
        for (id, entry) in registry.topics.sorted(by: { $0.value.name < $1.value.name }) {
            for index in 0..<entry.partitions {
                let place = PartitionPlace(root: path, topic: entry.name, id: id, index: index, disk: disk)
                let end = Int(index) < entry.adoptedEnds.count ? entry.adoptedEnds[Int(index)] : 0
                try add(place, settings(of: entry), adoptedEnd: end)
            }
        }
    }

    /// A directory of another topic of the same name, in Kafka's form for such.
    private mutating func setAside(_ name: String, _ id: TopicID) throws(DiskError) {
        try disk.rename("\(path)/\(name)", "\(path)/\(name).\(id.hexadecimal)-stray")
        try disk.syncDirectory(path)
        report.ignored.append("\(name), which belongs to another topic of that name (\(id))")
    }

    /// Takes over partition directories that a Kafka broker wrote, or another Penstock: with their id, keeping everything
    /// until someone sets a retention.
    private mutating func adopt(_ topic: String, _ partitions: [Int32: TopicID?]) throws(DiskError) {
        let id = partitions.values.compactMap { $0 }.min { $0.description < $1.description } ?? TopicID.random()
        let count = (partitions.keys.max() ?? 0) + 1
        guard count <= DataDirectory.partitionLimit else {
            report.ignored.append("\(topic)-\(count - 1), whose number is beyond \(DataDirectory.partitionLimit)")
            return
        }
        var entry = Registry.TopicEntry(
            name: topic, partitions: count,
            configuration: ["retention.bytes": "-1", "retention.ms": "-1"], isInternal: topic.hasPrefix("__"),
            isAdopted: true)
        for (index, found) in partitions {
            if let found, found != id { try setAside("\(topic)-\(index)", found) }
        }
        for index in 0..<count {
            let place = PartitionPlace(root: path, topic: topic, id: id, index: index, disk: disk)
            try place.make()
            let rules = PartitionScan.Rules(
                settings: settings(of: entry), producersLimit: 1, isStrict: isStrict, adoptedEnd: .max)
            entry.adoptedEnds.append(try PartitionScan(place.path, disk: disk, rules: rules).logEnd)
            try disk.syncDirectory(place.path)
        }
        try disk.syncDirectory(path)
        changes.append(.topic(id, entry))
        registry.apply(.topic(id, entry))
        report.adopted.append(topic)
    }

    /// A topic whose settings cannot be read has neither retention nor compaction until it has settings.
    func settings(of entry: Registry.TopicEntry) -> TopicSettings {
        if let settings = try? TopicSettings(entry.configuration, defaults: options.topicDefaults) { return settings }
        var settings = options.topicDefaults
        settings.cleanupPolicy = []
        return settings
    }

    /// Topics that the checkpoints name and that are not there.
    func leftovers() throws(DiskError) -> Set<String> {
        var names: Set<String> = []
        for name in OffsetCheckpoint.Name.allCases {
            names.formUnion(try OffsetCheckpoint.read(name, in: path, disk: disk).offsets.topics)
        }
        return names.subtracting(registry.topics.values.map(\.name))
    }

    // MARK: - Making topics of what was found

    func topic(_ place: PartitionPlace, _ files: FileCache, _ ledger: SyncLedger) throws(DiskError) -> Topic {
        Topic(
            name: place.topic, id: place.id, isInternal: true,
            Topic.State(
                partitions: [Partition(try parts(place, files, ledger))], configuration: [:], settings: TopicSettings())
        )
    }

    func topics(_ files: FileCache, _ ledger: SyncLedger) throws(DiskError) -> [Topic] {
        var topics: [Topic] = []
        for (id, entry) in registry.topics {
            var partitions: [Partition] = []
            for index in 0..<entry.partitions {
                let place = PartitionPlace(root: path, topic: entry.name, id: id, index: index, disk: disk)
                partitions.append(Partition(try parts(place, files, ledger)))
            }
            topics.append(
                Topic(
                    name: entry.name, id: id, isInternal: entry.isInternal,
                    Topic.State(
                        partitions: partitions, configuration: entry.configuration, settings: settings(of: entry))))
        }
        return topics
    }

    private func parts(_ place: PartitionPlace, _ files: FileCache, _ ledger: SyncLedger) throws(DiskError)
        -> Partition.Parts
    {
        guard let found = found[Key(topic: place.id, partition: place.index)] else {
            preconditionFailure("\(place.name) was not walked")
        }
        let settings = found.rules.settings
        guard let last = found.scan.segments.last else {
            return try place.fresh(
                settings: settings, files: files, ledger: ledger, leaderEpoch: leaderEpoch,
                producers: options.producersPerPartition)
        }
        try restoreTransactions(found)
        var segments: [Segment] = []
        for scanned in found.scan.segments.dropLast() {
            try restoreIndexes(scanned, found)
            segments.append(scanned.segment(in: place.path, isClosed: true, files))
        }
        segments.append(last.segment(in: place.path, isClosed: false, files))
        return Partition.Parts(
            topicName: place.topic, topicID: place.id, index: place.index, settings: settings,
            directory: place.path, files: files, ledger: ledger, leaderEpoch: leaderEpoch, segments: segments,
            logStart: logStarts[place.topic, place.index] ?? 0, producers: found.scan.producers,
            snapshots: found.scan.snapshots, epochs: found.scan.epochs,
            epochsChanged: try haveEpochsChanged(found), recoveryPoint: recoveryPoint(of: found),
            wasClean: !isStrict)
    }

    /// The checkpoint's, unless the log ends before it.
    private func recoveryPoint(of found: Found) -> Offset {
        min(recoveryPoints[found.place.topic, found.place.index] ?? 0, found.scan.logEnd)
    }

    /// A closed segment's indexes that are missing or wrong are written anew; sane ones that came with an adopted
    /// partition stay, since their maker may have had another interval.
    private func restoreIndexes(_ scanned: ScannedSegment, _ found: Found) throws(DiskError) {
        var builder = scanned.builder
        builder.finish()
        let offsets = try disk.readFile(scanned.stem + Segment.indexSuffix, limit: Int(Int32.max))
        let times = try disk.readFile(scanned.stem + Segment.timeIndexSuffix, limit: Int(Int32.max))
        if offsets == OffsetIndex.encode(builder.offsets), times == TimeIndex.encode(builder.times) { return }
        if let offsets, let times, scanned.areSane(offsets, times), scanned.nextOffset <= found.rules.adoptedEnd {
            return
        }
        for file in try Segment.writeIndexes(builder, stem: scanned.stem, disk: disk) { try file.syncWhole() }
        try disk.syncDirectory(found.scan.directory)
    }

    /// Transaction indexes that are missing or wrong are written anew; sane ones that came with an adopted partition stay.
    private func restoreTransactions(_ found: Found) throws(DiskError) {
        var isChanged = false
        for segment in found.scan.segments {
            let isRestored = try TransactionIndexFile.restore(
                segment.aborted, stem: segment.stem, keepsSane: segment.base < found.rules.adoptedEnd, disk: disk)
            isChanged = isChanged || isRestored
        }
        if isChanged { try disk.syncDirectory(found.scan.directory) }
    }

    private func haveEpochsChanged(_ found: Found) throws(DiskError) -> Bool {
        let text = found.scan.epochs.text
        if found.scan.epochs.entries.isEmpty { return false }
        return try disk.readFile("\(found.scan.directory)/\(LeaderEpochs.fileName)", limit: 1 << 20)
            != Array(text.utf8)
    }
}

extension ScannedSegment {
    func segment(in directory: String, isClosed: Bool, _ files: FileCache) -> Segment {
        if isClosed {
            return Segment(
                closed: base, in: directory, size: validSize, nextOffset: nextOffset, indexInterval: builder.interval,
                files: files)
        }
        return Segment(growing: builder, in: directory, size: validSize, nextOffset: nextOffset, files: files)
    }

    /// Whether indexes of unknown origin can be used.
    func areSane(_ offsets: [UInt8], _ times: [UInt8]) -> Bool {
        guard offsets.count % OffsetIndex.entrySize == 0, times.count % TimeIndex.entrySize == 0 else { return false }
        let count = nextOffset - base
        return OffsetIndex(bytes: MappedBytes(copying: offsets)).isSane(offsets: count, bytes: validSize)
            && TimeIndex(bytes: MappedBytes(copying: times)).isSane(offsets: count)
    }
}
