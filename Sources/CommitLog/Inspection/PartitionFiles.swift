import Glibc
import Records

/// The files of one partition directory that a tool looks at, all of them or those of one segment.
struct PartitionFiles: Sendable {
    struct Segment: Sendable {
        let stem: String
        let base: Offset
        let bytes: Int64
        /// Of the files beside the `.log`.
        let suffixes: Set<String>
    }

    let directory: String
    /// In order of base offset.
    private(set) var segments: [Segment] = []
    /// Offsets of the producer snapshots, ascending.
    private(set) var snapshots: [Offset] = []
    /// `leader-epoch-checkpoint` and `partition.metadata`.
    private(set) var texts: [InspectedFile] = []
    /// Segments that are called otherwise than their batches say, by which ``segments`` has them then.
    private(set) var misnamed: [MisnamedSegment] = []
    /// Logs of segments that an opening took out: the disk did not give them, or they were called by another's name.
    private(set) var setAside: [InspectedFile] = []
    /// Index files without a log.
    private(set) var orphans: [InspectedFile] = []
    /// What is called like a file of a log and is none: a directory, a pipe.
    private(set) var noFiles: [InspectedFile] = []
    /// What nobody looks at: leftovers, and names that mean nothing here.
    private(set) var skipped: [String] = []
    /// Whether these are all files of the directory.
    private(set) var isDirectory = false
    /// Whether there is a `partition.metadata`, as someone's who works with all of it.
    var hasMetadata: Bool { texts.contains { $0.kind == .metadata } }
    /// Whether there is nothing at all to look at.
    var isNothing: Bool {
        segments.isEmpty && snapshots.isEmpty && texts.isEmpty && setAside.isEmpty && orphans.isEmpty && noFiles.isEmpty
    }

    var bytes: Int64 { segments.reduce(0) { $0 + $1.bytes } }
    var partition: (topic: String, index: Int32)? { InspectedFile("\(directory)/0.log")?.partition }

    init(in directory: String, disk: Disk) throws(DiskError) {
        self.directory = directory
        isDirectory = true
        let names = try disk.list(directory).sorted()
        skipped = names.filter { InspectedFile($0) == nil }.map { "\(directory)/\($0)" }
        try take(names.compactMap { InspectedFile("\(directory)/\($0)") }, disk)
    }

    /// A segment with its indexes, whichever of these files was named; else that one file.
    init(around file: InspectedFile, disk: Disk) throws(DiskError) {
        directory = InspectedPlace.parent(file.path)
        guard let offset = file.offset, file.kind != .snapshot, !file.isLeftover, !file.isSetAside else {
            try take([file], disk)
            return
        }
        let all = try disk.list(directory).compactMap { InspectedFile("\(directory)/\($0)") }
        try take(all.filter { $0.kind != .snapshot && $0.offset == offset }, disk)
    }

    private mutating func take(_ files: [InspectedFile], _ disk: Disk) throws(DiskError) {
        setAside = files.filter { $0.isSetAside && $0.kind == .log }
        var bases: [Offset: Int64] = [:]
        var indexes: [InspectedFile] = []
        for file in files where !file.isSetAside {
            guard let status = try status(of: file, disk) else {
                skipped.append(file.path)
                continue
            }
            guard status.kind == .file else {
                noFiles.append(file)
                continue
            }
            switch file.kind {
            case .log: bases[file.offset ?? 0] = status.size
            case .index, .timeindex, .txnindex: indexes.append(file)
            case .snapshot: snapshots.append(file.offset ?? 0)
            case .leaderEpochs, .metadata, .checkpoint, .properties, .text: texts.append(file)
            }
        }
        snapshots.sort()
        let besides = Dictionary(grouping: indexes) { $0.offset ?? 0 }
        for (base, size) in bases.sorted(by: { $0.key < $1.key }) {
            let suffixes = besides[base, default: []].map { "." + $0.kind.rawValue }
            segments.append(
                Segment(
                    stem: CommitLog.Segment.stem(directory, base), base: base, bytes: size, suffixes: Set(suffixes)))
        }
        orphans = indexes.filter { bases[$0.offset ?? 0] == nil }
        correctNames(disk)
    }

    /// Goes by what is in segments, not by what they are called, where these disagree.
    private mutating func correctNames(_ disk: Disk) {
        guard isDirectory else { return }
        misnamed = MisnamedSegment.all(of: segments, disk)
        let right = Dictionary(misnamed.map { ($0.said, $0.right) }) { first, _ in first }
        segments = segments.map { segment in
            Segment(
                stem: segment.stem, base: right[segment.base] ?? segment.base, bytes: segment.bytes,
                suffixes: segment.suffixes)
        }
        // An empty one may have taken the name meanwhile.
        segments.removeAll { $0.bytes == 0 && right.values.contains($0.base) }
        segments.sort { $0.base < $1.base }
    }

    /// nil for what is not looked at: a leftover, a stranger's file, and one that was removed meanwhile.
    private func status(of file: InspectedFile, _ disk: Disk) throws(DiskError) -> FileStatus? {
        guard !file.isLeftover, file.offset != nil || !file.isOfSegments else { return nil }
        do throws(DiskError) { return try disk.status(file.path) } catch {
            guard error.isMissing || error.code == ELOOP else { throw error }
            return nil
        }
    }
}

extension InspectedFile {
    /// A file that a deletion or a compaction has left, and the next opening takes away.
    var isLeftover: Bool { ending.map(SwapCompletion.endings.contains) ?? false }

    /// An opening took it out of its log: the disk did not give it, and an empty batch has its offsets; or it was called by
    /// the name of another segment.
    var isSetAside: Bool { ending == UnreadableSegment.suffix || isMisnamed }
    var isMisnamed: Bool { ending == ScannedSegment.misnamedSuffix }

    /// Why, and what can be done about it.
    func setAsideReason(_ disk: Disk) -> String {
        guard isMisnamed else {
            return """
                an opening set it aside, since the disk did not give it: its offsets hold nothing in the log; if the disk gives it \
                again, stop Penstock and take the ending \(UnreadableSegment.suffix) off the names of its files; else remove them
                """
        }
        let why = "an opening set it aside, since its first batch is not where its name said"
        guard let file = try? disk.open(path, .read), let size = try? file.status().size else { return why }
        var scanner = BatchScanner(file, to: size, checksCRC: false)
        guard case .batch(let batch)? = try? scanner.next() else { return why }
        let name = "\(CommitLog.Segment.stem("", batch.baseOffset).dropFirst()).log"
        return """
            \(why); stop Penstock and call it \(name) in the partition that it belongs to (an empty one of that name may go), or \
            remove it
            """
    }

    /// One that is called by an offset.
    var isOfSegments: Bool {
        switch kind {
        case .log, .index, .timeindex, .txnindex, .snapshot: true
        case .checkpoint, .leaderEpochs, .metadata, .properties, .text: false
        }
    }
}
