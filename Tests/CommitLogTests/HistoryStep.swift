/// One thing that happens to a data directory.
enum HistoryStep: CustomStringConvertible {
    case create(topic: String, partitions: Int, configuration: [String: String] = [:])
    case delete(topic: String)
    case append(topic: String, partition: Int, values: [String])
    case round(pipeline: String, parts: [Part])
    case sync
    /// A pass, and an append of a client while it is at its file of this number.
    case syncAround(file: Int, topic: String, partition: Int, values: [String])
    case retention

    /// A round's batches in one partition.
    struct Part {
        var topic: String
        var partition: Int
        var batches: [[String]]
    }

    var description: String {
        switch self {
        case .create(let topic, let partitions, let configuration): "create \(topic) \(partitions) \(configuration)"
        case .delete(let topic): "delete \(topic)"
        case .append(let topic, let partition, let values): "append \(values[0]) … to \(topic)-\(partition)"
        case .round(let pipeline, let parts):
            "round of \(pipeline) to \(parts.map { "\($0.topic)-\($0.partition)" }.joined(separator: " "))"
        case .sync: "sync"
        case .syncAround(let file, let topic, let partition, let values):
            "sync, and at its file \(file) append \(values[0]) … to \(topic)-\(partition)"
        case .retention: "retention"
        }
    }
}
