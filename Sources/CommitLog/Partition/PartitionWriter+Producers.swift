import Records

/// What is kept beside the log so that producers and transactions need not be read from it.
extension PartitionWriter {
    /// The transaction that a marker aborts. A marker is appended alone, and has its offset already.
    func aborted(by batches: [EncodedBatch]) -> AbortedTransaction? {
        guard let batch = batches.first, batch.header.isControl, let marker = TransactionMarker(batch) else {
            return nil
        }
        return producers.ended(by: batch.header, marker)?.aborted
    }

    /// Writes an aborted transaction into the active segment's index: before its marker is visible, so that whoever reads
    /// past it is told.
    func noteAborted(_ entry: AbortedTransaction) throws(DiskError) {
        let before = try active.aborted.count()
        abortedBefore = before
        ledger.touch(try active.aborted.append(entry), bytes: Int64(TransactionIndex.entrySize))
        if before == 0 { ledger.touch(directory: directory) }
    }

    /// Takes away what ``noteAborted(_:)`` wrote for an append that failed.
    func forgetAborted() throws(DiskError) {
        guard let before = abortedBefore else { return }
        if let file = try active.aborted.cutBack(to: before) { ledger.touch(file, bytes: 0) }
        settleAborted()
    }

    /// What ``noteAborted(_:)`` wrote stays, or is gone: from here on the file is open only until it is synced.
    func settleAborted() {
        guard abortedBefore != nil else { return }
        active.aborted.close()
        abortedBefore = nil
    }

    /// Leaves a snapshot at the end of the log, unless one stands there: with it, and with the pass and the checkpoint that
    /// follow, nothing below the recovery point need be read.
    func writeProducers() throws(DiskError) {
        guard snapshotEnd != logEnd, logEnd > 0 else { return }
        try writeSnapshot()
        if logEnd != active.base { looseSnapshots.append(logEnd) }
    }

    /// Writes a snapshot at the end of the log, where the next segment begins.
    func writeSnapshot() throws(DiskError) {
        ledger.touch(try ProducerSnapshot.write(producers, in: directory, at: logEnd, disk: disk), bytes: 0)
        ledger.touch(directory: directory)
        snapshotEnd = logEnd
    }

    /// Removes the snapshots that a checkpoint made needless: those below it that are no segment's own.
    /// - Parameter checkpoint: where ``writeProducers()`` left one, durable by now and named by the checkpoint's file.
    func removeSnapshots(below checkpoint: Offset) throws(DiskError) {
        let gone = looseSnapshots.filter { $0 < checkpoint && $0 != snapshotEnd }
        guard !gone.isEmpty else { return }
        looseSnapshots.removeAll { gone.contains($0) }
        for offset in gone { try disk.removeIfThere(ProducerSnapshot.path(directory, offset)) }
        ledger.touch(directory: directory)
    }

    /// Forgets producers that have been silent; see ``ProducerTable/expire(before:)``.
    func expireProducers(before time: Int64) -> Int { producers.expire(before: time) }
}
