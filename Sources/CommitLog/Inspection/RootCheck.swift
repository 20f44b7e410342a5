import Records

/// Checks what stands in the root of a data directory, once its partitions were looked at, and that these are all there.
struct RootCheck {
    private let place: InspectedPlace
    private let root: String
    private let options: LogVerification.Options
    private let disk: Disk
    private let findings: LogFindings
    /// Knows where the logs end.
    private let tally: VerificationTally

    init(
        _ place: InspectedPlace, root: String, options: LogVerification.Options, disk: Disk, findings: LogFindings,
        tally: VerificationTally
    ) {
        self.place = place
        self.root = root
        self.options = options
        self.disk = disk
        self.findings = findings
        self.tally = tally
    }

    func run(_ surroundings: LogSurroundings) {
        checkPartitions(surroundings)
        if case .dataDirectory = place { checkFiles() }
    }

    /// Partitions that must be there and are not.
    private func checkPartitions(_ surroundings: LogSurroundings) {
        guard let names = (try? InspectedPlace.partitions(in: root, disk)).map({ Set($0) }) else { return }
        for topic in surroundings.topics where isMeant(topic.name) {
            var missing = 0
            var index: Int32 = 0
            // A record may say any number.
            while index < topic.partitions, missing < options.findingsPerFile {
                let name = "\(topic.name)-\(index)"
                index += 1
                if names.contains(name) { continue }
                missing += 1
                findings.add(
                    "\(root)/\(name)", nil,
                    """
                    there should be a partition, and it is not there; put it back from a copy, for the next start makes one \
                    without records
                    """)
            }
        }
    }

    private func isMeant(_ topic: String) -> Bool {
        switch place {
        case .dataDirectory: true
        case .topic(let name, _): name == topic
        case .file, .partition: false
        }
    }

    /// The files in the root of a data directory, and whether its checkpoints lie within the logs.
    private func checkFiles() {
        guard let names = try? disk.list(root).sorted() else { return }
        if names.contains(DataDirectory.positionsMark) {
            findings.add(
                "\(root)/\(DataDirectory.positionsMark)", nil,
                "nobody knows how far the pipelines had read; `penstock log repair --positions` says how to go on")
        }
        if names.contains(DataDirectory.failureMarker) {
            findings.add(
                "\(root)/\(DataDirectory.failureMarker)", nil,
                "a sync failed; the next start of Penstock writes what it was for again")
        }
        let partitions = Set((try? InspectedPlace.partitions(in: root, disk)) ?? [])
        for name in names where !Self.isKnown(name) && !partitions.contains(name) { tally.skip("\(root)/\(name)") }
        for file in names.compactMap({ InspectedFile("\(root)/\($0)") }) where !file.isOfSegments {
            TextCheck(file, disk: disk, findings: findings).run { checkpoint in
                for (key, offset) in checkpoint.offsets.sorted(by: { $0.key < $1.key }) {
                    // The entry of a deleted topic goes when its name is given out again.
                    guard let end = tally.end(of: "\(key.topic)-\(key.partition)"), offset > end else { continue }
                    findings.add(
                        file.path, nil,
                        "offset \(offset) of \(key.topic)-\(key.partition), whose log ends at \(end)")
                }
            }
        }
    }

    /// Names in the root of a data directory that are looked at, or about which there is nothing to say.
    private static func isKnown(_ name: String) -> Bool {
        if [".lock", Reserve.fileName, DataDirectory.controlSocketName].contains(name) { return true }
        return InspectedFile(name).map { !$0.isOfSegments } ?? false
    }
}
