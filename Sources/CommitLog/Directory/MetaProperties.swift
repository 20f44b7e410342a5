import Records

/// `meta.properties`: whose data directory this is, in Kafka's form, and the format of what is ours.
/// ```
/// version=1
/// cluster.id=22 characters
/// node.id=1
/// directory.id=22 characters
/// penstock.format=1
/// ```
struct MetaProperties: Hashable {
    static let fileName = "meta.properties"
    /// Raised when an older Penstock could not read what this one writes.
    static let knownFormat = 1

    var clusterID: String
    var directoryID: String
    var nodeID = 1
    /// nil in a directory that a Kafka broker wrote.
    var format: Int?

    static func fresh(_ disk: Disk) -> MetaProperties {
        MetaProperties(
            clusterID: TopicID.random(disk).description, directoryID: TopicID.random(disk).description,
            format: knownFormat)
    }

    var text: String {
        var text = "version=1\ncluster.id=\(clusterID)\nnode.id=\(nodeID)\ndirectory.id=\(directoryID)\n"
        if let format { text += "penstock.format=\(format)\n" }
        return text
    }

    init(clusterID: String, directoryID: String, format: Int?) {
        self.clusterID = clusterID
        self.directoryID = directoryID
        self.format = format
    }

    /// Reads the simple form of Java's properties that Kafka writes: `name=value` lines and `#` comments.
    /// - Throws: a sentence that says what is missing.
    init(text: String) throws(RecordError) {
        var values: [Substring: Substring] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") {
            guard let equals = line.firstIndex(of: "=") else { continue }
            values[line[..<equals]] = line[line.index(after: equals)...]
        }
        guard let cluster = values["cluster.id"], !cluster.isEmpty else { throw .corrupt("it has no cluster.id") }
        clusterID = String(cluster)
        directoryID = values["directory.id"].map(String.init) ?? TopicID.random().description
        nodeID = values["node.id"].flatMap { Int($0) } ?? values["broker.id"].flatMap { Int($0) } ?? 1
        guard let format = values["penstock.format"] else { return }
        guard let number = Int(format), number > 0 else { throw .corrupt("penstock.format is '\(format)'") }
        self.format = number
    }
}

extension TopicID {
    /// A fresh id: never one of Kafka's reserved ones, nor one that looks like a command line option.
    static func random(_ disk: Disk = .real) -> TopicID {
        while true {
            // Version 4, as Java's UUIDs are.
            let id = TopicID(
                high: disk.randomNumber() & ~0xf000 | 0x4000, low: disk.randomNumber() & ~(3 << 62) | 1 << 63)
            if !id.description.hasPrefix("-") { return id }
        }
    }
}
