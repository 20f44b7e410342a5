import KafkaClient
import Records
import Settings

struct TopicsDescribeOptions: Options {
    var topics: [String] = []
    var json = false
    var log = LogChoice()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("json", &json, "Print one JSON array.")
        log.walk(&walker)
        walker.argument("topics", &topics, shown: "TOPIC", .required, "The topics' names.")
    }
}

extension Command {
    static let topicsDescribe = Command(
        "topics describe", TopicsDescribeOptions.self, summary: "Show the partitions and settings of topics.",
        about: """
            Shows a topic's id, the settings that differ from the broker's defaults, and for each partition its \
            leader, replicas, first offset, end offset and the number of offsets between them. (Compaction and \
            transactions take offsets of their own, so there may be fewer records.)
            """,
        examples: [("penstock topics describe web", "Show one topic.")]
    ) { options in
        try options.log.with { client in
            let described = try options.topics.map { try DescribedTopic(client, $0) }
            if options.json {
                Console.out.line(JSON.array(described.map(\.json)).text)
            } else {
                Console.out.line(described.map(\.text).joined(separator: "\n\n"))
            }
        }
        return ExitCode.done
    }
}

/// A topic with what has to be asked for separately.
private struct DescribedTopic {
    let topic: TopicView
    let settings: [(name: String, value: String)]
    let starts: [TopicPartition: Offset]
    let ends: [TopicPartition: Offset]

    init(_ client: KafkaClient, _ name: String) throws(ClientError) {
        topic = try client.topic(named: name)
        settings = try client.configuration(of: name)
        starts = try client.offsets(.start, of: topic.readablePartitions)
        ends = try client.offsets(.end, of: topic.readablePartitions)
    }

    /// nil without a leader, who alone could say.
    private func range(_ partition: TopicView.PartitionView) -> (start: Offset, end: Offset)? {
        let key = TopicPartition(topic.name, partition.index)
        guard let start = starts[key], let end = ends[key] else { return nil }
        return (start, end)
    }

    var text: String {
        var head = "\(topic.name): \(topic.partitions.count) partition\(topic.partitions.count == 1 ? "" : "s")"
        if topic.id != .zero { head += ", id \(topic.id)" }
        if topic.isInternal { head += ", internal" }
        var lines = [head] + settings.map { "  \($0.name) = \($0.value)" }
        var table = Table(
            ["PARTITION", "LEADER", "REPLICAS", "IN SYNC", "START", "END", "OFFSETS"], numbers: [0, 1, 4, 5, 6])
        for partition in topic.partitions {
            let range = range(partition)
            table.add([
                "\(partition.index)", partition.leader < 0 ? "none" : "\(partition.leader)",
                partition.replicas.map(\.description).joined(separator: ","),
                partition.inSync.map(\.description).joined(separator: ","), range.map { "\($0.start)" } ?? "-",
                range.map { "\($0.end)" } ?? "-", range.map { "\($0.end - $0.start)" } ?? "-",
            ])
        }
        lines.append(table.text)
        return lines.joined(separator: "\n")
    }

    var json: JSON {
        .object([
            ("name", .string(topic.name)), ("id", topic.shownId), ("internal", .bool(topic.isInternal)),
            ("settings", .object(settings.map { ($0.name, .string($0.value)) })),
            (
                "partitions",
                .array(
                    topic.partitions.map { partition in
                        let range = range(partition)
                        return .object([
                            ("partition", .integer(Int64(partition.index))),
                            ("leader", .integer(Int64(partition.leader))),
                            ("leader_epoch", .integer(Int64(partition.leaderEpoch))),
                            ("replicas", .array(partition.replicas.map { .integer(Int64($0)) })),
                            ("in_sync", .array(partition.inSync.map { .integer(Int64($0)) })),
                            ("start", range.map { .integer($0.start) } ?? .null),
                            ("end", range.map { .integer($0.end) } ?? .null),
                        ])
                    })
            ),
        ])
    }
}

extension TopicView {
    /// Null where the broker is too old for ids.
    var shownId: JSON { id == .zero ? .null : .string("\(id)") }
}
