import Records

/// What exists in a data directory: the content of `__penstock_topics-0`, one record for each change, the newest of a key
/// counts. Every record is synced before it is acted on.
///
/// Integers are big-endian, strings a u16 length and UTF-8; values begin with a version:
/// ```
/// topic, key:           i16 kind = 0, u64, u64 topic id
/// topic, value:         i8 version = 1, string name, i32 partitions, i8 flags (1 internal, 2 adopted),
///                       i32 count, count × (string name, string value),
///                       i32 count, count × i64 offset up to which an adopted partition was when it was adopted
///                       null: the topic is deleted, and so is whatever still has its id
/// pipeline, key:        i16 kind = 1, string name
/// pipeline, value:      i8 version = 1, i64 producer id, i16 epoch
/// producer ids, key:    i16 kind = 2
/// producer ids, value:  i8 version = 1, i64 first id that was never handed to clients: 2^40 and a thousand for
///                       each offset up to this record's
/// leader epoch, key:    i16 kind = 3
/// leader epoch, value:  i8 version = 1, i32 epoch
/// ```
struct Registry: Equatable {
    struct TopicEntry: Hashable {
        var name: String
        var partitions: Int32
        var configuration: [String: String]
        var isInternal = false
        var isAdopted = false
        /// By partition: what stood there when it was adopted needs no commit record.
        var adoptedEnds: [Offset] = []
    }

    private(set) var topics: [TopicID: TopicEntry] = [:]
    /// The topics that were deleted, by the names that they had; empty where the record that said the name is gone.
    private(set) var deleted: [TopicID: String] = [:]
    private(set) var pipelines: [String: PipelineProducer] = [:]
    private(set) var nextProducerID: Int64 = 0
    private(set) var leaderEpoch: Int32?

    /// By name.
    var sortedTopics: [(key: TopicID, value: TopicEntry)] { topics.sorted { $0.value.name < $1.value.name } }

    /// The first producer id that no pipeline has.
    var nextPipelineID: Int64 {
        pipelines.values.reduce(PipelineProducer.firstReserved) { max($0, $1.id + 1) }
    }

    enum Change: Hashable {
        case topic(TopicID, TopicEntry)
        case topicDeleted(TopicID)
        case pipeline(String, PipelineProducer)
        case producerIDs(next: Int64)
        case leaderEpoch(Int32)
    }

    mutating func apply(_ change: Change) {
        switch change {
        case .topic(let id, let entry):
            // A name is taken anew only after its deletion, whose record may have found no room.
            for (other, old) in topics where old.name == entry.name && other != id { apply(.topicDeleted(other)) }
            topics[id] = entry
        case .topicDeleted(let id):
            deleted[id] = topics.removeValue(forKey: id)?.name ?? deleted[id] ?? ""
        case .pipeline(let name, let producer): pipelines[name] = producer
        case .producerIDs(let next): nextProducerID = max(nextProducerID, next)
        case .leaderEpoch(let epoch): leaderEpoch = max(leaderEpoch ?? 0, epoch)
        }
    }
}

extension Registry.Change {
    private static let version: Int8 = 1

    func encode() -> (key: [UInt8], value: [UInt8]?) {
        var key = ByteWriter()
        var value = ByteWriter()
        value.write(Self.version)
        switch self {
        case .topic(let id, let entry):
            key.write(Int16(0))
            key.write(id.high)
            key.write(id.low)
            entry.encode(into: &value)
        case .topicDeleted(let id):
            key.write(Int16(0))
            key.write(id.high)
            key.write(id.low)
            return (key.bytes, nil)
        case .pipeline(let name, let producer):
            key.write(Int16(1))
            key.writeShort(name)
            value.write(producer.id)
            value.write(producer.epoch)
        case .producerIDs(let next):
            key.write(Int16(2))
            value.write(next)
        case .leaderEpoch(let epoch):
            key.write(Int16(3))
            value.write(epoch)
        }
        return (key.bytes, value.bytes)
    }

    init(key: [UInt8], value: [UInt8]?) throws(RecordError) {
        var key = ByteReader(key)
        let kind: Int16 = try key.read()
        guard let value else {
            guard kind == 0 else { throw .corrupt("registry record of kind \(kind) without value") }
            self = .topicDeleted(TopicID(high: try key.read(), low: try key.read()))
            return
        }
        var reader = ByteReader(value)
        let version: Int8 = try reader.read()
        guard version == Self.version else { throw .corrupt("registry record of version \(version)") }
        switch kind {
        case 0:
            let id = TopicID(high: try key.read(), low: try key.read())
            self = .topic(id, try Registry.TopicEntry(decoding: &reader))
        case 1:
            let name = try key.readShortString()
            self = .pipeline(name, PipelineProducer(id: try reader.read(), epoch: try reader.read()))
        case 2: self = .producerIDs(next: try reader.read())
        case 3: self = .leaderEpoch(try reader.read())
        default: throw .corrupt("registry record of kind \(kind)")
        }
    }
}

extension Registry.TopicEntry {
    private static let internalFlag: Int8 = 1
    private static let adoptedFlag: Int8 = 2

    fileprivate func encode(into writer: inout ByteWriter) {
        writer.writeShort(name)
        writer.write(partitions)
        writer.write((isInternal ? Self.internalFlag : 0) | (isAdopted ? Self.adoptedFlag : 0))
        writer.write(Int32(configuration.count))
        for (name, value) in configuration.sorted(by: { $0.key < $1.key }) {
            writer.writeShort(name)
            writer.writeShort(value)
        }
        writer.write(Int32(adoptedEnds.count))
        for end in adoptedEnds { writer.write(end) }
    }

    fileprivate init(decoding reader: inout ByteReader) throws(RecordError) {
        name = try reader.readShortString()
        partitions = try reader.read()
        let flags: Int8 = try reader.read()
        isAdopted = flags & Self.adoptedFlag != 0
        // Older versions called each adopted topic internal whose name begins with `__`.
        isInternal = flags & Self.internalFlag != 0 && (!isAdopted || Topic.isReserved(name))
        configuration = [:]
        let settings: Int32 = try reader.read()
        // Each becomes a directory of that name.
        if let objection = Topic.objection(to: name) { throw .corrupt("a topic's name: \(objection)") }
        guard 0...DataDirectory.partitionLimit ~= Int(partitions), settings >= 0 else {
            throw .corrupt("a topic with \(partitions) partitions and \(settings) settings")
        }
        for _ in 0..<settings {
            let name = try reader.readShortString()
            configuration[name] = try reader.readShortString()
        }
        let ends: Int32 = try reader.read()
        guard ends >= 0 else { throw .corrupt("\(ends) adopted partitions") }
        for _ in 0..<ends { adoptedEnds.append(try reader.read()) }
    }
}
