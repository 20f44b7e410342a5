import CommitLog
import KafkaProtocol

/// The configuration of topics, by Kafka's names, with what Kafka 4.4 says of each.
enum TopicConfiguration {
    struct Entry {
        var name: String
        var kind: Kind
        var standard: String
        /// The broker configuration that Kafka falls back to; shown as a synonym.
        var synonym: String?

        init(_ name: String, _ kind: Kind, _ standard: String, _ synonym: String? = nil) {
            self.name = name
            self.kind = kind
            self.standard = standard
            self.synonym = synonym
        }
    }

    /// Kafka's numbers for kinds of values.
    enum Kind: Int8 { case boolean = 1, string = 2, int = 3, long = 5, double = 6, list = 7 }

    static let entries: [Entry] = [
        Entry("cleanup.policy", .list, "delete", "log.cleanup.policy"),
        Entry("compression.gzip.level", .int, "-1"),
        Entry("compression.lz4.level", .int, "9"),
        Entry("compression.type", .string, "producer"),
        Entry("compression.zstd.level", .int, "3"),
        Entry("delete.retention.ms", .long, "86400000", "log.cleaner.delete.retention.ms"),
        Entry("file.delete.delay.ms", .long, "60000", "log.segment.delete.delay.ms"),
        Entry("flush.messages", .long, "9223372036854775807", "log.flush.interval.messages"),
        Entry("flush.ms", .long, "9223372036854775807"),
        Entry("index.interval.bytes", .int, "4096", "log.index.interval.bytes"),
        Entry("max.compaction.lag.ms", .long, "9223372036854775807", "log.cleaner.max.compaction.lag.ms"),
        Entry("max.message.bytes", .int, "1048588", "message.max.bytes"),
        Entry("message.timestamp.after.max.ms", .long, "3600000", "log.message.timestamp.after.max.ms"),
        Entry(
            "message.timestamp.before.max.ms", .long, "9223372036854775807", "log.message.timestamp.before.max.ms"),
        Entry("message.timestamp.type", .string, "CreateTime", "log.message.timestamp.type"),
        Entry("min.cleanable.dirty.ratio", .double, "0.5", "log.cleaner.min.cleanable.ratio"),
        Entry("min.compaction.lag.ms", .long, "0", "log.cleaner.min.compaction.lag.ms"),
        Entry("min.insync.replicas", .int, "1"),
        Entry("preallocate", .boolean, "false", "log.preallocate"),
        Entry("retention.bytes", .long, "-1", "log.retention.bytes"),
        Entry("retention.ms", .long, "604800000"),
        Entry("segment.bytes", .int, "1073741824", "log.segment.bytes"),
        Entry("segment.index.bytes", .int, "10485760", "log.index.size.max.bytes"),
        Entry("segment.jitter.ms", .long, "0"),
        Entry("segment.ms", .long, "604800000"),
        Entry("unclean.leader.election.enable", .boolean, "false"),
    ]

    /// Narrower than what a log can work with, for those who make topics: tiny segments are a file and a descriptor for
    /// every few records (Kafka 4's least is the same), and a batch is held in memory as a whole.
    private static let bounds: [String: ClosedRange<Int64>] = [
        "segment.bytes": 1 << 20...Int64(Int32.max),
        "max.message.bytes": 0...100 << 20,
    ]

    /// Throws INVALID_CONFIG for a name that Kafka does not have, or a value that cannot be meant.
    static func check(_ configuration: [String: String]) throws(TopicFailure) {
        for (name, value) in configuration.sorted(by: { $0.key < $1.key }) {
            guard let entry = entries.first(where: { $0.name == name }) else {
                throw TopicFailure(code: .invalidConfig, message: "there is no topic configuration \(name)")
            }
            guard isPossible(value, entry) else {
                throw TopicFailure(
                    code: .invalidConfig,
                    message: "\(name): '\(value)' is no value of it; the default is \(entry.standard)")
            }
        }
        for (name, range) in bounds.sorted(by: { $0.key < $1.key }) {
            guard let text = configuration[name], let value = Int64(text), !range.contains(value) else { continue }
            throw TopicFailure(
                code: .invalidConfig,
                message: "\(name): \(value) is out of bounds, it is \(range.lowerBound) to \(range.upperBound)")
        }
        do throws(SettingError) { _ = try TopicSettings(configuration) } catch {
            throw TopicFailure(code: .invalidConfig, message: "\(error)")
        }
    }

    private static func isPossible(_ value: String, _ entry: Entry) -> Bool {
        switch entry.name {
        case "cleanup.policy":
            let policies = value.split(separator: ",").map { $0.drop { $0 == " " } }
            return !policies.isEmpty && policies.allSatisfy { $0 == "delete" || $0 == "compact" }
        case "compression.type":
            return ["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"].contains(value)
        case "message.timestamp.type": return ["CreateTime", "LogAppendTime"].contains(value)
        default: break
        }
        switch entry.kind {
        case .boolean: return value == "true" || value == "false"
        case .int: return Int32(value) != nil
        case .long: return Int64(value) != nil
        case .double: return Double(value).map { $0.isFinite } ?? false
        case .string, .list: return true
        }
    }

    /// As CreateTopics answers a new topic's configuration.
    static func created(_ configuration: [String: String]) -> [CreateTopicsResponse.Configs] {
        entries.map { entry in
            var answer = CreateTopicsResponse.Configs()
            answer.name = entry.name
            answer.value = configuration[entry.name] ?? entry.standard
            answer.configSource = source(of: entry, configuration).rawValue
            return answer
        }
    }

    /// Where a value comes from, in Kafka's numbers.
    enum Source: Int8 { case topic = 1, staticBroker = 4, standard = 5 }

    static func source(of entry: Entry, _ configuration: [String: String]) -> Source {
        configuration[entry.name] == nil ? .standard : .topic
    }
}
