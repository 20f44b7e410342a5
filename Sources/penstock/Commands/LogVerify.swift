import CommitLog
import Glibc
import Settings

struct LogVerifyOptions: Options {
    var deep = false
    var threads: Int?
    var batchLimit = ByteCount.mebibytes(128)
    var findings = LogVerification.Options().findingsPerFile
    var json = false
    var places = LogPlaces()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("deep", &deep, "Decode every record, too.")
        walker.option(
            "threads", &threads, range: 1...256,
            "Partitions that are read at the same time; one per processor if absent.")
        walker.option(
            "batch_limit", &batchLimit, range: ByteCount(1)...ByteCount.largestBatch,
            "With --deep, bytes of one batch, stored or decompressed: so much memory may each thread take.")
        walker.option(
            "findings", &findings, range: 1...,
            "Wrong places of one file that are told; of the others only their number.")
        walker.option("json", &json, "Print a JSON object for each place, and one for the summary.")
        places.walk(&walker)
    }
}

extension Command {
    static let logVerify = Command(
        "log verify", LogVerifyOptions.self, summary: "Check the files of a log: every checksum, index and offset.",
        about: """
            Reads every byte of segments and checks that checksums are right, offsets ascend and are all there (but \
            where the log is compacted), segments begin as they are called, index entries point at batches with those \
            offsets and times, aborted transactions are in their index, producer snapshots and leader epochs agree \
            with the batches, checkpoints lie within the logs, and every partition of the registry is there. --deep decodes \
            every record, too. What is not looked at (copies in `penstock-cut`, leftovers of deletions and compactions, \
            strangers' files) is named in the summary.

            Nothing is changed and nobody is locked out. While a process works on the log, what is being written may \
            look unfinished. An Apache Kafka broker's directory can be checked as well.

            Each place that is wrong is one line on stdout. `penstock log repair` makes a stopped log whole again.
            """,
        examples: [
            ("penstock log verify /var/lib/penstock", "Check a whole data directory."),
            ("penstock log verify --deep web --data /var/lib/penstock", "Decode every record of one topic."),
            ("penstock log verify web-0/00000000000000000000.log", "Check one segment and its indexes."),
        ],
        exitCodes: [(ExitCode.failed, "failed, or something is wrong; what and where is on stdout")]
    ) { options in
        let places = try options.places.find()
        LogPlaces.warnIfInUse(places)
        let screen = Screen(.err)
        var limits = LogVerification.Options()
        limits.isDeep = options.deep
        limits.batchLimit = options.batchLimit.bytes
        limits.findingsPerFile = options.findings
        limits.threads = options.threads ?? max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        var total = LogVerification.Summary()
        for place in places {
            let verification = LogVerification(
                place, limits,
                progress: { if screen.canRewrite { screen.rewrite(ProgressBar.text(done: $0, total: $1)) } },
                report: { finding in
                    screen.rewrite("")
                    Console.out.line(options.json ? finding.json.text : finding.description.withControlsEscaped)
                })
            total.add(try verification.run())
            screen.rewrite("")
        }
        if options.json { Console.out.line(total.json.text) } else { Console.err.line(total.text) }
        return total.findings == 0 ? ExitCode.done : ExitCode.failed
    }
}

/// `[##########          ]  50 %`
enum ProgressBar {
    static func text(done: Int64, total: Int64) -> String {
        let share = total > 0 ? Double(min(done, total)) / Double(total) : 1
        let width = 40
        let filled = Int(share * Double(width))
        let bar = String(repeating: "#", count: filled) + String(repeating: " ", count: width - filled)
        return "[\(bar)] \("\(Int(share * 100))".padded(left: 3)) %  \(done >> 20) of \(total >> 20) MiB"
    }
}

extension LogFinding {
    fileprivate var json: JSON {
        .object([
            ("kind", .string("damage")), ("path", .string(path)),
            ("position", position.map { .integer($0) } ?? .null), ("reason", .string(reason)),
        ])
    }
}

extension LogVerification.Summary {
    fileprivate mutating func add(_ other: LogVerification.Summary) {
        partitions += other.partitions
        segments += other.segments
        bytes += other.bytes
        batches += other.batches
        records += other.records
        findings += other.findings
        skipped += other.skipped
        skippedFirst += other.skippedFirst
    }

    fileprivate var text: String {
        let looked =
            "\(partitions) partitions, \(segments) segments, \(bytes) bytes, \(batches) batches, \(records) records"
        let found = findings == 0 ? "all of that is right" : "\(findings) places are wrong"
        guard skipped > 0 else { return findings == 0 ? "\(looked): all is right" : "\(looked): \(found)" }
        let rest = skipped > skippedFirst.count ? " and \(skipped - skippedFirst.count) more" : ""
        let names = skippedFirst.joined(separator: ", ").withControlsEscaped
        return "\(looked): \(found); not looked at: \(names)\(rest)"
    }

    fileprivate var json: JSON {
        .object([
            ("kind", .string("summary")), ("partitions", .integer(partitions)), ("segments", .integer(segments)),
            ("bytes", .integer(bytes)), ("batches", .integer(batches)), ("records", .integer(records)),
            ("findings", .integer(findings)), ("skipped", .integer(skipped)),
            ("skipped_first", .array(skippedFirst.map { .string($0) })),
        ])
    }
}
