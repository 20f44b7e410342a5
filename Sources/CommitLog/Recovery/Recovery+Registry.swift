import Records

/// What exists. Without the registry nobody knows it, so what the disk does not give of it fails the opening.
extension Recovery {
    mutating func readRegistry() throws(DiskError) {
        let key = Key(registryPlace)
        highestEpoch = .max
        try add([candidate(registryPlace, Shared(OwnTopics.settings(registryPlace.topic)), adoptedEnd: 0)])
        if isStrict {
            try raiseRegistry(key)
            // Nothing is done before its registry record is synced, so a tear holds nothing that anyone relies on.
            _ = try repairDamage(key)
            try cutTears(key)
            // What the registry says is acted on from here on: directories of deleted topics go.
            try makeDurable(key)
        }
        var contents = try collectRegistry(key)
        if let reason = contents.damage {
            report.ignored.append("what cannot be read of the registry: \(reason)")
            try bridgeRot(key)
            contents = try collectRegistry(key)
        }
        leftovers.subtract(registry.topics.values.map(\.name))
        let gap = contents.damage == nil ? contents.gap : .max
        // Each is recorded before it is used.
        if gap == nil { highestEpoch = registry.leaderEpoch ?? .max }
        if let gap { distrustSettings(of: contents.newest.filter { $0.value < gap }.map(\.key)) }
    }

    private struct Contents {
        /// Where the newest record of each topic stands.
        var newest: [TopicID: Offset] = [:]
        /// Something that cannot be read any more stood here.
        var gap: Offset?
        /// What cannot be read.
        var damage: String?
    }

    private mutating func collectRegistry(_ key: Key) throws(DiskError) -> Contents {
        registry = Registry()
        var contents = Contents()
        contents.damage = try forEachBatch(key, from: 0) { header, records in
            if header.isBridge { contents.gap = header.baseOffset }
            for record in records {
                guard let key = record.key, let change = try? Registry.Change(key: key, value: record.value) else {
                    contents.gap = record.offset
                    report.ignored.append("a record of the registry at offset \(record.offset), which cannot be read")
                    continue
                }
                if case .topic(let id, _) = change { contents.newest[id] = record.offset }
                registry.apply(change)
            }
        }
        return contents
    }

    /// Notes how far the registry reached once, beyond what the checkpoint says.
    private mutating func raiseRegistry(_ key: Key) throws(DiskError) {
        guard var partition = found[key] else { return }
        var end = partition.scan.logEnd
        let point = partition.rules.recoveryPoint
        if end < point && point - end > Self.longestRegistry {
            // No registry was ever that long: it is the checkpoint that is wrong.
            partition.rules.recoveryPoint = 0
            partition.known = 0
            found[key] = partition
            report.ignored.append("the recovery point \(point) of the registry, whose log ends at \(end)")
        }
        // Each record is synced before the next is appended, so whatever a whole batch stands behind was durable.
        for segment in partition.scan.segments {
            var behind = try BatchesBehind(damageIn: segment, partition.rules, disk: disk)
            while let batch = try behind.next() {
                raise(key, known: batch.baseOffset)
                end = max(end, batch.nextOffset)
            }
        }
        // Nobody knows how far it went on behind the recovery point; no offset may come a second time.
        if end < partition.rules.recoveryPoint { raise(key, known: point + Self.lostRegistryRecords) }
    }

    /// More than the registry gets between two checkpoints: each record waits for a sync of its own.
    private static let lostRegistryRecords: Offset = 1 << 20
    /// Records; each waited for a sync of its own.
    private static let longestRegistry: Offset = 1 << 30

    /// A newer record of these topics may have been lost, and their older settings may delete what was to be kept: they
    /// keep everything until somebody says otherwise.
    private mutating func distrustSettings(of topics: [TopicID]) {
        for id in topics {
            guard var entry = registry.topics[id], !entry.isInternal else { continue }
            entry.configuration.merge(Self.keepsEverything) { $1 }
            registry.apply(.topic(id, entry))
            changes.append(.topic(id, entry))
            report.ignored.append(
                """
                the retention and compaction of the topic \(entry.name), since a part of the registry is gone that may have \
                changed them; it keeps everything until its settings are altered (penstock topics alter)
                """)
        }
    }

    private static let keepsEverything = ["cleanup.policy": "delete", "retention.bytes": "-1", "retention.ms": "-1"]
}

extension BatchHeader {
    /// An empty batch that took the place of damage. Those that compaction leaves have a leader epoch.
    var isBridge: Bool { recordsCount == 0 && partitionLeaderEpoch == -1 && !hasProducer }
}
