import KafkaClient
import Settings

struct TopicsAlterOptions: Options {
    var topic = ""
    var set: [String] = []
    var unset: [String] = []
    var partitions: Int?
    var log = LogChoice()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument("topic", &topic, shown: "TOPIC", .required, "The topic's name.")
        walker.option("set", &set, "A setting of the topic.", example: "retention.ms=86400000")
        walker.option(
            "unset", &unset, "The name of a setting that is to have the broker's default again.",
            example: "retention.ms")
        walker.option(
            "partitions", &partitions, range: 1...100_000, "How many partitions it is to have: more than it has.")
        log.walk(&walker)
        walker.check("set", set.first { !$0.contains("=") }.map { "expected NAME=VALUE, found \($0.quoted)" })
        let isNothing = set.isEmpty && unset.isEmpty && partitions == nil
        walker.check("set", isNothing ? "expected --set, --unset or --partitions, found none of them" : nil)
    }

    var settings: [(String, String)] { self.set.map(\.nameAndValue) }
}

extension Command {
    static let topicsAlter = Command(
        "topics alter", TopicsAlterOptions.self, summary: "Change the settings of a topic, or give it partitions.",
        about: """
            Changes settings of a topic, which count at once, and then the number of its partitions, which can only \
            grow. The settings change all together: one that is refused leaves the others as they were. Keys that went \
            to one partition may go to another once there are more.
            """,
        examples: [
            ("penstock topics alter web --set retention.ms=86400000", "Keep records for a day."),
            ("penstock topics alter web --unset retention.ms --partitions 16", "The default again; 16 partitions."),
        ]
    ) { options in
        try options.log.with { client in
            if !options.set.isEmpty || !options.unset.isEmpty {
                try client.alterTopic(options.topic, set: options.settings, unset: options.unset)
                Console.err.line("topic \(options.topic.quoted) has its new settings")
            }
            if let partitions = options.partitions {
                try client.addPartitions(options.topic, to: Int32(clamping: partitions))
                Console.err.line("topic \(options.topic.quoted) has \(partitions) partitions")
            }
        }
        return ExitCode.done
    }
}

struct TopicsDeleteRecordsOptions: Options {
    var topic = ""
    var partition = 0
    var before = -1
    var log = LogChoice()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument("topic", &topic, shown: "TOPIC", .required, "The topic's name.")
        walker.option("partition", &partition, .required, range: 0...1_000_000, "The partition.")
        walker.option(
            "before", &before, .required, range: (-1)...Int.max,
            "Records below this offset are deleted; -1 deletes all that are there.", example: "1000")
        log.walk(&walker)
    }
}

extension Command {
    static let topicsDeleteRecords = Command(
        "topics delete-records", TopicsDeleteRecordsOptions.self,
        summary: "Delete the records of a partition below an offset.",
        about: """
            Moves the first offset of a partition up: what lies below can no longer be read, also after a crash. Whole \
            segments below it leave the disk soon after. Prints the first offset that can be read now.
            """,
        examples: [
            ("penstock topics delete-records web --partition 0 --before 1000", "Keep what begins at offset 1000."),
            ("penstock topics delete-records web --partition 0 --before -1", "Delete all that is there."),
        ]
    ) { options in
        try options.log.with { client in
            let partition = TopicPartition(options.topic, Int32(clamping: options.partition))
            let start = try client.deleteRecords(of: partition, before: Int64(options.before))
            Console.out.line("\(start)")
        }
        return ExitCode.done
    }
}
