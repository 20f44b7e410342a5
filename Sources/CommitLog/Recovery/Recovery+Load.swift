import Records

/// Reads partitions, many at once, and keeps those apart that cannot be read.
extension Recovery {
    /// A partition that is to be read.
    struct Candidate: Sendable {
        var place: PartitionPlace
        var rules: PartitionScan.Rules
    }

    private enum Loaded: Sendable {
        case read(PartitionScan, lost: [RecoveryReport.Damage])
        /// The directory belongs to another topic.
        case stranger(TopicID)
        case failed(DiskError)
    }

    func candidate(
        _ place: PartitionPlace, _ settings: Shared<TopicSettings>, adoptedEnd: Offset, isAdopted: Bool = false
    ) -> Candidate {
        var rules = PartitionScan.Rules(
            settings: settings, producersLimit: options.producersPerPartition, isStrict: isStrict,
            adoptedEnd: adoptedEnd)
        // What a directory that was copied in is called says nothing about it.
        if !isAdopted || isForeign { rules.recoveryPoint = recoveryPoints.offsets[place.topic, place.index] ?? 0 }
        rules.isAdopted = isAdopted
        if !isAdopted { rules.highestEpoch = highestEpoch }
        // A copy was never looked at.
        if isAdopted && !isForeign { rules.isStrict = true }
        rules.isLenient = !knowsRecoveryPoints
        return Candidate(place: place, rules: rules)
    }

    /// Reads partitions, making the directories that are missing.
    mutating func add(_ candidates: [Candidate]) throws(DiskError) {
        try makeMissing(candidates)
        let disk = disk
        let results = inParallel(candidates.count, threads: options.openingThreads) { number in
            Self.load(candidates[number], disk)
        }
        for (candidate, result) in zip(candidates, results) {
            var result = unreadable[candidate.place.name].map { .failed($0) } ?? result
            if case .stranger(let id) = result {
                try setAside(candidate.place.name, id, because: "it belongs to another topic of that name")
                try makeMissing([candidate])
                result = Self.load(candidate, disk)
            }
            switch result {
            case .read(let scan, let lost):
                tell(scan, lost)
                add(scan, candidate)
            case .stranger(let id): setOffline(candidate, "it belongs to the topic with the id \(id)")
            case .failed(let error):
                guard mayBeOffline(candidate.place, because: error) else { throw error }
                setOffline(candidate, "\(error)")
            }
        }
    }

    /// Makes the directories that are missing. If their names cannot be synced they go again: else the next opening would
    /// take them for durable.
    private func makeMissing(_ candidates: [Candidate]) throws(DiskError) {
        var made: [String] = []
        for path in candidates.map(\.place.path) where (try? disk.exists(path)) == false {
            // What stands in the way is met again when it is read.
            if (try? disk.makeDirectory(path)) != nil { made.append(path) }
        }
        guard !made.isEmpty else { return }
        do throws(DiskError) { try disk.syncDirectory(path) } catch {
            for path in made { try? disk.removeDirectory(path) }
            throw error
        }
    }

    /// Whether the rest can be served without a partition. Not without the registry; and what says nothing about the
    /// partition's files may fail for the next one as well, or have lost names of others.
    func mayBeOffline(_ place: PartitionPlace, because error: DiskError) -> Bool {
        place.name != registryPlace.name && !error.isOfTheProcess && error.path != path
    }

    mutating func tell(_ scan: PartitionScan, _ lost: [RecoveryReport.Damage]) {
        report.scannedBytes += scan.scannedBytes
        report.ignored += scan.setAside
        report.renamed += scan.renamed
        report.damage += lost
    }

    private mutating func add(_ scan: PartitionScan, _ candidate: Candidate) {
        let durable = max(candidate.rules.adoptedEnd, candidate.rules.recoveryPoint)
        found[Key(candidate.place)] = Found(
            place: candidate.place, rules: candidate.rules, scan: scan, known: durable, covered: durable)
    }

    private mutating func setOffline(_ candidate: Candidate, _ reason: String) {
        found[Key(candidate.place)] = nil
        offline[Key(candidate.place)] = Offline(place: candidate.place, rules: candidate.rules, reason: reason)
    }

    private static func load(_ candidate: Candidate, _ disk: Disk) -> Loaded {
        let place = candidate.place
        do throws(DiskError) {
            let id = try PartitionPlace.topicID(of: place.path, disk: disk)
            if let id, id != place.id { return .stranger(id) }
            if id == nil {
                try place.make()
                try disk.syncDirectory(place.path)
                try disk.syncDirectory(place.root)
            }
            var lost: [RecoveryReport.Damage] = []
            let scan = try scan(candidate, disk, &lost)
            return .read(scan, lost: lost)
        } catch {
            return .failed(error)
        }
    }

    /// Reads a partition, under the names that its segments should have. A segment that the disk does not give when it is
    /// asked twice is set aside, but for the last, of which nobody knows where it ends, and for those of our own topics:
    /// without a part of these nothing is to be built on the rest.
    static func scan(
        _ candidate: Candidate, _ disk: Disk, _ lost: inout [RecoveryReport.Damage]
    ) throws(DiskError) -> PartitionScan {
        let place = candidate.place
        let mayLose = ![DataDirectory.registryTopic, DataDirectory.positionsTopic].contains(place.topic)
        var failed: Set<Offset> = []
        var renamed: [String] = []
        var setAside: [String] = []
        while true {
            do throws(DiskError) {
                var scan = try PartitionScan(place.path, disk: disk, rules: candidate.rules)
                if candidate.rules.isStrict, scan.doubtsNames(candidate.rules) {
                    let given = try scan.giveNamesBack(disk)
                    let strangers = given.isEmpty ? try scan.setStrangersAside(disk) : []
                    renamed += given
                    setAside += strangers
                    if !given.isEmpty || !strangers.isEmpty { continue }
                }
                scan.renamed = renamed
                scan.setAside += setAside
                return scan
            } catch {
                guard mayLose, let base = UnreadableSegment.base(of: error, in: place.path) else { throw error }
                if failed.insert(base).inserted { continue }
                guard let offsets = try UnreadableSegment.setAside(base, in: place.path, disk: disk) else {
                    throw error
                }
                lost.append(
                    RecoveryReport.Damage(
                        partition: place.name, offsets: offsets, reason: "\(error)",
                        copy: Segment.stem(place.path, base) + ".log" + UnreadableSegment.suffix))
            }
        }
    }

    /// Does something to a partition; if the disk does not let us, the partition is served to nobody, and the others are.
    mutating func attempt(
        _ key: Key, _ body: (inout Recovery) throws(DiskError) -> Void
    ) throws(DiskError) {
        do throws(DiskError) { try body(&self) } catch {
            guard let partition = found[key], mayBeOffline(partition.place, because: error) else { throw error }
            setOffline(Candidate(place: partition.place, rules: partition.rules), "\(error)")
        }
    }

    /// Gives a directory another name, in Kafka's form for such.
    mutating func setAside(_ name: String, _ id: TopicID, because reason: String) throws(DiskError) {
        let stray = "\(name).\(id.hexadecimal)-stray"
        try disk.rename("\(path)/\(name)", "\(path)/\(stray)")
        try disk.syncDirectory(path)
        report.ignored.append("\(path)/\(name): \(reason); it was renamed to \(stray), and nothing in it was changed")
    }
}

extension Recovery.Key {
    init(_ place: PartitionPlace) { self.init(topic: place.id, partition: place.index) }
}
