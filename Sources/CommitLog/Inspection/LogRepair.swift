import Platform
package import Records

/// Makes the directories of a stopped log whole again: takes out what cannot be read, bridges the offsets that are gone,
/// and makes again what only repeats what the batches say.
///
/// What is taken out is copied to `penstock-cut` first, durably. What is wrong and cannot be made whole so is told.
package struct LogRepair {
    package struct Options: Sendable {
        /// Says what would be done, and does nothing.
        package var isDry = false
        package var verification = LogVerification.Options()

        package init() {}
    }

    /// One thing that was done, or would be.
    package struct Action: Hashable, Sendable, CustomStringConvertible {
        package var path: String
        /// Bytes of the file that went; nil if it was made anew.
        package var bytes: Range<Int64>?
        /// Offsets that hold nothing now.
        package var offsets: Range<Offset>?
        package var reason: String
        /// What became of the bytes, or of the file, if nothing was taken out or made again.
        package var outcome: String?
        /// Where a copy of what went is.
        package var copy: String?

        package var description: String {
            var parts = outcome.map { [$0] } ?? []
            if outcome == nil, let bytes, !bytes.isEmpty {
                parts.append("bytes \(bytes.lowerBound) to \(bytes.upperBound - 1) taken out")
            }
            if let offsets, !offsets.isEmpty {
                parts.append("an empty batch at offsets \(offsets.lowerBound) to \(offsets.upperBound - 1)")
            }
            if parts.isEmpty { parts.append("made again") }
            return "\(path): \(parts.joined(separator: ", ")) (\(reason))" + (copy.map { ", a copy is in \($0)" } ?? "")
        }
    }

    private let place: InspectedPlace
    private let options: Options
    private let disk: Disk
    private let leave: (LogFinding) -> Void
    private let tell: (Action) -> Void

    /// - Parameter leave: called with what is wrong and is not repaired, and what is to be done about it.
    package init(
        _ place: InspectedPlace, _ options: Options = Options(), disk: Disk = .real,
        leave: @escaping (LogFinding) -> Void = { _ in }, tell: @escaping (Action) -> Void
    ) {
        self.place = place
        self.options = options
        self.disk = disk
        self.leave = leave
        self.tell = tell
    }

    /// Repairs everything, holding the lock of the data directory. What is dry changes nothing, and takes no lock.
    /// - Throws: once everything else is done, the first of the partitions that could not be repaired.
    /// - Returns: how many things were done.
    package func run() throws(StorageError) -> Int {
        let root = try ownRoot()
        let disk = options.isDry ? disk.unchangeable : disk.confined(to: root)
        let lock = options.isDry ? nil : try Opening.lock(root, disk, "repair \(root)")
        defer { lock?.close() }
        let surroundings = LogSurroundings(root, disk: disk)
        let tally = VerificationTally { _, _ in }
        var count = 0
        var failure: StorageError?
        for directory in try directories() {
            do throws(DiskError) {
                let files = try PartitionFiles(in: directory, disk: disk)
                var repair = PartitionRepair(
                    files, rules: surroundings.rules(for: files), root: root, options: options, disk: disk,
                    tally: tally,
                    leave: { leave($0.withAdvice) },
                    tell: { action in
                        count += 1
                        tell(action)
                    })
                try repair.run()
            } catch {
                failure = failure ?? StorageError("repair \(directory)", error)
            }
        }
        tellOfRoot(root, surroundings, tally)
        if let failure { throw failure }
        return count
    }

    /// What is wrong around the partitions is left to the operator, or to the next start.
    private func tellOfRoot(_ root: String, _ surroundings: LogSurroundings, _ tally: VerificationTally) {
        let found = Lock<[LogFinding]>([])
        let findings = LogFindings(perFile: options.verification.findingsPerFile) { finding in
            found.withLock { $0.append(finding) }
        }
        RootCheck(
            place, root: root, options: options.verification, disk: disk, findings: findings, tally: tally
        ).run(surroundings)
        findings.finish()
        for finding in found.withLock({ $0 }) { leave(finding.withAdvice) }
    }

    /// The data directory of the place: without its lock nobody knows that nobody works there. One of Kafka's is its
    /// broker's to repair.
    private func ownRoot() throws(StorageError) -> String {
        let operation = "repair \(place.path)"
        let root = place.dataDirectory(disk: disk)
        let found = try storing(operation) { () throws(DiskError) in
            try root.flatMap { (root) throws(DiskError) in
                try disk.readFile("\(root)/\(MetaProperties.fileName)", limit: 65_536)
            }
        }
        guard let root, let found else {
            throw StorageError(
                operation,
                .damaged(
                    """
                    it is no data directory, nor does it lie in one (there is no \(MetaProperties.fileName)), so nobody \
                    knows whether a process works on it; name a data directory, or something in one, by its own path, and \
                    if the file is lost, put it back from a copy
                    """))
        }
        let meta = try Opening.meta(found, of: "\(root)/\(MetaProperties.fileName)", operation)
        guard meta.format != nil else { throw StorageError(operation, .foreign(clusterID: meta.clusterID)) }
        return root
    }

    private func directories() throws(StorageError) -> [String] {
        switch place {
        case .file(let file):
            throw StorageError(
                "repair \(file.path)", .damaged("expected a partition's directory, a data directory or a topic"))
        case .partition(let path): return [path]
        case .topic(_, let directories): return directories
        case .dataDirectory(let path):
            return try storing("repair \(path)") { () throws(DiskError) in
                // Kafka's own log of its cluster's metadata is nothing that Penstock writes.
                try InspectedPlace.partitions(in: path, disk).filter { $0 != "__cluster_metadata-0" }
                    .map { "\(path)/\($0)" }
            }
        }
    }
}
