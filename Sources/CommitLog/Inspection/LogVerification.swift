import Platform
import Records

/// Checks that the files of a log hold what they must, and changes nothing.
///
/// Memory is bounded by the options and by the number of partitions and producers, not by bytes.
package final class LogVerification: Sendable {
    package struct Options: Sendable {
        /// Decodes every record, too.
        package var isDeep = false
        /// Partitions that are read at the same time.
        package var threads = 1
        /// Findings of one file that are told; of the others only the number.
        package var findingsPerFile = 100
        /// Bytes of a batch that ``isDeep`` decodes, and of what its records may become.
        package var batchLimit = 128 << 20
        /// Producers whose batches are remembered while a partition is read.
        package var producers = 100_000

        package init() {}
    }

    /// What was looked at.
    package struct Summary: Hashable, Sendable {
        package var partitions = 0
        package var segments = 0
        /// Of segments.
        package var bytes: Int64 = 0
        package var batches = 0
        /// As the batches' heads say; a set of old messages counts as one.
        package var records: Int64 = 0
        package var findings = 0
        /// Names that mean nothing to a verification: copies of what was cut, leftovers, a stranger's files.
        package var skipped = 0
        /// The first of them.
        package var skippedFirst: [String] = []

        package init() {}
    }

    private let place: InspectedPlace
    private let options: Options
    private let disk: Disk
    private let findings: LogFindings
    private let tally: VerificationTally

    /// - Parameter report: called with each finding, one after the other, on any thread.
    /// - Parameter progress: called with the bytes of segments read so far and those in all, now and then.
    package init(
        _ place: InspectedPlace, _ options: Options = Options(), disk: Disk = .real,
        progress: @escaping @Sendable (_ done: Int64, _ total: Int64) -> Void = { _, _ in },
        report: @escaping @Sendable (LogFinding) -> Void
    ) {
        self.place = place
        self.options = options
        self.disk = disk
        findings = LogFindings(perFile: options.findingsPerFile, report: report)
        tally = VerificationTally(progress: progress)
    }

    /// Looks at everything.
    /// - Throws: if the place itself cannot be looked at, or nothing of a log is there; what cannot be read within it is a
    ///   finding.
    package func run() throws(StorageError) -> Summary {
        let root = place.dataDirectory(disk: disk)
        let surroundings = LogSurroundings(root, disk: disk)
        let jobs = try storing("verify \(root ?? "the log")") { () throws(DiskError) in try self.jobs() }
        try refuseNothing(jobs)
        tally.begin(bytes: jobs.reduce(0) { $0 + $1.bytes })
        work(jobs, surroundings)
        if let root {
            RootCheck(place, root: root, options: options, disk: disk, findings: findings, tally: tally).run(
                surroundings)
        }
        findings.finish()
        var summary = tally.summary
        summary.findings = findings.total
        return summary
    }

    /// "All is right" must not be said of what holds no log.
    private func refuseNothing(_ jobs: [PartitionFiles]) throws(StorageError) {
        if case .dataDirectory(let path) = place, (try? disk.exists("\(path)/\(MetaProperties.fileName)")) == true {
            return
        }
        guard jobs.allSatisfy(\.isNothing), findings.total == 0 else { return }
        throw StorageError(
            "verify \(place.path)",
            .damaged(
                """
                there is nothing to verify: expected a data directory, a partition's directory with segments, or one of their \
                files by its own name (copies of what was cut out can be dumped, not verified)
                """))
    }

    private func jobs() throws(DiskError) -> [PartitionFiles] {
        switch place {
        case .file(let file): return [try PartitionFiles(around: file, disk: disk)]
        case .partition(let path): return [try PartitionFiles(in: path, disk: disk)]
        case .topic(_, let directories): return try self.jobs(directories)
        case .dataDirectory(let path):
            return try jobs(InspectedPlace.partitions(in: path, disk).map { "\(path)/\($0)" })
        }
    }

    private func jobs(_ directories: [String]) throws(DiskError) -> [PartitionFiles] {
        var jobs: [PartitionFiles] = []
        for path in directories {
            do throws(DiskError) { jobs.append(try PartitionFiles(in: path, disk: disk)) } catch {
                findings.add(path, nil, "\(error)")
            }
        }
        // The largest first, so that no thread is left with it at the end.
        return jobs.sorted { $0.bytes > $1.bytes }
    }

    private func work(_ jobs: [PartitionFiles], _ surroundings: LogSurroundings) {
        let next = Lock(0)
        let body: @Sendable () -> Void = { [self] in
            while true {
                let place = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard place < jobs.count else { return }
                check(jobs[place], surroundings)
            }
        }
        let others = (1..<max(1, min(options.threads, jobs.count))).map { Thread(name: "verify-\($0)", body) }
        body()
        for thread in others { thread.join() }
    }

    private func check(_ files: PartitionFiles, _ surroundings: LogSurroundings) {
        var check = PartitionCheck(
            files, rules: surroundings.rules(for: files), options: options, disk: disk, findings: findings,
            tally: tally)
        check.run()
    }
}

/// What the threads of a verification have seen together.
final class VerificationTally: Sendable {
    private let progress: @Sendable (Int64, Int64) -> Void
    private let state = Lock(State())
    /// How many bytes go by between two calls of `progress`.
    static let step: Int64 = 16 << 20

    private struct State {
        var summary = LogVerification.Summary()
        var read: Int64 = 0
        var total: Int64 = 0
        /// Of partitions that could be read, by name.
        var ends: [String: Offset] = [:]
    }

    init(progress: @escaping @Sendable (Int64, Int64) -> Void) { self.progress = progress }

    var summary: LogVerification.Summary { state.withLock { $0.summary } }

    func end(of partition: String) -> Offset? { state.withLock { $0.ends[partition] } }

    /// Names that are told of those that were not looked at.
    private static let skippedTold = 10

    func skip(_ path: String) {
        state.withLock { state in
            state.summary.skipped += 1
            if state.summary.skippedFirst.count < Self.skippedTold { state.summary.skippedFirst.append(path) }
        }
    }

    func begin(bytes: Int64) { state.withLock { $0.total = bytes } }

    func read(bytes: Int64) {
        state.withLock { state in
            state.read += bytes
            progress(state.read, state.total)
        }
    }

    func finish(segmentOf bytes: Int64, batches: Int, records: Int64) {
        state.withLock { state in
            state.summary.segments += 1
            state.summary.bytes += bytes
            state.summary.batches += batches
            state.summary.records += records
        }
    }

    func finish(partition: String, end: Offset?) {
        state.withLock { state in
            state.summary.partitions += 1
            if let end { state.ends[partition] = end }
        }
    }
}
