import Broker
import CommitLog
import Settings

/// What `penstock run --set` changes: the bounds of the log and of the broker that works on it.
struct Bounds: Sendable {
    var log = LogOptions()
    var broker = BrokerOptions()
}

/// One bound: its name, which is Kafka's broker configuration where Kafka has it, and where it is kept.
struct NamedBound: Sendable {
    let name: String
    /// What it bounds, with its unit.
    let sentence: String
    /// Of what may be given.
    let range: ClosedRange<Int64>
    let write: @Sendable (inout Bounds, Int64) -> Void
    let read: @Sendable (Bounds) -> Int64

    /// As it is without `--set`. It may depend on the machine.
    var standard: Int64 { read(Bounds()) }

    static func named(_ name: String) -> NamedBound? { all.first { $0.name == name } }

    /// Every bound, by subject.
    static let all: [NamedBound] = compaction + durability + recovery + producers + files + clients

    private static let compaction = [
        number(
            "log.cleaner.dedupe.buffer.size", \.log.cleaner.mapBytes, 4 << 10...4 << 30,
            "Bytes that compaction takes for the keys of what it reads; with more it reads less often."),
        number(
            "log.cleaner.io.max.bytes.per.second", \.broker.cleanerBytesPerSecond, 1...most,
            "Bytes that compaction reads and writes together in a second."),
        time(
            "log.cleaner.backoff.ms", \.broker.cleanerInterval, "How long compaction rests when there is nothing to do."
        ),
        number(
            "penstock.cleaner.batch.bytes", \.log.cleaner.batchBytes, 1 << 20...largest,
            "Bytes of one batch in compaction, stored or decompressed; a partition with a larger one is not compacted."),
    ]

    private static let durability = [
        time(
            "penstock.sync.interval.ms", \.broker.syncInterval,
            "What was written is made durable at the latest after this time, also if nobody waits for it."),
        number(
            "penstock.sync.bytes", \.broker.syncBytes, 1...most,
            "What was written is made durable at the latest at so many bytes."),
        time(
            "log.flush.offset.checkpoint.interval.ms", \.broker.checkpointInterval,
            "A checkpoint is left at the latest after this time, if anything was written."),
        number(
            "penstock.checkpoint.bytes", \.log.checkpointBytes, 1...Int64.max,
            "A checkpoint is left at the latest after so many bytes: so many are read after a crash."),
        number(
            "penstock.queued.commit.bytes", \.broker.maxQueuedCommitBytes, 1 << 20...most,
            "Bytes of group records and offsets that wait to be written."),
    ]

    private static let recovery = [
        number(
            "num.recovery.threads.per.data.dir", \.log.openingThreads, 1...256,
            "Threads that read partitions when the data directory is opened."),
        number(
            "penstock.cut.bytes", \.log.cutCopiesBytes, 0...Int64.max,
            "Bytes of what openings cut that are kept in penstock-cut; the oldest go first. What `log repair` took out, "
                + "and other files there, neither count nor go."),
    ]

    private static let producers = [
        number(
            "producer.id.expiration.ms", \.log.producerExpirationMilliseconds, 1...Int64.max,
            "A producer that was silent for so long is forgotten, unless it has a transaction open."),
        time(
            "producer.id.expiration.check.interval.ms", \.broker.producerExpiryInterval,
            "How often producers that have been silent too long are looked for."),
        number(
            "penstock.partition.producers", \.log.producersPerPartition, 1...10_000_000,
            "Producers remembered in a partition, at about 200 bytes each; beyond that the longest silent go."),
        number(
            "penstock.described.producers", \.broker.maxDescribedProducers, 1...10_000_000,
            "Producers in one answer to DescribeProducers."),
    ]

    private static let files = [
        number(
            "penstock.open.files", \.log.openFiles, 2...10_000_000,
            "Files of segments that are open, half of them with unsynced bytes; at most half of what the process may open."
        ),
        number(
            "penstock.mapped.bytes", \.log.mappedBytes, 0...most, "Bytes of indexes that are mapped."),
        number(
            "penstock.deleted.bytes", \.log.deletedBytes, 0...Int64.max,
            "Bytes of deleted segments that wait for their file.delete.delay.ms; the oldest go first."),
        number(
            "penstock.deleted.segments", \.log.deletedSegments, 0...10_000_000,
            "Deleted segments that wait for their file.delete.delay.ms; the oldest go first."),
        time(
            "penstock.deleted.check.interval.ms", \.broker.deletedFilesInterval,
            "How often the files of deleted segments are looked at."),
        time(
            "penstock.size.check.interval.ms", \.broker.sizeRetentionInterval,
            "How often topics that are larger than they may be are cut."),
        number("penstock.partitions", \.broker.maxPartitions, 1...1_000_000, "Partitions of all topics together."),
    ]

