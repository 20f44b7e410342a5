import KafkaClient
import KafkaProtocol
import Records
import Settings

struct TopicsListOptions: Options {
    var log = LogChoice()
    var all = false
    var json = false

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("all", &all, "List internal topics too.")
        walker.option("json", &json, "Print one JSON array.")
        log.walk(&walker)
    }
}

extension Command {
    static let topicsList = Command(
        "topics list", TopicsListOptions.self, summary: "List the topics.",
        about: "Lists the topics with the number of their partitions.",
        examples: [
            ("penstock topics list", "List what the broker on this machine has."),
            ("penstock topics list --json | jq -r '.[].name'", "The names alone."),
        ]
    ) { options in
        try options.log.with { client in
            let topics = try client.topics(nil).filter { options.all || !$0.isInternal }
            if options.json {
                Console.out.line(
                    JSON.array(
                        topics.map { topic in
                            .object([
                                ("name", .string(topic.name)), ("partitions", .integer(topic.partitions.count)),
                                ("internal", .bool(topic.isInternal)), ("id", topic.shownId),
                            ])
                        }
                    ).text)
            } else {
                var table = Table(["TOPIC", "PARTITIONS"], numbers: [1])
                for topic in topics { table.add([topic.name, "\(topic.partitions.count)"]) }
                Console.out.line(table.text)
            }
        }
        return ExitCode.done
    }
}

struct TopicsCreateOptions: Options {
    var topic = ""
    var partitions: Int?
    var replication: Int?
    var config: [String] = []
    var ifMissing = false
    var log = LogChoice()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument("topic", &topic, shown: "TOPIC", .required, "The topic's name.")
        walker.option(
            "partitions", &partitions, range: 1...100_000, "How many partitions; the broker's default if absent.")
        walker.option(
            "replication", &replication, range: 1...1000, "How many replicas each has, on an Apache Kafka cluster.")
        walker.option("config", &config, "A setting of the topic.", example: "retention.bytes=1073741824")
        walker.option("if_missing", &ifMissing, "Succeed, too, if there is such a topic.")
        log.walk(&walker)
        walker.check("config", config.first { !$0.contains("=") }.map { "expected NAME=VALUE, found \($0.quoted)" })
    }
}

extension Command {
    static let topicsCreate = Command(
        "topics create", TopicsCreateOptions.self, summary: "Create a topic.",
        about: "Creates a topic. Its settings have Kafka's names.",
        examples: [
            ("penstock topics create web --partitions 8", "Create a topic with eight partitions."),
            (
                "penstock topics create web --config retention.bytes=1073741824",
                "Let each partition keep about a gibibyte."
            ),
        ],
        exitCodes: [(ExitCode.failed, "failed, or there is such a topic; the reason is on stderr")]
    ) { options in
        let settings = options.config.map(\.nameAndValue)
        try options.log.with { client in
            do throws(ClientError) {
                let count = try client.createTopic(
                    options.topic, partitions: options.partitions.map { Int32(clamping: $0) },
                    replication: options.replication.map { Int16(clamping: $0) }, configuration: settings)
                let shown = count.map { " with \($0) partition\($0 == 1 ? "" : "s")" } ?? ""
                Console.err.line("topic \(options.topic.quoted) created\(shown)")
            } catch {
                guard options.ifMissing, error.code == .topicAlreadyExists else { throw error }
                Console.err.line("topic \(options.topic.quoted) is there already")
            }
        }
        return ExitCode.done
    }
}

struct TopicsDeleteOptions: Options {
    var topics: [String] = []
    var log = LogChoice()

    mutating func walk(_ walker: inout some OptionWalker) {
        log.walk(&walker)
        walker.argument("topics", &topics, shown: "TOPIC", .required, "The topics' names.")
    }
}

extension Command {
    static let topicsDelete = Command(
        "topics delete", TopicsDeleteOptions.self, summary: "Delete topics and their records.",
        about:
            "Deletes topics and all their records, one after the other; it stops at the first that cannot be deleted.",
        examples: [("penstock topics delete web", "Delete one topic.")]
    ) { options in
        try options.log.with { client in
            for topic in options.topics {
                try client.deleteTopic(topic)
                Console.err.line("topic \(topic.quoted) deleted")
            }
        }
        return ExitCode.done
    }
}
