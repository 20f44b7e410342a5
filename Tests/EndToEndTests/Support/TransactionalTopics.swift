import CommitLog
import Records

/// Topics with transactions that Penstock's log wrote: the server takes none from clients yet.
struct TransactionalTopics {
    static let transactions = "p-txn"
    static let compacted = "p-txn-compact"
    static let indexInterval = 1000

    private static let producer = (a: Int64(7001), b: Int64(7002), long: Int64(7003), idempotent: Int64(7004))

    /// A record that the log was given, as `Interop.java` prints what it reads.
    struct Written {
        var topic: String
        var line: String
        var key: String
        var transaction: Int?
    }

    private(set) var written: [Written] = []
    /// Transactions that were committed.
    private var committed: Set<Int> = []
    /// By partition and producer.
    private var open: [String: [Int64: Int]] = [:]
    private var transactions = 0

    private let directory: DataDirectory
    private let start: Int64

    /// Writes both topics into a data directory that nobody has open.
    /// - Parameter start: the time of the first records, in milliseconds since 1970.
    init(in path: String, start: Int64) throws {
        directory = try DataDirectory.open(path)
        self.start = start
        try transact()
        try compact()
        try directory.close()
    }

    /// Two producers whose transactions interleave, a third whose spans several segments, and records without any
    /// between them; what is still open at the end of partition 0 has records behind it.
    private mutating func transact() throws {
        let settings = ["segment.bytes": "20000", "index.interval.bytes": "\(Self.indexInterval)"]
        let topic = try directory.createTopic(Self.transactions, partitions: 2, configuration: settings)
        let producer = Self.producer
        for partition in topic.partitions {
            for round in 0..<12 {
                for batch in 0..<12 {
                    let values = (0..<6).map { ("key \($0)", filled("\(round) \(batch) \($0)")) }
                    try append(values, round, producer.a, .snappy, to: partition)
                    if batch % 3 == 0 { try append(values, round, producer.b, .none, to: partition) }
                    if batch % 4 == 0 { try append(values, round, producer.long, .zstd, to: partition) }
                    if batch % 5 == 0 { try append(values, round, producer.idempotent, .lz4, to: partition) }
                    if batch % 6 == 0 { try append(values, round, nil, .gzip, to: partition) }
                }
                try end(producer.a, round % 3 == 1 ? .abort : .commit, round, partition)
                try end(producer.b, round % 4 == 2 ? .commit : .abort, round, partition)
                if round % 4 == 3 { try end(producer.long, round % 8 == 3 ? .abort : .commit, round, partition) }
            }
        }
        try append([("key", "open")], 12, producer.a, to: topic.partitions[0])
        try append([("key", "behind the open one")], 12, nil, to: topic.partitions[0])
    }

    /// Keys written again and again, cleaned three times; what follows is not cleaned, and has a transaction open at its
    /// end.
    private mutating func compact() throws {
        // Nobody's cleaner finds it due: what is cleaned is cleaned here.
        let settings = [
            "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "1", "segment.bytes": "6000",
            "index.interval.bytes": "\(Self.indexInterval)", "delete.retention.ms": "86400000",
        ]
        let topic = try directory.createTopic(Self.compacted, partitions: 1, configuration: settings)
        let partition = topic.partitions[0]
        let producer = Self.producer
        for round in 0..<14 {
            for key in 0..<30 {
                let value = key == 2 * round + 1 ? nil : filled("\(round)")
                try append([("both \(key)", value), ("once \(round) \(key)", "x")], round, producer.a, to: partition)
                if key % 2 == 0 { try append([("both \(key)", "b \(round)")], round, producer.b, .lz4, to: partition) }
                if key % 7 == 0 { try append([("plain \(key)", "1")], round, producer.idempotent, to: partition) }
            }
            try end(producer.a, round % 3 == 1 ? .abort : .commit, round, partition)
            try end(producer.b, round % 4 == 3 ? .commit : .abort, round, partition)
            guard round % 4 == 3 else { continue }
            try directory.checkpoint()
            let cleaning = try directory.clean(partition, now: start + 3_600_000)
            guard let cleaning, cleaning.replaced > 1, cleaning.objection == nil else {
                throw Trouble("round \(round): \(String(describing: cleaning))")
            }
        }
        try append([("both 0", "open")], 14, producer.b, to: partition)
        try append([("plain 0", "behind the open one")], 14, nil, to: partition)
    }