    private static let clients = [
        number("num.io.threads", \.broker.workers, 1...256, "Threads for appends, reads and validation of clients."),
        number(
            "queued.max.requests", \.broker.maxQueuedRequests, 1...1_000_000, "Requests that wait for one such thread."),
        number(
            "queued.max.request.bytes", \.broker.maxQueuedBytes, 1 << 20...most,
            "Bytes of record batches that wait for one such thread."),
        number(
            "fetch.max.bytes", \.broker.fetchMaxBytes, 1024...largest,
            "Bytes in one answer to Fetch; one batch that is larger is still sent whole."),
        number(
            "penstock.waiting.fetches", \.broker.maxWaitingFetches, 0...10_000_000,
            "Fetches that wait for data; more are answered at once with what there is."),
        time(
            "penstock.longest.wait.ms", \.broker.longestWait,
            "The longest that a Fetch or a Produce waits, whatever it asks for."),
        number(
            "penstock.decompressed.batch.bytes", \.broker.maxDecompressedBytes, 1 << 20...largest,
            "Bytes that one client batch may decompress to while it is checked."),
        number(
            "penstock.decompressed.request.bytes", \.broker.maxDecompressedRequestBytes, 1 << 20...most,
            "Bytes that all batches of one Produce request may decompress to; never less than for one batch."),
        number(
            "penstock.created.topics", \.broker.maxAutoCreatedTopics, 0...100_000,
            "Topics that one Metadata request makes."),
        time(
            "offsets.retention.check.interval.ms", \.broker.offsetsExpiryInterval,
            "How often expired group offsets are looked for."),
    ]

    // MARK: - Kinds

    private static let most = Int64.max >> 1
    private static let largest = Int64(Int32.max)
    private typealias Place<Value> = any WritableKeyPath<Bounds, Value> & Sendable

    private static func number<Number: FixedWidthInteger & Sendable>(
        _ name: String, _ place: Place<Number>, _ range: ClosedRange<Int64>, _ sentence: String
    ) -> NamedBound {
        NamedBound(
            name: name, sentence: sentence, range: range, write: { $0[keyPath: place] = Number($1) },
            read: { Int64($0[keyPath: place]) })
    }

    /// Milliseconds, up to a year: a deadline that far away can always be told.
    private static func time(_ name: String, _ place: Place<Duration>, _ sentence: String) -> NamedBound {
        NamedBound(
            name: name, sentence: sentence, range: 1...31_536_000_000,
            write: { $0[keyPath: place] = .milliseconds($1) },
            read: { bounds in
                let (seconds, attoseconds) = bounds[keyPath: place].components
                return seconds * 1000 + attoseconds / 1_000_000_000_000_000
            })
    }
}

/// `NAME=VALUE` of a bound, as `--set` takes it.
struct BoundSetting: OptionScalar, Hashable {
    var name: String
    var value: Int64

    static let kind = OptionKind.other("name=value")
    static let expected = "NAME=VALUE"

    var optionText: String? { "\(name)=\(value)" }

    static func parse(_ text: String) throws(ScalarProblem) -> BoundSetting? {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { return nil }
        guard let bound = NamedBound.named(parts[0]) else {
            let hint = Suggestion.hint(for: parts[0], in: NamedBound.all.map(\.name))
            throw ScalarProblem(
                "expected the name of a bound (`penstock reference bounds` lists them), found \(parts[0].quoted)\(hint)"
            )
        }
        guard let value = Int64(parts[1]), bound.range.contains(value) else {
            throw ScalarProblem(
                "\(bound.name): expected a whole number from \(bound.range.lowerBound) to \(bound.range.upperBound), "
                    + "found \(parts[1].quoted)")
        }
        return BoundSetting(name: bound.name, value: value)
    }
}

extension Bounds {
    /// The standard ones, but for what `--set` says; the last of a name counts.
    init(_ settings: [BoundSetting]) {
        for setting in settings { NamedBound.named(setting.name)?.write(&self, setting.value) }
    }
}

extension Reference {
    /// The page's section about them.
    static var bounds: String {
        var lines = [
            "## Bounds of `penstock run`", "",
            "Changed with `--set NAME=VALUE`, which may be repeated. Values are whole numbers; names that begin with "
                + "`penstock` are Penstock's own, all others mean what they mean in a Kafka broker's configuration.",
            "",
            "| bound | default | range | meaning |", "|---|---|---|---|",
        ]
        for bound in NamedBound.all {
            let standard = bound.name == "num.recovery.threads.per.data.dir" ? "one per processor" : "\(bound.standard)"
            lines.append(
                "| `\(bound.name)` | \(standard) | \(bound.range.lowerBound) to \(bound.range.upperBound) | "
                    + "\(bound.sentence) |")
        }
        return lines.joined(separator: "\n")
    }
}
