import CommitLog
import Pipelines
import Records

// A topic that was deleted beneath a pipeline and made again by someone else may have another number of partitions. What
// is under way was sorted for the old number: it is taken apart and sorted again. Rare, so it may be slow.
extension OpenRound {
    /// How batches are made anew; the sequence numbers go on with each batch.
    struct Rescatter {
        var partitions: Int
        var finish: EncodeJob.Finish
        var sequences: [Int32]
    }

    /// Sorts the events of this round, whose jobs are all done, into other partitions, in their order.
    mutating func rescatter(_ plan: inout Rescatter) throws {
        var records = [[Record]](repeating: [], count: plan.partitions)
        for job in jobs {
            guard let batch = try job.result?.get() else { continue }
            // What was encoded here decodes within the same bounds.
            let (_, decoded) = try RecordBatch.decode(batch.bytes, limit: 1 << 30)
            for record in decoded {
                let hash = record.key.map { murmur2($0.rawSpan) }
                let place = hash.map { Int($0 & 0x7fff_ffff) } ?? job.partition
                records[place % plan.partitions].append(record)
            }
        }
        replaceJobs(with: try records.indices.flatMap { try Self.jobs(of: records[$0], partition: $0, &plan) })
    }

    /// Batches of a bounded size, so that none is larger than a topic takes.
    private static func jobs(
        of records: [Record], partition: Int, _ plan: inout Rescatter
    ) throws -> [EncodeJob] {
        var jobs: [EncodeJob] = []
        var start = 0
        while start < records.count {
            var end = start
            var bytes = 0
            while end < records.count, end == start || bytes < 128 << 10 {
                bytes += records[end].value?.count ?? 0
                end += 1
                if end < records.count, bytes + (records[end].value?.count ?? 0) > 256 << 10 { break }
            }
            let finish = plan.finish
            let batch = try RecordBatch.encode(
                Array(records[start..<end]), codec: finish.codec, level: finish.level, producerId: finish.producer,
                producerEpoch: finish.epoch, baseSequence: plan.sequences[partition])
            plan.sequences[partition] = ProducerStamp.sequence(plan.sequences[partition], movedBy: batch.count)
            jobs.append(EncodeJob(done: batch, partition: partition, finish: finish))
            start = end
        }
        return jobs
    }
}
