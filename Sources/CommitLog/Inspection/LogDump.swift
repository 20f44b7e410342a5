package import Records

/// Tells everything that stands in the files of a log, in the order in which it lies there, whatever state they are in.
///
/// Memory is bounded by ``Options/batchLimit``, not by the files. A place that does not say what it should is told as
/// `damage`, and telling goes on behind it where something can be read.
package struct LogDump {
    package struct Options: Sendable {
        /// The records of each batch, too.
        package var records = true
        /// Batches that end before this offset are left out, and index entries below it.
        package var from: Offset = 0
        /// What begins at or after this offset is left out.
        package var until: Offset = .max
        /// Bytes of a batch whose records are decoded, and of what they may become.
        package var batchLimit = 128 << 20

        package init() {}
    }

    let options: Options
    let disk: Disk
    /// Further fields of a record whose topic has records of a known form.
    let decode: (_ topic: String, Record) -> [InspectedField]?
    let emit: (InspectedItem) throws -> Void
    /// Places of damage that were told.
    package private(set) var damaged = 0

    /// - Parameter decode: for topics that this module does not know; nil if it cannot be decoded.
    /// - Parameter emit: what it throws ends the telling.
    package init(
        _ options: Options = Options(), disk: Disk = .real,
        decode: @escaping (_ topic: String, Record) -> [InspectedField]? = { _, _ in nil },
        emit: @escaping (InspectedItem) throws -> Void
    ) {
        self.options = options
        self.disk = disk
        self.decode = decode
        self.emit = emit
    }

    package mutating func tell(_ place: InspectedPlace) throws {
        switch place {
        case .file(let file): try tell(file)
        case .partition(let path): try tell(partition: path)
        case .topic(_, let directories): for path in directories { try tell(partition: path) }
        case .dataDirectory(let path):
            try refuseNothing(in: path)
            try tell(filesIn: path)
            for name in try InspectedPlace.partitions(in: path, disk) { try tell(partition: "\(path)/\(name)") }
        }
    }

    /// No output must not be said of what holds no log.
    private func refuseNothing(in path: String) throws {
        let directories = try [path] + InspectedPlace.partitions(in: path, disk).map { "\(path)/\($0)" }
        let isSomething = directories.contains { directory in
            // What cannot be listed is told.
            guard let names = try? disk.list(directory) else { return true }
            return names.contains { InspectedFile($0) != nil }
        }
        guard !isSomething else { return }
        throw StorageError(
            "dump \(path)",
            .damaged(
                """
                there is nothing to dump: expected a data directory, a partition's directory, one with copies of what was cut \
                out, or a file of a log
                """))
    }

    private mutating func tell(partition path: String) throws { try tell(filesIn: path) }

    private mutating func tell(filesIn directory: String) throws {
        let names: [String]
        do throws(DiskError) { names = try disk.list(directory) } catch {
            return try damage(directory, nil, "\(error)")
        }
        let files = names.compactMap { InspectedFile("\(directory)/\($0)") }
            .sorted(by: InspectedFile.order)
        let bases = files.filter { $0.kind == .log && !$0.isMisnamed }.compactMap(\.offset)
        for file in files where isWanted(file, bases) { try tell(file) }
    }

    /// Whether a file can hold what lies in the range that was asked for.
    private func isWanted(_ file: InspectedFile, _ bases: [Offset]) -> Bool {
        guard let base = file.offset, !file.isMisnamed else { return true }
        guard file.kind != .snapshot else { return base >= options.from && base <= options.until }
        let next = bases.first { $0 > base } ?? .max
        return base < options.until && next > options.from
    }

    private mutating func tell(_ file: InspectedFile) throws {
        do {
            let open = try disk.open(file.path, .read)
            let size = try open.status().size
            var fields = [
                InspectedField("path", file.path), InspectedField("type", file.kind.rawValue),
                InspectedField("bytes", size),
            ]
            if let offset = file.offset { fields.append(InspectedField("offset", offset)) }
            if file.isSetAside {
                let why = file.isMisnamed ? "its name was another's" : "the disk did not give it"
                fields.append(InspectedField("state", "set aside: \(why)"))
            }
            try emit(InspectedItem(.file, fields))
            let end = min(size, InspectedFile.sizeLimit)
            try tell(file, open, end)
            if end < size { try damage(file.path, end, InspectedFile.oversize(size)) }
        } catch let error as DiskError {
            try damage(file.path, nil, "\(error)")
        }
    }

    private mutating func tell(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        switch file.kind {
        case .log: try tellLog(file, open, size)
        case .index: try tellOffsets(file, open, size)
        case .timeindex: try tellTimes(file, open, size)
        case .txnindex: try tellAborted(file, open, size)
        case .snapshot: try tellSnapshot(file, open, size)
        case .checkpoint: try tellCheckpoint(file, open, size)
        case .leaderEpochs: try tellEpochs(file, open, size)
        case .metadata, .properties, .text: try tellProperties(file, open, size)
        }
    }

    /// - Parameter position: in bytes; nil if it is the whole file.
    mutating func damage(_ path: String, _ position: Int64?, _ reason: String) throws {
        damaged += 1
        var fields = [InspectedField("path", path)]
        if let position { fields.append(InspectedField("position", position)) }
        try emit(InspectedItem(.damage, fields + [InspectedField("reason", reason)]))
    }
}
