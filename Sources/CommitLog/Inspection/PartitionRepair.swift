import Glibc
import Platform
import Records

/// Repairs one partition's directory: first the segments, then what stands beside them.
struct PartitionRepair {
    private(set) var files: PartitionFiles
    let rules: LogSurroundings.Rules
    private let root: String
    let options: LogRepair.Options
    let disk: Disk
    let tell: (LogRepair.Action) -> Void
    private let leave: (LogFinding) -> Void
    private let tally: VerificationTally
    private let name: String
    /// Where the log goes on.
    private var next: Offset?
    private var isMarkedUnclean = false
    /// Something would be done to segments.
    private var hasPlans = false
    /// Once somebody has asked.
    private var aborted: [Offset: [AbortedTransaction]]?

    init(
        _ files: PartitionFiles, rules: LogSurroundings.Rules, root: String, options: LogRepair.Options, disk: Disk,
        tally: VerificationTally, leave: @escaping (LogFinding) -> Void, tell: @escaping (LogRepair.Action) -> Void
    ) {
        self.files = files
        self.rules = rules
        self.root = root
        self.options = options
        self.disk = disk
        self.tally = tally
        self.leave = leave
        self.tell = tell
        name = files.directory.split(separator: "/").last.map(String.init) ?? "log"
    }

    mutating func run() throws(DiskError) {
        if let stranger = files.noFiles.first(where: { $0.kind == .log }) {
            throw DiskError(operation: "read what should be a segment's file,", path: stranger.path, code: ENOTSUP)
        }
        if let large = files.segments.first(where: { $0.bytes > InspectedFile.sizeLimit }) {
            throw DiskError(
                operation: "read what is too large for a segment's file,", path: large.stem + ".log", code: EFBIG)
        }
        try giveNamesBack()
        for (place, segment) in files.segments.enumerated() {
            let following = files.segments[(place + 1)...].first { $0.bytes > 0 }?.base
            var plan = try SegmentPlan(
                segment, next: next, following: following, holesBelow: files.segments.last?.base ?? 0, rules: rules,
                disk: disk)
            if !plan.isWhole {
                hasPlans = options.isDry
                try carryOut(&plan, segment)
            }
            next = plan.next
        }
        try repairBesides()
    }

    /// Segments get the names that their batches say. Their indexes keep those that they have: others are made.
    private mutating func giveNamesBack() throws(DiskError) {
        for segment in try MisnamedSegment.inOrder(files.misnamed) {
            if !options.isDry {
                try markUnclean(losing: false)
                try segment.rename(disk)
            }
            tell(
                LogRepair.Action(
                    path: segment.path, reason: "its first batch is at offset \(segment.right)",
                    outcome: "renamed to \(segment.rightPath)"))
            hasPlans = options.isDry
        }
        if !options.isDry, !files.misnamed.isEmpty { files = try PartitionFiles(in: files.directory, disk: disk) }
    }

