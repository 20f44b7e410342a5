import Platform
import Records

/// Repairs one partition's directory: first the segments, then what stands beside them.
struct PartitionRepair {
    private let files: PartitionFiles
    private let rules: LogSurroundings.Rules
    private let root: String
    private let options: LogRepair.Options
    private let disk: Disk
    private let tell: (LogRepair.Action) -> Void
    private let name: String
    /// Where the log goes on.
    private var next: Offset?
    private var isMarkedUnclean = false

    init(
        _ files: PartitionFiles, rules: LogSurroundings.Rules, root: String, options: LogRepair.Options, disk: Disk,
        tell: @escaping (LogRepair.Action) -> Void
    ) {
        self.files = files
        self.rules = rules
        self.root = root
        self.options = options
        self.disk = disk
        self.tell = tell
        name = files.directory.split(separator: "/").last.map(String.init) ?? "log"
    }

    mutating func run() throws(DiskError) {
        for (place, segment) in files.segments.enumerated() {
            let following = files.segments[(place + 1)...].first { $0.bytes > 0 }?.base
            var plan = try SegmentPlan(segment, next: next, following: following, rules: rules, disk: disk)
            if !plan.isWhole { try carryOut(&plan, segment) }
            next = plan.next
        }
        try repairBesides()
    }

    /// The offset of the first record that is taken out gives the copy its name.
    private mutating func carryOut(_ plan: inout SegmentPlan, _ segment: PartitionFiles.Segment) throws(DiskError) {
        let path = segment.stem + ".log"
        if !options.isDry { try markUnclean(plan) }
        var actions: [LogRepair.Action] = []
        for change in plan.changes {
            var copy: String?
            if !change.removed.isEmpty, !options.isDry {
                copy = try keep(path, change.removed, "\(change.offsets.lowerBound).\(change.removed.count).log")
            }
            actions.append(
                LogRepair.Action(
                    path: path, bytes: change.removed, offsets: change.offsets, reason: change.reason, copy: copy))
        }
        if !options.isDry { try plan.apply(disk) }
        for action in actions { tell(action) }
    }

    /// The next opening must look closely; and if positions go, it must know.
    private mutating func markUnclean(_ plan: SegmentPlan) throws(DiskError) {
        if name == "\(DataDirectory.positionsTopic)-0", plan.changes.contains(where: { !$0.offsets.isEmpty }) {
            let reason = "\(files.directory) was repaired: a part of it is gone\n"
            try disk.replaceFile("\(root)/\(DataDirectory.positionsMark)", with: Array(reason.utf8))
            try disk.syncDirectory(root)
        }
        guard !isMarkedUnclean else { return }
        try disk.removeIfThere("\(root)/\(DataDirectory.cleanMarker)")
        try disk.syncDirectory(root)
        isMarkedUnclean = true
    }

    /// Copies a part of a file, durably.
    private func keep(_ path: String, _ range: Range<Int64>, _ suffix: String) throws(DiskError) -> String {
        let directory = "\(root)/\(Recovery.copies)"
        if !(try disk.exists(directory)) {
            try disk.makeDirectory(directory)
            try disk.syncDirectory(root)
        }
        let name = "\(directory)/\(name).\(suffix)"
        let copy = try disk.open(name, .create)
        try copy.truncate(to: 0)
        _ = try Recovery.copy(path, range, to: copy, at: 0, disk)
        try copy.syncWhole()
        try disk.syncDirectory(directory)
        return name
    }

    // MARK: - What stands beside the segments

    /// Makes again whatever disagrees with the batches.
    private func repairBesides() throws(DiskError) {
        // In a dry run the segments are as they were.
        let now = try PartitionFiles(in: files.directory, disk: disk)
        let wrong = findings(now).filter { $0.file != nil }
        var done: Set<String> = []
        for (finding, file) in wrong {
            guard let file, done.insert(file.path).inserted else { continue }
            try repair(file, finding, now)
        }
        if !options.isDry, !done.isEmpty { try disk.syncDirectory(files.directory) }
    }

    private func findings(_ now: PartitionFiles) -> [(finding: LogFinding, file: InspectedFile?)] {
        let found = Lock<[LogFinding]>([])
        let findings = LogFindings(perFile: 1) { finding in found.withLock { $0.append(finding) } }
        var check = PartitionCheck(
            now, rules: rules, options: options.verification, disk: disk, findings: findings,
            tally: VerificationTally { _, _ in })
        check.run()
        return found.withLock { $0 }.map { ($0, InspectedFile($0.path)) }
    }

    private func repair(_ file: InspectedFile, _ finding: LogFinding, _ now: PartitionFiles) throws(DiskError) {
        switch file.kind {
        case .index, .timeindex, .txnindex:
            guard let segment = now.segments.first(where: { $0.base == file.offset }) else {
                try setAside(file, finding.reason)
                return
            }
            try remake(file, of: segment, now)
        case .snapshot: return try setAside(file, finding.reason)
        case .leaderEpochs: try remakeEpochs(file, now)
        case .log, .checkpoint, .metadata, .properties, .text: return
        }
        tell(LogRepair.Action(path: file.path, reason: finding.reason))
    }

    /// Removes a file of which a copy was kept.
    private func setAside(_ file: InspectedFile, _ reason: String) throws(DiskError) {
        let bytes = 0..<(try disk.status(file.path).size)
        var copy: String?
        if !options.isDry {
            copy = try keep(file.path, bytes, String(file.path.split(separator: "/").last ?? ""))
            try disk.removeIfThere(file.path)
        }
        tell(LogRepair.Action(path: file.path, bytes: bytes, reason: reason, copy: copy))
    }

    private func remake(
        _ file: InspectedFile, of segment: PartitionFiles.Segment, _ now: PartitionFiles
    ) throws(DiskError) {
        guard !options.isDry else { return }
        var builder = IndexBuilder(base: segment.base, interval: rules.indexInterval)
        var aborted: [AbortedTransaction] = []
        var producers = ProducerTable(limit: options.verification.producers)
        // A transaction that ends here may have begun in any segment before.
        for one in now.segments where one.base <= segment.base {
            let log = try disk.open(one.stem + ".log", .read)
            var scanner = BatchScanner(log, to: one.bytes, checksCRC: false)
            while case .batch(let batch) = try scanner.next() {
                let ended = batch.header.flatMap { producers.record($0, batch.marker) }
                guard one.base == segment.base else { continue }
                builder.take(batch)
                if let range = ended?.aborted { aborted.append(range) }
            }
        }
        if file.kind == .txnindex {
            _ = try TransactionIndexFile.restore(aborted, stem: segment.stem, keepsSane: false, disk: disk)
            return
        }
        builder.finish()
        for index in try Segment.writeIndexes(builder, stem: segment.stem, disk: disk) { try index.syncWhole() }
    }

    private func remakeEpochs(_ file: InspectedFile, _ now: PartitionFiles) throws(DiskError) {
        guard !options.isDry else { return }
        var epochs = LeaderEpochs()
        for segment in now.segments {
            let log = try disk.open(segment.stem + ".log", .read)
            var scanner = BatchScanner(log, to: segment.bytes, checksCRC: false)
            while case .batch(let batch) = try scanner.next() {
                if let header = batch.header { _ = epochs.note(header.partitionLeaderEpoch, at: header.baseOffset) }
            }
        }
        try disk.replaceFile(file.path, with: Array(epochs.text.utf8))
    }
}
