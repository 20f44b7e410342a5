/// One thing that happens to a data directory.
enum HistoryStep: CustomStringConvertible {
    case create(topic: String, partitions: Int, configuration: [String: String] = [:])
    case delete(topic: String)
    /// - Parameter producer: a client's, nil for none.
    case append(topic: String, partition: Int, values: [String], producer: Int64? = nil)
    /// A client sends its last batch again.
    case again(topic: String, partition: Int, producer: Int64)
    case round(pipeline: String, parts: [Part])
    case sync
    /// A pass, and an append of a client while it is at its file of this number.
    case syncAround(file: Int, topic: String, partition: Int, values: [String])
    case checkpoint
    case retention
    /// - Parameter before: nil is everything.
    case deleteRecords(topic: String, partition: Int, before: Int64?)
    /// A compaction of a partition, due or not; without a topic of the partition that needs it most.
    case clean(topic: String? = nil, partition: Int = 0)
    case configure(topic: String, configuration: [String: String])
    case addPartitions(topic: String, count: Int)

    /// A round's batches in one partition.
    struct Part {
        var topic: String
        var partition: Int
        var batches: [[String]]
    }

    var description: String {
        switch self {
        case .create(let topic, let partitions, let configuration):
            "create \(topic) \(partitions) \(Self.text(configuration))"
        case .delete(let topic): "delete \(topic)"
        case .append(let topic, let partition, let values, let producer):
            "append \(values[0]) … to \(topic)-\(partition)\(producer.map { " by \($0)" } ?? "")"
        case .again(let topic, let partition, let producer):
            "\(producer) sends its last batch to \(topic)-\(partition) again"
        case .round(let pipeline, let parts):
            "round of \(pipeline) to \(parts.map { "\($0.topic)-\($0.partition)" }.joined(separator: " "))"
        case .sync: "sync"
        case .syncAround(let file, let topic, let partition, let values):
            "sync, and at its file \(file) append \(values[0]) … to \(topic)-\(partition)"
        case .checkpoint: "checkpoint"
        case .retention: "retention"
        case .deleteRecords(let topic, let partition, let before):
            "delete records of \(topic)-\(partition) before \(before.map { "\($0)" } ?? "the end")"
        case .clean(let topic, let partition): topic.map { "compact \($0)-\(partition)" } ?? "compact what is due"
        case .configure(let topic, let configuration): "configure \(topic): \(Self.text(configuration))"
        case .addPartitions(let topic, let count): "give \(topic) \(count) partitions"
        }
    }

    private static func text(_ configuration: [String: String]) -> String {
        configuration.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}
