import Platform
import Records

extension DataDirectory {
    /// Ends a producer's transaction in a partition by a marker.
    ///
    /// Where nothing is open the marker takes an offset all the same, and the producer's epoch rises to `epoch`.
    /// - Parameter timestamp: now, in milliseconds since 1970.
    /// - Returns: as for a client's batch; refused is a lower epoch than the producer's or the last coordinator's.
    package func append(
        _ marker: TransactionMarker, producer: Int64, epoch: Int16, timestamp: Int64, to partition: Partition
    ) throws(StorageError) -> AppendResult {
        let batch: EncodedBatch
        do throws(RecordError) {
            batch = try marker.batch(producer: producer, epoch: epoch, timestamp: timestamp)
        } catch {
            throw StorageError("end a transaction in \(partition.name)", .record(error))
        }
        return try append(batch, to: partition)
    }

    /// Forgets the producers that have been silent for ``LogOptions/producerExpirationMilliseconds``.
    /// - Parameter now: milliseconds since 1970. What counts is the timestamp of a producer's last batch.
    /// - Returns: how many went.
    @discardableResult
    package func expireProducers(now: Int64) -> Int {
        let (before, overflow) = now.subtractingReportingOverflow(options.producerExpirationMilliseconds)
        guard !overflow else { return 0 }
        return topics().flatMap(\.partitions).reduce(0) { sum, partition in
            sum + partition.writer.withLock { $0.expireProducers(before: before) }
        }
    }
}
