import CommitLog
import Settings

struct LogDumpOptions: Options {
    var batches = false
    var from: Int?
    var until: Int?
    var batchLimit = ByteCount.mebibytes(128)
    var json = false
    var places = LogPlaces()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("batches", &batches, "Print the batches without their records.")
        walker.option("from", &from, range: 0..., "Leave out what ends before this offset.")
        walker.option("until", &until, range: 0..., "Leave out what begins at this offset or behind it.")
        walker.option(
            "batch_limit", &batchLimit, range: ByteCount(1)...ByteCount.largestBatch,
            "Bytes of one batch whose records are printed, stored or decompressed: so much memory may be taken.")
        walker.option("json", &json, "Print a JSON object on each line.")
        places.walk(&walker)
    }
}

extension ByteCount {
    /// What a batch may have in Kafka's format.
    static let largestBatch = ByteCount(Int(Int32.max))
}

extension Command {
    static let logDump = Command(
        "log dump", LogDumpOptions.self, summary: "Print everything that stands in the files of a log.",
        about: """
            Prints what stands in segments, indexes, producer snapshots, checkpoints and properties files, in the \
            order in which it lies there: Penstock's files or those of an Apache Kafka broker. Records of \
            `__penstock_topics`, `__penstock_positions` and `__consumer_offsets` are decoded.

            Nothing is changed and nobody is locked out, so it may be used while a process works on the log. A damaged \
            place is printed with its position and the reason, and printing goes on behind it.
            """,
        examples: [
            ("penstock log dump web --data /var/lib/penstock", "All partitions of a topic."),
            ("penstock log dump --batches penstock-data/web-0/00000000000000000000.log", "The batches of one segment."),
            ("penstock log dump web-3 --from 1000 --until 1010 --json", "Ten records of one partition, as JSON."),
        ],
        exitCodes: [(ExitCode.failed, "failed, or something is damaged; what and where is printed")]
    ) { options in
        let places = try options.places.find()
        LogPlaces.warnIfInUse(places)
        var limits = LogDump.Options()
        limits.records = !options.batches
        limits.batchLimit = options.batchLimit.bytes
        limits.from = Int64(options.from ?? 0)
        limits.until = options.until.map { Int64($0) } ?? .max
        let output = LineOutput()
        var dump = LogDump(limits, decode: { OffsetsMeaning.of($1, in: $0) }) { item in
            try output.line(options.json ? item.json.text : item.text)
        }
        do {
            for place in places { try dump.tell(place) }
            try output.flush()
        } catch is LineOutput.Gone {
            // Nobody reads any more: `| head` has seen enough.
            return dump.damaged == 0 ? ExitCode.done : ExitCode.failed
        }
        return dump.damaged == 0 ? ExitCode.done : ExitCode.failed
    }
}

/// Lines for stdout, written many at a time.
final class LineOutput {
    struct Gone: Error {}

    private var bytes: [UInt8] = []
    private static let limit = 64 << 10

    func line(_ text: String) throws(Gone) {
        bytes += text.utf8
        bytes.append(UInt8(ascii: "\n"))
        if bytes.count >= Self.limit { try flush() }
    }

    func flush() throws(Gone) {
        defer { bytes.removeAll(keepingCapacity: true) }
        guard Console.out.write(bytes) else { throw Gone() }
    }
}