    /// The offset of the first record that is taken out gives the copy its name.
    private mutating func carryOut(_ plan: inout SegmentPlan, _ segment: PartitionFiles.Segment) throws(DiskError) {
        let path = segment.stem + ".log"
        if !options.isDry { try markUnclean(losing: plan.changes.contains { !$0.offsets.isEmpty }) }
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
    mutating func markUnclean(losing isLoss: Bool) throws(DiskError) {
        if isLoss, name == "\(DataDirectory.positionsTopic)-0" {
            let reason = "\(files.directory) was repaired: a part of it is gone\n"
            try disk.replaceFile("\(root)/\(DataDirectory.positionsMark)", with: Array(reason.utf8))
            try disk.syncDirectory(root)
        }
        guard !isMarkedUnclean else { return }
        try disk.removeIfThere("\(root)/\(DataDirectory.cleanMarker)")
        try disk.syncDirectory(root)
        isMarkedUnclean = true
    }

    /// Copies a part of a file, durably, beside the copies that are there. Its name is none that an opening gives, which
    /// would remove it some day.
    func keep(_ path: String, _ range: Range<Int64>, _ suffix: String) throws(DiskError) -> String {
        let directory = "\(root)/\(Recovery.copies)"
        if !(try disk.exists(directory)) {
            try disk.makeDirectory(directory, syncing: root)
        }
        let there = Set(try disk.list(directory))
        var copyName = "\(name).repair.\(suffix)"
        var number = 2
        while there.contains(copyName) {
            copyName = "\(name).repair.\(number).\(suffix)"
            number += 1
        }
        let copy = try disk.open("\(directory)/\(copyName)", .createNew)
        _ = try Recovery.copy(path, range, to: copy, at: 0, disk)
        try copy.syncWhole()
        try disk.syncDirectory(directory)
        return "\(directory)/\(copyName)"
    }

    // MARK: - What stands beside the segments

    /// Makes again whatever disagrees with the batches.
    private mutating func repairBesides() throws(DiskError) {
        // In a dry run the segments are as they were.
        var now = try PartitionFiles(in: files.directory, disk: disk)
        if !options.isDry, !now.misnamed.isEmpty {
            // What came first in one of them went.
            files = now
            try giveNamesBack()
            now = files
        }
        let wrong = try mendEpochs(findings(now), now)
        var done: Set<String> = []
        for (finding, file) in wrong.told {
            if let file, !now.noFiles.contains(file), Self.isMade(file.kind), !file.isSetAside {
                guard done.insert(file.path).inserted else { continue }
                try repair(file, finding, now)
            } else if !isPlanned(file) {
                leave(finding)
            }
        }
        if !options.isDry, !done.isEmpty { try disk.syncDirectory(files.directory) }
    }

    /// Whether what is wrong with a kind of files is mended by making them again or taking them away.
    private static func isMade(_ kind: InspectedFile.Kind) -> Bool {
        switch kind {
        case .index, .timeindex, .txnindex, .leaderEpochs, .snapshot: true
        case .log, .checkpoint, .metadata, .properties, .text: false
        }
    }

    /// Whether what is wrong with a file would be right if this run were not dry.
    private func isPlanned(_ file: InspectedFile?) -> Bool { hasPlans && file?.isSegment == true }

    struct Findings {
        /// What is wrong, and with which file: of each file the first.
        var told: [(finding: LogFinding, file: InspectedFile?)]
        /// Whether any is about leader epochs, also of those that are not told.
        var areOfEpochs: Bool
    }

    func findings(_ now: PartitionFiles) -> Findings {
        let found = Lock<[LogFinding]>([])
        let findings = LogFindings(perFile: options.verification.findingsPerFile) { finding in
            found.withLock { $0.append(finding) }
        }
        var check = PartitionCheck(
            now, rules: rules, options: options.verification, disk: disk, findings: findings,
            tally: tally)
        check.run()
        findings.finish()
        return Findings(
            told: found.withLock { $0 }.map { ($0, InspectedFile($0.path)) }, areOfEpochs: findings.areOfEpochs)
    }

    private mutating func repair(_ file: InspectedFile, _ finding: LogFinding, _ now: PartitionFiles) throws(DiskError)
    {
        let size = try disk.exists(file.path) ? try disk.status(file.path).size : 0
        guard size <= InspectedFile.sizeLimit else {
            throw DiskError(
                operation: "keep what is too large for a file beside a segment,", path: file.path, code: EFBIG)
        }
        let segment = now.segments.first { file.path.hasPrefix($0.stem + ".") }
        switch (file.kind, segment) {
        case (.index, let segment?), (.timeindex, let segment?):
            try replace(file, finding.reason) { () throws(DiskError) in try indexBytes(file, segment) }
        case (.txnindex, let segment?):
            if !options.isDry && aborted == nil { aborted = try abortedTransactions(now) }
            let bytes = TransactionIndex.encode(aborted?[segment.base] ?? [])
            try replace(file, finding.reason) { bytes }
        case (.leaderEpochs, _): try replace(file, finding.reason) { () throws(DiskError) in try epochBytes(now) }
        case (.index, nil), (.timeindex, nil), (.txnindex, nil), (.snapshot, _): try setAside(file, finding.reason)
        case (.log, _), (.checkpoint, _), (.metadata, _), (.properties, _), (.text, _): return
        }
    }

    /// Removes a file of which a copy was kept.
    private func setAside(_ file: InspectedFile, _ reason: String) throws(DiskError) {
        let bytes = 0..<(try disk.status(file.path).size)
        var copy: String?
        if !options.isDry {
            copy = try keepWhole(file)
            try disk.removeIfThere(file.path)
        }
        tell(LogRepair.Action(path: file.path, bytes: bytes, reason: reason, copy: copy))
    }

    /// Puts another file in the place of one, if that is there, of which a copy was kept; none in the place of no bytes.
    private func replace(
        _ file: InspectedFile, _ reason: String, with bytes: () throws(DiskError) -> [UInt8]
    ) throws(DiskError) {
        var copy: String?
        if !options.isDry {
            let bytes = try bytes()
            if try disk.exists(file.path) { copy = try keepWhole(file) }
            // Without aborted transactions there is no index of them.
            if bytes.isEmpty, file.kind == .txnindex {
                try disk.removeIfThere(file.path)
            } else {
                try disk.replaceFile(file.path, with: bytes)
            }
        }
        tell(LogRepair.Action(path: file.path, reason: reason, copy: copy))
    }

    private func keepWhole(_ file: InspectedFile) throws(DiskError) -> String {
        let size = try disk.status(file.path).size
        return try keep(file.path, 0..<size, String(file.path.split(separator: "/").last ?? ""))
    }

    // MARK: - What the batches say

    private func indexBytes(_ file: InspectedFile, _ segment: PartitionFiles.Segment) throws(DiskError) -> [UInt8] {
        var builder = IndexBuilder(base: segment.base, interval: rules.indexInterval)
        try forEachBatch(in: segment) { builder.take($0) }
        builder.finish()
        return file.kind == .index ? OffsetIndex.encode(builder.offsets) : TimeIndex.encode(builder.times)
    }

    /// By segment. A transaction may have begun in any segment before the one that it ends in, so all are walked, once.
    private func abortedTransactions(_ now: PartitionFiles) throws(DiskError) -> [Offset: [AbortedTransaction]] {
        var aborted: [Offset: [AbortedTransaction]] = [:]
        let limit = options.verification.producers
        var producers = PartitionCheck.firstProducers(of: now, limit: limit, disk) ?? ProducerTable(limit: limit)
        for segment in now.segments {
            try forEachBatch(in: segment) { batch in
                let ended = batch.header.flatMap { producers.record($0, batch.marker) }
                if let range = ended?.aborted { aborted[segment.base, default: []].append(range) }
            }
        }
        return aborted
    }

    private func epochBytes(_ now: PartitionFiles) throws(DiskError) -> [UInt8] {
        var epochs = LeaderEpochs()
        for segment in now.segments {
            try forEachBatch(in: segment) { batch in
                if let header = batch.header { _ = epochs.note(header.partitionLeaderEpoch, at: header.baseOffset) }
            }
        }
        return Array(epochs.text.utf8)
    }

    func forEachBatch(
        in segment: PartitionFiles.Segment, _ body: (ScannedBatch) -> Void
    ) throws(DiskError) {
        let log = try disk.open(segment.stem + ".log", .read)
        var scanner = BatchScanner(log, to: segment.bytes, checksCRC: false)
        while case .batch(let batch) = try scanner.next() { body(batch) }
    }
}
