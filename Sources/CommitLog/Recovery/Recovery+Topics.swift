import Records

/// Which directory belongs to which topic.
extension Recovery {
    /// Finds out what the directories are, and reads them all.
    mutating func readTopics() throws(DiskError) {
        var adoptable: [String: [Int32: TopicID?]] = [:]
        var known = Dictionary(registry.topics.values.map { ($0.name, $0.partitions) }) { $1 }
        for own in [registryPlace, positionsPlace] { known[own.topic] = 1 }
        var names = try disk.list(path)
        names.sort()
        for name in names where name != registryPlace.name && name != positionsPlace.name {
            guard let (topic, index) = PartitionPlace.parse(name) else {
                try lookAt(stateOf: name)
                continue
            }
            if topic == "__cluster_metadata" { continue }
            if let count = known[topic] {
                if index >= count { lookAt(surplus: name, count) }
                continue
            }
            do throws(DiskError) {
                if let id = try identify(unknown: name, of: topic) { adoptable[topic, default: [:]][index] = id }
            } catch {
                guard !error.isOfTheProcess else { throw error }
                report.ignored.append("\(path)/\(name), which no topic is known to have: \(error)")
            }
        }
        try addKnown()
        for (topic, partitions) in adoptable.sorted(by: { $0.key < $1.key }) { try adopt(topic, partitions) }
    }

    private mutating func addKnown() throws(DiskError) {
        var candidates: [Candidate] = []
        for (id, entry) in registry.sortedTopics {
            let settings = Shared(settings(of: entry))
            for index in 0..<entry.partitions {
                let place = PartitionPlace(root: path, topic: entry.name, id: id, index: index, disk: disk)
                let end = Int(index) < entry.adoptedEnds.count ? entry.adoptedEnds[Int(index)] : 0
                candidates.append(candidate(place, settings, adoptedEnd: end, isAdopted: end == .max))
            }
        }
        try add(candidates)
        for (id, entry) in registry.sortedTopics where entry.adoptedEnds.contains(.max) { try noteAdopted(id, entry) }
    }

    /// A directory of partition form that the registry has no topic for.
    /// - Returns: nil if there is nothing to adopt; else the topic id that it says, which may be none.
    private mutating func identify(unknown name: String, of topic: String) throws(DiskError) -> TopicID?? {
        let directory = "\(path)/\(name)"
        guard try disk.status(directory).kind == .directory else { return nil }
        let id = try PartitionPlace.topicID(of: directory, disk: disk)
        if let id, registry.deleted[id] == topic {
            // Its tombstone was synced before the first file was touched.
            try disk.removeTree(directory)
            return nil
        }
        let files = try disk.list(directory)
        if files.contains(where: { SwapCompletion.part($0, "")?.suffix == ".log" }) { return .some(id) }
        // Without an id it may be a stranger's that is only called like a partition; an empty one does no harm.
        return id == nil ? nil : .some(id)
    }

    /// A directory called as a partition that a topic does not have: copied in, or left empty when the topic should have
    /// got more.
    private mutating func lookAt(surplus name: String, _ count: Int32) {
        let directory = "\(path)/\(name)"
        let logs = ((try? disk.list(directory)) ?? []).filter { $0.hasSuffix(".log") }
        guard logs.contains(where: { ((try? disk.status("\(directory)/\($0)"))?.size ?? 1) > 0 }) else { return }
        let partitions = count == 1 ? "1 partition" : "\(count) partitions"
        report.ignored.append("\(directory), whose topic has \(partitions); nothing is done to it")
    }

    /// Somebody copied a partition. To serve both would mean to take one for the other.
    private mutating func ignoreCopy(_ name: String, of owner: String) {
        let metadata = "\(path)/\(name)/\(PartitionPlace.metadataName)"
        let topic = owner.isEmpty ? "a deleted topic" : "the topic \(owner)"
        report.ignored.append(
            """
            \(path)/\(name), which has the id of \(topic), as a copy has; nothing is done to it (remove \(metadata), and \
            the next start takes it over as a topic of its own)
            """)
    }

    /// The topic that an id belongs to, or did before it was deleted: then the name may be empty. nil if it is nobody's.
    private func owner(of id: TopicID) -> String? {
        if let place = [registryPlace, positionsPlace].first(where: { $0.id == id }) { return place.topic }
        return registry.topics[id]?.name ?? registry.deleted[id]
    }

