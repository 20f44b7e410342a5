import Glibc

/// What the tools were pointed at. Nothing is opened for it, and nobody is locked out.
package enum InspectedPlace: Hashable, Sendable {
    case file(InspectedFile)
    /// A directory of segments.
    case partition(String)
    /// A data directory, Penstock's or a Kafka broker's.
    case dataDirectory(String)
    /// Partition directories of one topic.
    case topic(String, directories: [String])

    /// What a path is. The place has its absolute path: what lies around it is not to be seen in `.`, nor in a link's name.
    package static func at(_ path: String, disk: Disk = .real) throws(StorageError) -> InspectedPlace {
        let place = try storing("look at \(path)") { () throws(DiskError) -> InspectedPlace? in
            let path = try disk.resolve(path)
            guard try disk.status(path).kind == .directory else { return InspectedFile(path).map { .file($0) } }
            let names = try disk.list(path)
            let isPartition = names.contains {
                $0 == PartitionPlace.metadataName || InspectedFile($0)?.isSegment == true
            }
            return isPartition ? .partition(path) : .dataDirectory(path)
        }
        guard let place else {
            throw StorageError(
                "look at \(path)",
                .damaged(
                    "it is no file of a log; expected a name such as 00000000000000000000.log, "
                        + "leader-epoch-checkpoint or meta.properties, or a directory"))
        }
        return place
    }

    /// The partitions of a topic, or one such as `web-3`.
    /// - Returns: nil if the data directory has none of that name.
    package static func topic(
        _ name: String, in dataDirectory: String, disk: Disk = .real
    ) throws(StorageError) -> InspectedPlace? {
        let (root, names) = try storing("look for \(name) in \(dataDirectory)") { () throws(DiskError) in
            let root = try disk.resolve(dataDirectory)
            return (root, try partitions(in: root, disk))
        }
        let found = names.filter { $0 == name || PartitionPlace.parse($0)?.topic == name }
        return found.isEmpty ? nil : .topic(name, directories: found.map { "\(root)/\($0)" })
    }

    /// The names of a data directory's partition directories, in order of topic and number.
    static func partitions(in dataDirectory: String, _ disk: Disk) throws(DiskError) -> [String] {
        var found: [(topic: String, index: Int32)] = []
        for name in try disk.list(dataDirectory) {
            guard let place = PartitionPlace.parse(name), try isDirectory("\(dataDirectory)/\(name)", disk) else {
                continue
            }
            found.append(place)
        }
        return found.sorted { ($0.topic, $0.index) < ($1.topic, $1.index) }.map { "\($0.topic)-\($0.index)" }
    }

    private static func isDirectory(_ path: String, _ disk: Disk) throws(DiskError) -> Bool {
        do throws(DiskError) { return try disk.status(path).kind == .directory } catch {
            // A link to nothing, or in a circle.
            guard error.isMissing || error.code == ELOOP else { throw error }
            return false
        }
    }

    /// The data directory that a partition's directory lies in.
    static func parent(_ directory: String) -> String {
        guard let slash = directory.lastIndex(of: "/") else { return "." }
        return slash == directory.startIndex ? "/" : String(directory[..<slash])
    }

    /// For whoever is told about it.
    var path: String {
        switch self {
        case .file(let file): file.path
        case .partition(let path), .dataDirectory(let path): path
        case .topic(let name, let directories): directories.first ?? name
        }
    }

    /// The data directory that this is or lies in, if it looks like one.
    package func dataDirectory(disk: Disk = .real) -> String? {
        let candidate: String
        switch self {
        case .dataDirectory(let path): return path
        case .partition(let path): candidate = Self.parent(path)
        case .topic(_, let directories): candidate = directories.first.map(Self.parent) ?? "."
        case .file(let file):
            let directory = Self.parent(file.path)
            candidate = file.partition == nil ? directory : Self.parent(directory)
        }
        return (try? disk.exists("\(candidate)/\(MetaProperties.fileName)")) == true ? candidate : nil
    }
}
