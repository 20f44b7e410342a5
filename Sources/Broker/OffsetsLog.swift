import CommitLog
import KafkaProtocol
import Platform
import Records

/// `__consumer_offsets`: what groups decided and committed, in Kafka's own record formats.
///
/// Writes are taken in order and gathered: while one append is under way, what comes meanwhile becomes one batch. So the
/// order of the log is the order of the calls, whichever worker appends.
final class OffsetsLog: Sendable {
    typealias Done = @Sendable (ErrorCode) -> Void

    private struct Entry {
        let records: [Record]
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
    private let partition = Lock<Partition?>(nil)
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

    /// Makes the topic if it is missing. One partition: there is one broker to spread groups over.
    func open() throws(StorageError) {
        let topic =
            if let existing = directory.topic(named: TopicName.offsets) { existing } else {
                try directory.createTopic(
                    TopicName.offsets, partitions: 1,
                    configuration: [
                        "cleanup.policy": "compact", "max.message.bytes": "\(Self.maxMessageBytes)",
                        // A start reads all of it: what is compacted, and up to one segment that is not.
                        "segment.bytes": "16777216", "retention.ms": "-1",
                    ], internal: true)
            }
        partition.withLock { $0 = topic.partitions.first }
    }

    /// Appends records, in the order of the calls.
    /// - Parameter done: called on another thread once they are as safe as ``BrokerOptions/offsetsAcks`` says, or with
    ///   what went wrong; without records once all before them are through.
    /// - Returns: false if too much waits already, or the broker is stopping: `done` will not be called.
    func write(_ records: [Record], _ done: @escaping Done) -> Bool {
        let bytes = records.reduce(64) { $0 + ($1.key?.count ?? 0) + ($1.value?.count ?? 0) + 64 }
        return state.withLock { state in
            guard state.entries.isEmpty || state.bytes + bytes <= options.maxQueuedCommitBytes else { return false }
            // At most one such job at a time, so that it need not be bounded by the queue. It takes this lock, but not
            // on this thread.
            if !state.isWriting { state.isWriting = workers.submitUnbounded { [self] in writeAll() } }
            guard state.isWriting else { return false }
            state.entries.append(Entry(records: records, bytes: bytes, done: done))
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

    private func write(_ entries: [Entry]) {
        let answerAll: Done = { error in
            for entry in entries { entry.done(error) }
        }
        let records = entries.flatMap(\.records)
        guard !records.isEmpty else { return answerAll(.none) }
        guard let partition = partition.withLock({ $0 }) else { return answerAll(.coordinatorNotAvailable) }
        do {
            let batch = try RecordBatch.encode(records)
            guard case .appended(_, let ticket) = try directory.append(batch, to: partition) else {
                return answerAll(.unknownServerError)
            }
            switch options.offsetsAcks {
            case .appended: answerAll(.none)
            case .synced: syncing.whenSynced(ticket) { answerAll($0.map { ErrorCode($0) } ?? .none) }
            }
        } catch let error as StorageError {
            answerAll(ErrorCode(error))
        } catch {
            answerAll(.unknownServerError)
        }
    }

    /// Reads everything back, in order.
    /// - Parameters:
    ///   - body: gets each record that is known here; a nil value is a tombstone.
    ///   - report: gets a sentence for each batch or record that cannot be read; the rest goes on.
    func read(
        _ body: (OffsetsKey, ArraySlice<UInt8>?) -> Void, report: (String) -> Void
    ) throws(StorageError) {
        guard let partition = partition.withLock({ $0 }) else { return }
        var next = partition.logStart
        while next < partition.highWatermark {
            let slice = try partition.read(from: next, maxBytes: 4 << 20, minOneMessage: true)
            guard slice.nextOffset > next else { return }
            for span in slice.spans {
                do {
                    let bytes = try span.source.read(position: span.position, length: span.length)
                    read(bytes, body, report: report)
                } catch {
                    report("cannot read \(TopicName.offsets)-0 at offset \(next): \(error)")
                }
            }
            next = slice.nextOffset
        }
    }

    private func read(
        _ bytes: [UInt8], _ body: (OffsetsKey, ArraySlice<UInt8>?) -> Void, report: (String) -> Void
    ) {
        var rest = bytes[...]
        while !rest.isEmpty {
            do {
                let header = try BatchHeader(parsing: rest.rawSpan)
                guard header.size <= rest.count else { return report("\(TopicName.offsets)-0 ends within a batch") }
                let batch = rest.prefix(header.size)
                rest = rest.dropFirst(header.size)
                for record in try RecordBatch.decode(batch.rawSpan, limit: options.maxDecompressedBytes).1
                where !header.isControl {
                    guard let key = record.key, let known = try OffsetsKey.decode(key[...]) else { continue }
                    body(known, record.value?[...])
                }
            } catch {
                return report("cannot read a batch of \(TopicName.offsets)-0: \(error)")
            }
        }
    }
}
