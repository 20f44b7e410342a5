package import Records

/// Makes the directories of a stopped log whole again: takes out what cannot be read, bridges the offsets that are gone,
/// and makes again what only repeats what the batches say.
///
/// What is taken out is copied to `penstock-cut` first, durably.
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
        /// Where a copy of what went is.
        package var copy: String?

        package var description: String {
            var parts: [String] = []
            if let bytes, !bytes.isEmpty {
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
    private let tell: (Action) -> Void

    package init(
        _ place: InspectedPlace, _ options: Options = Options(), disk: Disk = .real,
        tell: @escaping (Action) -> Void
    ) {
        self.place = place
        self.options = options
        self.disk = disk
        self.tell = tell
    }

    /// Repairs everything, holding the lock of the data directory.
    /// - Returns: how many things were done.
    package func run() throws(StorageError) -> Int {
        let root = place.dataDirectory(disk: disk)
        let lock = try root.map { (root) throws(StorageError) in try Self.claim(root, disk) }
        defer { lock?.close() }
        let surroundings = LogSurroundings(root, disk: disk)
        var count = 0
        for directory in try directories() {
            count += try storing("repair \(directory)") { () throws(DiskError) in
                let files = try PartitionFiles(in: directory, disk: disk)
                var repair = PartitionRepair(
                    files, rules: surroundings.rules(for: files), root: root, options: options, disk: disk, tell: tell)
                try repair.run()
                return repair.count
            }
        }
        return count
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
                try InspectedPlace.partitions(in: path, disk).map { "\(path)/\($0)" }
            }
        }
    }

    /// Takes the lock; a directory of Kafka's is its broker's to repair.
    private static func claim(_ root: String, _ disk: Disk) throws(StorageError) -> any DiskFile {
        let lock = try Opening.lock(root, disk, "repair \(root)")
        let bytes = try storing("repair \(root)") { () throws(DiskError) in
            try disk.readFile("\(root)/\(MetaProperties.fileName)", limit: 1 << 20) ?? []
        }
        guard let meta = try? MetaProperties(text: String(decoding: bytes, as: UTF8.self)), meta.format == nil else {
            return lock
        }
        lock.close()
        throw StorageError("repair \(root)", .foreign(clusterID: meta.clusterID))
    }
}
