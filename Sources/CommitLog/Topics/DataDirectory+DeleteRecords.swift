import Platform
package import Records

extension DataDirectory {
    /// Where a partition is to begin; nil is its high watermark.
    package typealias Deletion = (partition: Partition, before: Offset?)

    /// Moves the first readable offsets of partitions up (DeleteRecords); durable when this returns.
    ///
    /// An offset below a log's start changes nothing. Whole segments below the new start go soon; a batch around it
    /// stays, and readers are given it from the new start on.
    /// - Returns: for each, its first readable offset now, or `outOfRange` or `deleted`.
    /// - Throws: when a start could not be made durable. Then it counts until the next opening, and may be lost with it.
    package func deleteRecords(_ wanted: [Deletion]) throws(StorageError) -> [Result<Offset, StorageError>] {
        try ledger.check("delete records")
        let targets = wanted.map { deletion in
            Result { () throws(StorageError) in try Self.target(of: deletion) }
        }
        // Else a power loss could take the end of a log back below its start. All targets are visible: a pass covers them.
        try sync()
        let moved = zip(wanted, targets).map { deletion, target in
            target.flatMap { offset in deletion.partition.begin(at: offset) }
        }
        try withReserve { () throws(StorageError) in try writeLogStarts() }
        for (deletion, start) in zip(wanted, moved) {
            if case .success = start { trimAtOnce(deletion.partition) }
        }
        return moved
    }

    private static func target(of deletion: Deletion) throws(StorageError) -> Offset {
        let partition = deletion.partition
        try partition.checkOnline("delete records of \(partition.name)")
        let view = partition.view.withLock { $0 }
        guard let offset = deletion.before else { return view.highWatermark }
        guard offset >= 0, offset <= view.highWatermark else {
            throw StorageError(
                "delete records of \(partition.name)",
                .outOfRange(offset, available: view.logStart...view.highWatermark))
        }
        return offset
    }
}

extension Partition {
    fileprivate func begin(at offset: Offset) -> Result<Offset, StorageError> {
        writer.withLock { writer in
            guard !writer.isDeleted else {
                return .failure(StorageError("delete records of \(name)", .deleted(topic: topicName)))
            }
            return .success(writer.begin(at: offset))
        }
    }
}
