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
    /// Logs of segments that the disk did not give to an opening.
    private(set) var setAside: [InspectedFile] = []
    /// Index files without a log.
    private(set) var orphans: [InspectedFile] = []
    /// Whether this is all of a partition that someone works with, so that closed segments must have their indexes.
    private(set) var isWhole = false

    var bytes: Int64 { segments.reduce(0) { $0 + $1.bytes } }
    var partition: (topic: String, index: Int32)? { InspectedFile("\(directory)/0.log")?.partition }

    init(in directory: String, disk: Disk) throws(DiskError) {
        self.directory = directory
        try take(disk.list(directory).compactMap { InspectedFile("\(directory)/\($0)") }, disk)
        isWhole = texts.contains { $0.kind == .metadata }
    }

    /// A segment with its indexes, whichever of these files was named; else that one file.
    init(around file: InspectedFile, disk: Disk) throws(DiskError) {
        directory = InspectedPlace.parent(file.path)
        guard let offset = file.offset, file.kind != .snapshot else {
            try take([file], disk)
            return
        }
        let all = try disk.list(directory).compactMap { InspectedFile("\(directory)/\($0)") }
        try take(all.filter { $0.kind != .snapshot && $0.offset == offset }, disk)
    }

    private mutating func take(_ files: [InspectedFile], _ disk: Disk) throws(DiskError) {
        setAside = files.filter { $0.isSetAside && $0.kind == .log }
        let files = files.filter { !$0.isSetAside && !$0.isLeftover }
        var besides: [Offset: Set<String>] = [:]
        var bases: Set<Offset> = []
        for file in files {
            switch file.kind {
            case .log: if let base = file.offset { bases.insert(base) }
            case .index, .timeindex, .txnindex:
                besides[file.offset ?? -1, default: []].insert("." + file.kind.rawValue)
            case .snapshot: if let offset = file.offset { snapshots.append(offset) }
            case .leaderEpochs, .metadata: texts.append(file)
            case .checkpoint, .properties, .text: texts.append(file)
            }
        }
        snapshots.sort()
        for base in bases.sorted() {
            let stem = CommitLog.Segment.stem(directory, base)
            segments.append(
                Segment(
                    stem: stem, base: base, bytes: try disk.status(stem + ".log").size, suffixes: besides[base] ?? []))
        }
        orphans = files.filter { file in
            switch file.kind {
            case .index, .timeindex, .txnindex: !bases.contains(file.offset ?? -1)
            case .log, .snapshot, .leaderEpochs, .metadata, .checkpoint, .properties, .text: false
            }
        }
    }
}

extension InspectedFile {
    /// A file that a deletion or a compaction has left, and the next opening takes away.
    var isLeftover: Bool { [".deleted", ".cleaned", ".swap"].contains { path.hasSuffix($0) } }

    /// An opening took it out of its log; an empty batch has its offsets.
    var isSetAside: Bool { path.hasSuffix(UnreadableSegment.suffix) }
}
