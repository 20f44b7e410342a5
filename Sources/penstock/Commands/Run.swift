import Broker
import CommitLog
import Pipelines
import Settings

struct RunOptions: Options {
    var files: [String] = []
    var data = Directory.standard
    var listen: Address?
    var advertise: Address?
    var adopt = false
    var untilEof = false
    var shutdownTimeout = Duration.seconds(20)
    var memory = ByteCount.mebibytes(16)
    var partitions = 8
    var createTopics = true
    var visible = Visibility.written
    var reserve = ByteCount.mebibytes(64)
    var retentionCheck = Duration.seconds(300)
    var set: [BoundSetting] = []
    var logLevel = Log.Level.info

    static let standardListen = Address(host: "127.0.0.1", port: 9092)

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument(
            "files", &files, shown: "FILE|DIRECTORY",
            "Pipeline files; of a directory every *.yaml and *.yml. Without any, the log is served and nothing is collected."
        )
        walker.option("data", &data, "Where topics and positions are kept; made if it is missing.")
        walker.option(
            "adopt", &adopt,
            "Take over a data directory that an Apache Kafka broker wrote; never one that a broker still uses.")
        walker.option(
            "listen", &listen,
            "Where Kafka clients connect; port 0 takes a free one. Default \(Self.standardListen); "
                + "with --until-eof only if it is given.", example: "0.0.0.0:9092")
        walker.option(
            "advertise", &advertise, "What clients are told to connect to, when it is not the address of --listen.",
            example: "logs.example:9092")
        walker.option(
            "until_eof", &untilEof,
            "Stop with 0 when every line that is in the files now is durable; a last line without its newline is named and held."
        )
        walker.option(
            "shutdown_timeout", &shutdownTimeout, range: Duration.zero...,
            "After SIGINT or SIGTERM, how long what was read may take to become durable.")
        walker.option(
            "memory", &memory, range: ByteCount.mebibytes(1)...,
            "Bytes that all pipelines together may hold between reading and appending; then sources wait.")
        walker.option(
            "partitions", &partitions, range: 1...10_000, "Of a topic that a client asks for and that is not there.")
        walker.option("create_topics", &createTopics, "Make topics that clients ask for and that are not there.")
        walker.option(
            "visible", &visible,
            "When consumers see what was appended: 'written', at once, as in Kafka; or 'synced', only when not even a power loss can take it back. Of this run: the next one without it shows everything at once."
        )
        walker.option(
            "reserve", &reserve, range: ByteCount(0)...,
            "Room on the disk that is kept for group offsets, deletions, a clean stop and recovery when the disk is full; at most a sixteenth of what is free."
        )
        walker.option(
            "retention_check", &retentionCheck, range: Duration.seconds(1)...,
            "How often records that are older than their topic keeps them are looked for.")
        walker.option(
            "set", &set,
            "A bound of the log or of the broker, by the name that Kafka gives it where Kafka has it; `penstock reference bounds` lists them with their defaults.",
            example: "log.cleaner.dedupe.buffer.size=134217728")
        walker.option("log_level", &logLevel, "The least important messages that are shown.")
        walker.check(
            "files",
            untilEof && files.isEmpty ? "expected at least one pipeline file with --until-eof, found none" : nil)
    }
}

extension Visibility: OptionChoice {}

extension RunOptions {
    /// How the data directory is to work.
    var log: LogOptions {
        var log = Bounds(set).log
        log.visibility = visible
        log.reserveBytes = Int64(reserve.bytes)
        log.adopt = adopt
        return log
    }

    /// How the broker is to work.
    var broker: BrokerOptions {
        var broker = Bounds(set).broker
        broker.createsTopics = createTopics
        broker.defaultPartitions = Int32(partitions)
        broker.timeRetentionInterval = retentionCheck
        return broker
    }
}

extension Command {
    static let run = Command(
        "run", RunOptions.self, summary: "Run pipelines and serve the log to Kafka clients.",
        about: """
            Runs every pipeline of the files, and serves the topics of the data directory to any Kafka client. \
            Connections are accepted when the log is ready.

            SIGINT (Ctrl-C) and SIGTERM stop reading, bring what was read into the log, make it durable, and end with \
            0; a second signal ends at once. Whatever ends the process, also kill -9: the next start goes on exactly \
            where the log stands.

            A pipeline that cannot go on (a full disk, say) is shown as failed by `penstock status`, tries again with \
            growing pauses, and stops no other.
            """,
        examples: [
            ("penstock run pipelines/", "Run every pipeline in a directory and serve 127.0.0.1:9092."),
            ("penstock run web.yaml --until-eof", "Collect what is there, and end."),
            ("penstock run --data /var/lib/penstock --listen 0.0.0.0:9092", "Serve the log, collect nothing."),
        ],
        exitCodes: [
            (ExitCode.done, "stopped by a signal, or at the end of the files: everything that was read is durable"),
            (ExitCode.failed, "could not start, or not everything became durable; the reason is on stderr"),
        ]
    ) { options in
        let files = try PipelineArguments.read(options.files)
        Signals.block()
        return try Running(options, files.pipelines).run()
    }
}
