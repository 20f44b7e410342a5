import CommitLog
import KafkaProtocol
import Platform
import Records

/// `__consumer_offsets`: what groups decided and committed, in Kafka's own record formats.
///
/// A group's records stand in the partition that Kafka chooses for it (``GroupPartition``). Writes are taken in order and
/// gathered: while one append is under way, what comes meanwhile becomes one batch in each partition. So the order of the
/// log is the order of the calls, whichever worker appends.
final class OffsetsLog: Sendable {
    typealias Done = @Sendable (ErrorCode) -> Void
    typealias Piece = (group: String, record: Record)

    private struct Entry {
        let pieces: [Piece]
        let bytes: Int
        let done: Done
    }

    private struct State {
        var entries: [Entry] = []
        var bytes = 0
        var isWriting = false
    }

    /// One batch is not filled beyond this; a single entry may be larger.
    private static let batchBytes = 512 << 10
    /// The largest record that is written: a group of many members.
    private static let maxMessageBytes = 16 << 20

    private let state = Lock(State())
    private let partitions = Lock<[Partition]>([])
    /// Indexes of those whose records could not be read at the start.
    private let unread = Lock<Set<Int>>([])
    private let directory: DataDirectory
    private let options: BrokerOptions
    private let clock: Clock
    private let workers: Workers
    private let syncing: SyncThread

    init(directory: DataDirectory, options: BrokerOptions, clock: Clock, workers: Workers, syncing: SyncThread) {
        self.directory = directory
        self.options = options
        self.clock = clock
        self.workers = workers
        self.syncing = syncing
    }

    private static let configuration = [
        "cleanup.policy": "compact", "max.message.bytes": "\(maxMessageBytes)",
        // A start reads all of it: what is compacted, and up to one segment that is not.
        "segment.bytes": "16777216", "retention.ms": "-1",
    ]

    /// Throws INVALID_CONFIG for what would let the topic grow until the next start configures it again. Of other topics it
    /// says nothing.
    /// - Parameter defaults: what the topic has where `configuration` says nothing.
    static func check(
        _ configuration: [String: String], of topic: Topic, defaults: TopicSettings
    ) throws(TopicFailure) {
        guard topic.name == TopicName.offsets,
            let policy = try? TopicSettings(configuration, defaults: defaults).cleanupPolicy, policy != .compact
        else { return }
        let given = configuration["cleanup.policy"].map { "'\($0)'" } ?? "none"
        throw TopicFailure(
            code: .invalidConfig,
            message: "cleanup.policy: expected compact, as \(topic.name) needs it, found \(given)")
    }

    /// Makes the topic if it is missing, with one partition: there is one broker to spread groups over. One that a Kafka
    /// broker made keeps its number of them, 50 by default.
    func open() throws(StorageError) {
        let topic: Topic
        if let existing = directory.topic(named: TopicName.offsets) {
            topic = existing
            try configure(topic)
        } else {
            topic = try directory.createTopic(
                TopicName.offsets, partitions: 1, configuration: Self.configuration, internal: true)
        }
        partitions.withLock { $0 = topic.partitions }
    }

    /// A topic that was adopted keeps everything. This one would grow for ever, and every start reads it: it gets what our
    /// own has. What an operator says otherwise stays, but for the policy.
    private func configure(_ topic: Topic) throws(StorageError) {
        var configuration = Self.configuration.merging(topic.configuration) { $1 }
        configuration["cleanup.policy"] = Self.configuration["cleanup.policy"]
        let isReadable = (try? TopicSettings(configuration, defaults: directory.topicDefaults)) != nil
        if !isReadable { configuration = Self.configuration }
        guard configuration != topic.configuration else { return }
        try directory.alterTopic(named: topic.name, configuration: configuration)
    }

    /// Whether what a group has committed was read at the start.
    func isKnown(_ group: String) -> Bool {
        let unread = unread.withLock { $0 }
        guard !unread.isEmpty else { return true }
        return !unread.contains(GroupPartition.index(of: group, count: partitions.withLock { $0.count }))
    }

    /// Whether records are not too many to be written at once, whatever else waits.
    func canTake(_ pieces: [Piece]) -> Bool { Self.bytes(of: pieces) <= options.maxQueuedCommitBytes }

    private static func bytes(of pieces: [Piece]) -> Int {
        pieces.reduce(64) { $0 + ($1.record.key?.count ?? 0) + ($1.record.value?.count ?? 0) + 64 }
    }

    /// Appends records, in the order of the calls.
    /// - Parameter done: called on another thread once they are as safe as ``BrokerOptions/offsetsAcks`` says, or with
    ///   what went wrong; without records once all before them are through.
    /// - Returns: false if too much waits already, or the broker is stopping: `done` will not be called.
    func write(_ pieces: [Piece], _ done: @escaping Done) -> Bool {
        let bytes = Self.bytes(of: pieces)
        return state.withLock { state in
            guard state.entries.isEmpty || state.bytes + bytes <= options.maxQueuedCommitBytes else { return false }
            // At most one such job at a time, so that it need not be bounded by the queue. It takes this lock, but not
            // on this thread.
            if !state.isWriting { state.isWriting = workers.submitUnbounded { [self] in writeAll() } }
            guard state.isWriting else { return false }
            state.entries.append(Entry(pieces: pieces, bytes: bytes, done: done))
            state.bytes += bytes
            return true
        }
    }

