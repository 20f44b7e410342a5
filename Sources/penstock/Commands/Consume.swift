import KafkaClient
import Records
import Settings

struct ConsumeOptions: Options {
    var topic = ""
    var group: String?
    var fromBeginning = false
    var offset: Int?
    var partition: [Int] = []
    var follow = false
    var maxMessages: Int?
    var json = false
    var log = LogChoice()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument("topic", &topic, shown: "TOPIC", .required, "The topic's name.")
        walker.option("group", &group, "Read as a member of this group: go on where it stopped, and commit.")
        walker.option("from_beginning", &fromBeginning, "Begin at the first record where the group has no commit.")
        walker.option(
            "offset", &offset, "Begin each partition at this offset; a negative number counts from its end.",
            example: "-10")
        walker.option("partition", &partition, range: 0...1_000_000, "Read this partition only.")
        walker.option("follow", &follow, "Wait for new records instead of stopping at the end.")
        walker.option("max_messages", &maxMessages, range: 1..., "Stop after so many records.")
        walker.option("json", &json, "Print a JSON object for each record.")
        log.walk(&walker)
        let alone = "expected it without --group, which knows where to begin and what to read"
        walker.check("offset", group != nil && offset != nil ? alone : nil)
        walker.check("partition", group != nil && !partition.isEmpty ? alone : nil)
        walker.check(
            "from_beginning", fromBeginning && offset != nil ? "expected it without --offset, which says where" : nil)
        walker.check(
            "follow", follow && log.data != nil ? "expected it without --data: nobody else can write to that log" : nil)
        walker.check("group", group == "" ? "expected a name, found none" : nil)
    }
}

extension Command {
    static let consume = Command(
        "consume", ConsumeOptions.self, summary: "Print the records of a topic.",
        about: """
            Prints the values of the records as they are, a newline after each; records of one partition in their \
            order. It stops at the end that the partitions had when it began, unless it is told to follow.

            It begins where the group has stopped; else where --offset says; else at the first record, or, with \
            --follow and without --from-beginning, at the end. Records of aborted transactions are not shown.

            With --group the partitions are divided among all members. What has been printed is committed every five \
            seconds and at the end, also when Ctrl-C ends it; after a crash, some records may be printed again.
            """,
        examples: [
            ("penstock consume web", "Print all that is there."),
            ("penstock consume web --follow --offset -10", "Print the last ten records of each partition, and go on."),
            ("penstock consume web --group readers --follow", "Share the topic with other members of the group."),
            ("penstock consume web --json | jq -r .key", "Print the keys."),
        ]
    ) { options in
        // Before any thread is started.
        Signals.block()
        return try options.log.with { client in
            let interruption = client.interruption
            _ = Signals { _ in interruption.request() }
            let printer = RecordPrinter(topic: options.topic, asJSON: options.json, limit: options.maxMessages)
            let consumption = Consumption(client, options, printer)
            return try consumption.run() ? ExitCode.done : ExitCode.failed
        }
    }
}
