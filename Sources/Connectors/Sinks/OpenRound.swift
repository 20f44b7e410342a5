import CommitLog
import Pipelines
import Platform
import Records

/// What a topic sink brings home in one atomic append: batches under way to be encoded, and the positions behind them.
struct OpenRound {
    private(set) var jobs: [EncodeJob] = []
    private(set) var events = 0
    /// Of events taken, before compression.
    private(set) var bytes = 0
    let latch = Latch()
    /// When the first of its events came.
    let began: Instant
    private var positions: [PositionKey: PositionUpdate] = [:]

    private struct PositionKey: Hashable {
        var source: String
        var device: UInt64
        var inode: UInt64
        var generation: UInt32
    }

    init(began: Instant) { self.began = began }

    mutating func add(_ batch: SourceBatch, bytes: Int) {
        events += batch.events.events.count
        self.bytes += bytes
        for update in batch.positions {
            let place = update.position
            let key = PositionKey(
                source: update.source, device: place.device, inode: place.inode, generation: place.generation)
            positions[key] = update
        }
    }

    mutating func add(_ job: EncodeJob) { jobs.append(job) }

    /// - Parameter others: done already, with the same events.
    mutating func replaceJobs(with others: [EncodeJob]) { jobs = others }

    /// Of the whole round, once the latch is open.
    /// - Throws: the first error of an encoder.
    func round(pipeline: String, partitions: [Partition]) throws -> (round: Round, bytes: Int) {
        var counts = [Int](repeating: 0, count: partitions.count)
        for job in jobs { counts[job.partition] += 1 }
        var batches = [[EncodedBatch]](repeating: [], count: partitions.count)
        for (partition, count) in counts.enumerated() where count > 0 { batches[partition].reserveCapacity(count) }
        var bytes = 0
        for job in jobs {
            guard let batch = try job.result?.get() else { continue }
            batches[job.partition].append(batch)
            bytes += batch.size
        }
        var round = Round(pipeline: pipeline, positions: Array(positions.values))
        round.parts.reserveCapacity(partitions.count)
        for (partition, batches) in zip(partitions, batches) where !batches.isEmpty {
            round.parts.append((partition: partition, batches: batches))
        }
        return (round, bytes)
    }
}