    // MARK: - What a reader has to find

    /// What is committed, in the order of a topic's partitions and offsets. What lies behind the first record of a
    /// transaction that is open is not.
    func visible(in topic: String) -> [Written] {
        var closed: Set<Substring> = []
        return written.filter { record in
            guard record.topic == topic else { return false }
            let partition = record.line.prefix { $0 != " " }
            guard let number = record.transaction else { return !closed.contains(partition) }
            if open.values.contains(where: { $0.values.contains(number) }) { closed.insert(partition) }
            return committed.contains(number) && !closed.contains(partition)
        }
    }

    /// The newest of what is committed of each key.
    func newest(in topic: String) -> [String: String] {
        Dictionary(visible(in: topic).map { ($0.key, $0.line) }, uniquingKeysWith: { $1 })
    }

    // MARK: - Steps

    private func filled(_ text: String) -> String { text + " " + String(repeating: ".", count: 50) }

    private func time(_ round: Int) -> Int64 { start + Int64(round) * 500 }

    /// - Parameter producer: nil for records of nobody's; the idempotent one has no transactions.
    private mutating func append(
        _ pairs: [(key: String, value: String?)], _ round: Int, _ producer: Int64?, _ codec: Codec = .none,
        to partition: Partition
    ) throws {
        let records = pairs.map { key, value in
            Record(timestamp: time(round), key: Array(key.utf8), value: value.map { Array($0.utf8) })
        }
        let isTransactional = producer != nil && producer != Self.producer.idempotent
        let batch = try RecordBatch.encode(
            records, codec: codec, producerId: producer ?? -1, producerEpoch: producer == nil ? -1 : 3,
            baseSequence: producer.map { partition.nextSequence(producerId: $0, epoch: 3) } ?? -1,
            isTransactional: isTransactional)
        let base = try appended(try directory.append(batch, to: partition))
        let transaction = isTransactional ? producer.map { begin($0, partition) } : nil
        for (index, (key, value)) in pairs.enumerated() {
            let value = value.map { "'\($0)'" } ?? "null"
            let line = "\(partition.place) \(base + Int64(index)) \(time(round)) CreateTime '\(key)' \(value)"
            written.append(
                Written(topic: partition.topicName, line: line, key: key, transaction: transaction))
        }
    }

    /// The transaction that a producer is in.
    private mutating func begin(_ producer: Int64, _ partition: Partition) -> Int {
        if let number = open[partition.place]?[producer] { return number }
        transactions += 1
        open[partition.place, default: [:]][producer] = transactions
        return transactions
    }

    private mutating func end(
        _ producer: Int64, _ outcome: TransactionMarker.Outcome, _ round: Int, _ partition: Partition
    ) throws {
        let marker = TransactionMarker(outcome, coordinatorEpoch: 5)
        _ = try appended(
            try directory.append(marker, producer: producer, epoch: 3, timestamp: time(round), to: partition))
        guard let number = open[partition.place]?.removeValue(forKey: producer) else {
            throw Trouble("producer \(producer) has no transaction in \(partition.place)")
        }
        if outcome == .commit { committed.insert(number) }
    }

    private func appended(_ result: AppendResult) throws -> Offset {
        guard case .appended(let base, _) = result else { throw Trouble("\(result)") }
        return base
    }
}

extension Partition {
    /// As Kafka's client names it, and its directory.
    fileprivate var place: String { "\(topicName)-\(index)" }
}
