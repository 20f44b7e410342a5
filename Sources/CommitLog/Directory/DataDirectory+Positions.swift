import Platform
import Records

extension DataDirectory {
    /// Nobody knows how far the files were read: rounds are refused until ``settleDamagedPositions(forgetting:)``. A file in
    /// the data directory, ``positionsMark``, says why and keeps it so.
    package var positionsDamaged: Bool { positionsState.withLock { $0 } }

    /// Says how to go on after the positions were damaged. For the operator's command: while pipelines run nothing is
    /// settled.
    ///
    /// Whoever is not forgotten goes on from the newest of its positions that can be read: what it read later than that
    /// comes a second time, and of a round that was under way when the process ended a part may be there.
    /// - Parameter pipelines: those that are to begin anew, with no position at all.
    /// - Returns: the pipelines that go on from what can be read.
    @discardableResult
    package func settleDamagedPositions(forgetting pipelines: Set<String> = []) throws(StorageError) -> [String] {
        let operation = "settle the damaged positions of \(path)"
        try positionsPartition.checkOnline(operation)
        for pipeline in pipelines.sorted() { try forget(pipeline, operation) }
        // What they are from here on is durable before the mark goes.
        try sync()
        try storing(operation) { () throws(DiskError) in
            try disk.removeIfThere("\(path)/\(Self.positionsMark)")
            try disk.syncDirectory(path)
        }
        positionsState.withLock { $0 = false }
        return Set(positionTable.withLock { $0.keys.map(\.pipeline) }).sorted()
    }

    /// Appends a round that only forgets.
    private func forget(_ pipeline: String, _ operation: String) throws(StorageError) {
        let updates = positions(pipeline: pipeline).map {
            PositionUpdate(source: $0.source, position: $0.position, remove: true)
        }
        guard !updates.isEmpty else { return }
        let round = Round(pipeline: pipeline, positions: updates)
        _ = try positionsPartition.writer.withLock { (writer) throws(StorageError) in
            try ledger.check(operation)
            return try appendHeld(round, [], [], writer)
        }
    }
}
