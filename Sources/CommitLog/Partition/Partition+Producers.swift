import Platform
package import Records

/// What a partition remembers of a producer.
package struct ProducerState: Hashable, Sendable {
    package var producerId: Int64
    package var epoch: Int16
    /// -1 if no batch of this epoch is known.
    package var lastSequence: Int32
    /// Of the last batch or marker, by whoever wrote it: milliseconds since 1970.
    package var timestamp: Int64
    /// Of the last marker; -1 before the first.
    package var coordinatorEpoch: Int32
    /// Where its open transaction began.
    package var transactionStart: Offset?
}

extension Partition {
    /// The producers that are remembered, by id; at most ``LogOptions/producersPerPartition`` and those that may not be
    /// forgotten. Waits for an append that is under way.
    package func producers() -> [ProducerState] {
        let entries = writer.withLock { $0.producers.entries }
        return entries.sorted { $0.key < $1.key }.map { id, entry in
            ProducerState(
                producerId: id, epoch: entry.epoch, lastSequence: entry.batches.last?.lastSequence ?? -1,
                timestamp: entry.timestamp, coordinatorEpoch: entry.coordinatorEpoch,
                transactionStart: entry.transactionStart)
        }
    }
}