    /// A directory that is called as Kafka calls partitions that are going, coming, or left over.
    private mutating func lookAt(stateOf name: String) throws(DiskError) {
        guard let dash = name.lastIndex(of: "-"), let dot = name.lastIndex(of: "."), dot < dash,
            let (topic, _) = PartitionPlace.parse(String(name[..<dot])),
            let id = TopicID(hexadecimal: name[name.index(after: dot)..<dash])
        else {
            if !Self.isKnown(name) {
                report.ignored.append("\(path)/\(name), which neither Penstock nor Kafka made; nothing is done to it")
            }
            return
        }
        let state = name[name.index(after: dash)...]
        guard state == "delete" else {
            if state == "stray" || state == "future" { report.ignored.append("\(path)/\(name), which nobody serves") }
            return
        }
        // Where the registry does not know the name any more, this form of it is ours all the same.
        guard let gone = registry.deleted[id], gone.isEmpty || gone == topic else {
            report.ignored.append("\(path)/\(name), which was deleted by somebody else; remove it if nobody needs it")
            return
        }
        do throws(DiskError) { try disk.removeTree("\(path)/\(name)") } catch {
            guard !error.isOfTheProcess else { throw error }
            report.ignored.append("\(path)/\(name), which cannot be removed: \(error)")
        }
    }

    private static func isKnown(_ name: String) -> Bool {
        let plain = name.hasSuffix(".tmp") ? String(name.dropLast(4)) : name
        // Hidden names are the file system's, or ours and Kafka's marks.
        return name.hasPrefix(".") || name.hasPrefix("penstock-") || name == "lost+found"
            || name == DataDirectory.controlSocketName || plain == MetaProperties.fileName
            || plain.hasSuffix("-offset-checkpoint")
    }

    // MARK: - Adoption

    /// Takes over partition directories that a Kafka broker wrote, or another Penstock: with their id, keeping everything
    /// until someone sets a retention.
    private mutating func adopt(_ topic: String, _ partitions: [Int32: TopicID?]) throws(DiskError) {
        let id = partitions.values.compactMap { $0 }.min { $0.description < $1.description } ?? TopicID.random(disk)
        let owners = partitions.compactMapValues { $0.flatMap { owner(of: $0) } }
        for (index, owner) in owners.sorted(by: { $0.key < $1.key }) { ignoreCopy("\(topic)-\(index)", of: owner) }
        guard owners.isEmpty else {
            for index in partitions.keys.sorted() where owners[index] == nil {
                report.ignored.append("\(path)/\(topic)-\(index), since another directory of \(topic) is a copy")
            }
            return
        }
        let count = (partitions.keys.max() ?? 0) + 1
        guard count <= DataDirectory.partitionLimit else {
            report.ignored.append(
                "\(path)/\(topic)-\(count - 1), whose number is beyond \(DataDirectory.partitionLimit)")
            return
        }
        let entry = Registry.TopicEntry(
            name: topic, partitions: count,
            configuration: ["retention.bytes": "-1", "retention.ms": "-1"], isInternal: Topic.isReserved(topic),
            isAdopted: true, adoptedEnds: Array(repeating: .max, count: Int(count)))
        let settings = Shared(settings(of: entry))
        try add(
            (0..<count).map { index in
                let place = PartitionPlace(root: path, topic: topic, id: id, index: index, disk: disk)
                return candidate(place, settings, adoptedEnd: .max, isAdopted: true)
            })
        try noteAdopted(id, entry)
        report.adopted.append(topic)
    }

    /// Notes where the partitions that are adopted end. One that cannot be read is adopted when it can.
    private mutating func noteAdopted(_ id: TopicID, _ adopted: Registry.TopicEntry) throws(DiskError) {
        var entry = adopted
        for index in entry.adoptedEnds.indices where entry.adoptedEnds[index] == .max {
            let key = Key(topic: id, partition: Int32(index))
            try attempt(key) { (recovery) throws(DiskError) in
                guard var partition = recovery.found[key] else { return }
                let end = try max(partition.rules.recoveryPoint, recovery.end(of: partition.scan, partition.rules))
                entry.adoptedEnds[index] = end
                partition.rules.adoptedEnd = end
                (partition.known, partition.covered) = (end, end)
                recovery.found[key] = partition
            }
        }
        guard entry != registry.topics[id] else { return }
        changes.append(.topic(id, entry))
        registry.apply(.topic(id, entry))
    }

    /// Where the last whole entry ends. What is bad before it rotted; what is bad behind it is a torn end.
    private func end(of scan: PartitionScan, _ rules: PartitionScan.Rules) throws(DiskError) -> Offset {
        var end = scan.logEnd
        guard let last = scan.segments.last else { return end }
        var behind = try BatchesBehind(damageIn: last, rules, disk: disk)
        while let next = try behind.next() { end = max(end, next.nextOffset) }
        return end
    }

    /// A topic whose settings cannot be read has neither retention nor compaction until it has settings.
    func settings(of entry: Registry.TopicEntry) -> TopicSettings {
        if let settings = try? TopicSettings(entry.configuration, defaults: options.topicDefaults) { return settings }
        var settings = options.topicDefaults
        settings.cleanupPolicy = []
        return settings
    }
}

extension TopicID {
    /// Reads what ``hexadecimal`` wrote; nil for anything else.
    init?(hexadecimal digits: Substring) {
        guard digits.utf8.count == 32, digits.first != "+", digits.first != "-",
            let high = UInt64(digits.prefix(16), radix: 16), let low = UInt64(digits.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }
}
