import Records

/// Where a partition lies, and what its directory says about it.
struct PartitionPlace: Sendable {
    let root: String
    let topic: String
    let id: TopicID
    let index: Int32
    let disk: Disk

    var name: String { "\(topic)-\(index)" }
    var path: String { "\(root)/\(name)" }
    static let metadataName = "partition.metadata"

    /// Makes the directory and its `partition.metadata`, unless they are there.
    func make() throws(DiskError) {
        if !(try disk.exists(path)) { try disk.makeDirectory(path) }
        // No newline at the end, as Kafka writes it.
        try disk.replaceFile("\(path)/\(Self.metadataName)", with: Array("version: 0\ntopic_id: \(id)".utf8))
    }

    /// The topic id that a partition directory says it belongs to, nil if it says none.
    static func topicID(of path: String, disk: Disk) throws(DiskError) -> TopicID? {
        try disk.readFile("\(path)/\(metadataName)", limit: 4096).flatMap { topicID(in: $0) }
    }

    /// The same, from the content of that file.
    static func topicID(in bytes: [UInt8]) -> TopicID? {
        let name = "topic_id: ".utf8
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: name) {
            return TopicID(text: String(decoding: line.dropFirst(name.count), as: UTF8.self))
        }
        return nil
    }

    /// The name of a partition directory, taken apart; nil for any other name.
    static func parse(_ name: String) -> (topic: String, index: Int32)? {
        guard let dash = name.lastIndex(of: "-"), dash != name.startIndex else { return nil }
        let digits = name[name.index(after: dash)...]
        guard !digits.isEmpty, digits.allSatisfy(\.isASCII), digits.allSatisfy(\.isNumber), let index = Int32(digits),
            String(index) == digits
        else { return nil }
        let topic = String(name[..<dash])
        return Topic.objection(to: topic) == nil ? (topic, index) : nil
    }

    /// A partition without records, whose directory is there.
    func fresh(
        settings: Shared<TopicSettings>, files: FileCache, ledger: SyncLedger, leaderEpoch: Int32, producers: Int
    ) throws(DiskError) -> Partition.Parts {
        // Opened again when it is first written to: ten thousand new partitions are not ten thousand open files.
        let directory = path
        settings.value.preallocate(try disk.open(Segment.stem(directory, 0) + ".log", .create))
        let segment = Segment(
            growing: IndexBuilder(base: 0, interval: settings.indexIntervalBytes), in: directory, size: 0,
            nextOffset: 0,
            files: files)
        return Partition.Parts(
            topicName: topic, topicID: id, index: index, settings: settings, directory: directory, files: files,
            ledger: ledger, leaderEpoch: leaderEpoch,
            segments: [segment],
            producers: ProducerTable(limit: producers), epochs: LeaderEpochs())
    }
}

extension Disk {
    /// Removes a directory and the files in it; content if it is gone already.
    func removeTree(_ path: String) throws(DiskError) {
        do throws(DiskError) {
            // What says whose the files are goes last: without it, what a crash left would look like a stranger's.
            let names = try list(path)
            for name in names where name != PartitionPlace.metadataName { try removeFile("\(path)/\(name)") }
            if names.contains(PartitionPlace.metadataName) { try removeFile("\(path)/\(PartitionPlace.metadataName)") }
            try removeDirectory(path)
        } catch {
            guard error.isMissing else { throw error }
        }
    }
}
