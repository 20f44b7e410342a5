import CommitLog
import Settings

struct LogRepairOptions: Options {
    var dryRun = false
    var deep = false
    var batchLimit = ByteCount.mebibytes(128)
    var findings = LogVerification.Options().findingsPerFile
    var positions: [String] = []
    var json = false
    var places = LogPlaces()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("dry_run", &dryRun, "Say what would be done, and do nothing.")
        walker.option("deep", &deep, "Decode every record, too: what is wrong with one is named.")
        walker.option(
            "batch_limit", &batchLimit, range: ByteCount(1)...ByteCount.largestBatch,
            "With --deep, bytes of one batch, stored or decompressed: so much memory may be taken.")
        walker.option(
            "findings", &findings, range: 1...,
            "Places of one file that are told if they are not repaired; of the others only their number.")
        walker.option(
            "positions", &positions,
            "Says how pipelines go on whose positions were damaged: `keep` lets all go on from the newest that can be "
                + "read, NAME=beginning lets this one read everything again, NAME=end lets it pass over what its files "
                + "have when it starts next.",
            example: "web=beginning")
        walker.option("json", &json, "Print a JSON object for each thing that is done.")
        places.walk(&walker)
        let odd = positions.first { $0 != "keep" && PositionsChoice($0) == nil }
        walker.check("positions", odd.map { "expected keep, NAME=beginning or NAME=end, found \($0.quoted)" })
        let both = names(from: .beginning).intersection(names(from: .end)).min()
        walker.check("positions", both.map { "expected one choice for \($0.quoted), found two" })
        walker.check(
            "positions", dryRun && !positions.isEmpty ? "expected it without --dry-run: what is chosen is done" : nil)
    }
}

/// `NAME=beginning` or `NAME=end`
private struct PositionsChoice {
    var name: String
    var start: Start

    enum Start: String { case beginning, end }

    init?(_ text: String) {
        guard let sign = text.lastIndex(of: "="), sign > text.startIndex,
            let start = Start(rawValue: String(text[text.index(after: sign)...]))
        else { return nil }
        (name, self.start) = (String(text[..<sign]), start)
    }
}

extension LogRepairOptions {
    private func names(from start: PositionsChoice.Start) -> Set<String> {
        Set(positions.compactMap(PositionsChoice.init).filter { $0.start == start }.map(\.name))
    }

    /// Carries out what `--positions` says, if it says anything.
    func settlePositions(_ places: [InspectedPlace]) throws {
        guard !positions.isEmpty else { return }
        guard let root = places.lazy.compactMap({ $0.dataDirectory() }).first else {
            throw Failure("cannot settle positions: expected a data directory, or something in one")
        }
        let directory = try DataDirectory.open(root)
        do {
            try settle(directory)
            try directory.close()
        } catch {
            try? directory.close()
            throw error
        }
    }

    private func settle(_ directory: DataDirectory) throws {
        guard directory.positionsDamaged else {
            return Console.err.line("the positions are not damaged: nothing was changed in them")
        }
        let (anew, behind) = (names(from: .beginning), names(from: .end))
        for name in anew.sorted() where directory.positions(pipeline: name).isEmpty {
            throw Failure("there is no position of a pipeline \(name.quoted), so nothing to forget")
        }
        let known = directory.pipelines
        for name in behind.sorted() where !known.contains(name) {
            throw Failure("there is nothing of a pipeline \(name.quoted) in the log")
        }
        let kept = try directory.settleDamagedPositions(forgetting: anew, passingOver: behind)
        for name in anew.sorted() { Console.err.line("\(name.quoted) begins anew") }
        for name in behind.sorted() {
            Console.err.line("\(name.quoted) passes over what its files have when it starts next")
        }
        for name in kept { Console.err.line("\(name.quoted) goes on from the newest position that can be read") }
    }
}

extension Command {
    static let logRepair = Command(
        "log repair", LogRepairOptions.self, summary: "Make the files of a stopped log whole again.",
        about: """
            Takes out of segments what cannot be read, puts an empty batch at offsets that are gone, gives batches the \
            leader epochs and segments the names back that they must have, and makes indexes, leader epochs and \
            transaction indexes again where they disagree with the batches. The log must be stopped: \
            the lock of its data directory is taken meanwhile. --dry-run takes no lock and changes nothing.

            What is wrong and is not mended by that (a partition that is missing, a checkpoint beyond the log, a segment \
            that was set aside, a record that cannot be decoded, ...) is named on stderr, with what to do about it.

            What is taken out is copied to `penstock-cut` in the data directory first, and the copy is named. A start of \
            Penstock does the same for what a crash has left, but reads only what the crash can have touched; this \
            reads everything. A directory of an Apache Kafka broker is left to its broker.
            """,
        examples: [
            ("penstock log repair --dry-run /var/lib/penstock", "Show what would be done."),
            ("penstock log repair web --data /var/lib/penstock", "Repair the partitions of one topic."),
            (
                "penstock log repair --positions keep /var/lib/penstock",
                "Let the pipelines go on after their positions were damaged."
            ),
            (
                "penstock log repair --positions web=end /var/lib/penstock",
                "Let one of them pass over what its files have, and collect only what is written later."
            ),
        ],
        exitCodes: [(ExitCode.failed, "failed, or something is wrong that was not repaired; what and where is named")]
    ) { options in
        var repairs = LogRepair.Options()
        repairs.isDry = options.dryRun
        repairs.verification.isDeep = options.deep
        repairs.verification.batchLimit = options.batchLimit.bytes
        repairs.verification.findingsPerFile = options.findings
        var count = 0
        var left: [LogFinding] = []
        let places = try options.places.find()
        if options.dryRun { LogPlaces.warnIfInUse(places) }
        for place in places {
            let repair = LogRepair(place, repairs, leave: { left.append($0) }) { action in
                Console.out.line(options.json ? action.json.text : action.description.withControlsEscaped)
            }
            count += try repair.run()
        }
        try options.settlePositions(places)
        if !options.positions.isEmpty { left.removeAll { $0.path.hasSuffix("/\(DataDirectory.positionsMark)") } }
        for finding in left { Console.err.line("not repaired: \(finding)".withControlsEscaped) }
        if !options.json { Console.err.line(options.summary(repaired: count, left: left.count)) }
        return left.isEmpty ? ExitCode.done : ExitCode.failed
    }
}

extension LogRepairOptions {
    fileprivate func summary(repaired: Int, left: Int) -> String {
        let depth = deep ? "" : " (records were not decoded; --deep does)"
        guard repaired > 0 || left > 0 else { return "nothing is wrong\(depth)" }
        let done = "\(repaired) places \(dryRun ? "would be repaired" : "repaired")"
        return left == 0 ? done : "\(done), \(left) not"
    }
}

extension LogRepair.Action {
    fileprivate var json: JSON {
        .object([
            ("path", .string(path)), ("from_byte", bytes.map { .integer($0.lowerBound) } ?? .null),
            ("to_byte", bytes.map { .integer($0.upperBound) } ?? .null),
            ("from_offset", offsets.map { .integer($0.lowerBound) } ?? .null),
            ("to_offset", offsets.map { .integer($0.upperBound) } ?? .null), ("reason", .string(reason)),
            ("outcome", .string(orNull: outcome)), ("copy", .string(orNull: copy)),
        ])
    }
}