    private func writeAll() {
        while let entries = takeBatch() { write(entries) }
    }

    private func takeBatch() -> [Entry]? {
        state.withLock { state in
            guard !state.entries.isEmpty else {
                state.isWriting = false
                return nil
            }
            var bytes = 0
            var count = 0
            while count < state.entries.count, count == 0 || bytes + state.entries[count].bytes <= Self.batchBytes {
                bytes += state.entries[count].bytes
                count += 1
            }
            defer {
                state.entries.removeFirst(count)
                state.bytes -= bytes
            }
            return Array(state.entries.prefix(count))
        }
    }

    /// One batch in each of the partitions concerned. What fails in one is told to those who wrote there.
    private func write(_ entries: [Entry]) {
        let partitions = partitions.withLock { $0 }
        var records: [Int: [Record]] = [:]
        let places = entries.map { entry in
            entry.pieces.map { piece in
                let place = partitions.isEmpty ? 0 : GroupPartition.index(of: piece.group, count: partitions.count)
                records[place, default: []].append(piece.record)
                return place
            }
        }
        var failures: [Int: ErrorCode] = [:]
        var ticket: CommitTicket?
        for (place, records) in records {
            guard partitions.indices.contains(place) else {
                failures[place] = .coordinatorNotAvailable
                continue
            }
            switch append(records, to: partitions[place]) {
            case .success(let written): ticket = max(ticket ?? written, written)
            case .failure(let failure): failures[place] = failure.code
            }
        }
        let answerAll: Done = { [failures] error in
            for (entry, places) in zip(entries, places) {
                entry.done(places.lazy.compactMap { failures[$0] }.first ?? (places.isEmpty ? .none : error))
            }
        }
        guard options.offsetsAcks == .synced, let ticket else { return answerAll(.none) }
        syncing.whenSynced(ticket) { answerAll($0.map { ErrorCode($0) } ?? .none) }
    }

    private struct Failure: Error {
        let code: ErrorCode
    }

    private func append(_ records: [Record], to partition: Partition) -> Result<CommitTicket, Failure> {
        do {
            let batch = try RecordBatch.encode(records)
            guard case .appended(_, let ticket) = try directory.append(batch, to: partition) else {
                return .failure(Failure(code: .unknownServerError))
            }
            return .success(ticket)
        } catch let error as StorageError {
            return .failure(Failure(code: ErrorCode(error)))
        } catch {
            return .failure(Failure(code: .unknownServerError))
        }
    }

    // MARK: - Reading back

    /// Reads everything back, each partition in order. What cannot be read is reported, the groups of that partition are
    /// not known, and the rest goes on.
    /// - Parameters:
    ///   - body: gets each record that counts; a nil value is a tombstone. What it throws is passed over.
    ///   - report: gets sentences, a bounded number for each partition.
    func read(
        _ body: (OffsetsKey, OffsetsReplay.Value) throws(WireError) -> Void, report: (String) -> Void
    ) {
        for partition in partitions.withLock({ $0 }) {
            var replay = OffsetsReplay()
            let name = "\(TopicName.offsets)-\(partition.index)"
            do {
                try read(partition, &replay, body)
            } catch {
                _ = unread.withLock { $0.insert(Int(partition.index)) }
                report(
                    """
                    the groups whose records stand in \(name) are not served, since what they have committed could not \
                    be read: \(error). When the disk gives it again, start again; what is damaged, \
                    `penstock log repair \(TopicName.offsets)` takes out
                    """)
            }
            for (what, count) in replay.passedOver.sorted(by: { $0.key < $1.key }) {
                report("passed over in \(name), \(count) times: \(what)")
            }
        }
    }

    private func read(
        _ partition: Partition, _ replay: inout OffsetsReplay,
        _ body: (OffsetsKey, OffsetsReplay.Value) throws(WireError) -> Void
    ) throws {
        var next = partition.logStart
        repeat {
            // Of one that is offline this says so.
            let slice = try partition.read(from: next, maxBytes: 4 << 20, minOneMessage: true)
            for span in slice.spans {
                try read(try span.source.read(position: span.position, length: span.length), &replay, body)
            }
            guard slice.nextOffset > next else { return }
            next = slice.nextOffset
        } while next < partition.highWatermark
    }

    private func read(
        _ bytes: [UInt8], _ replay: inout OffsetsReplay,
        _ body: (OffsetsKey, OffsetsReplay.Value) throws(WireError) -> Void
    ) throws(RecordError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let header = try BatchHeader(parsing: rest.rawSpan)
            guard header.size <= rest.count else {
                throw .truncated(needed: header.size, remaining: rest.count)
            }
            let batch = rest.prefix(header.size)
            rest = rest.dropFirst(header.size)
            replay.take(batch, limit: options.maxDecompressedBytes, body)
        }
    }
}
