import Platform
import Records

extension DataDirectory {
    /// Nobody knows how far the files were read: rounds are refused until
    /// ``settleDamagedPositions(forgetting:passingOver:)``. A file in the data directory, ``positionsMark``, says why and
    /// keeps it so.
    package var positionsDamaged: Bool { positionsState.withLock { $0 } }

    /// Says how to go on after the positions were damaged. For the operator's command: while pipelines run nothing is
    /// settled.
    ///
    /// Whoever is not named goes on from the newest of its positions that can be read: what it read later than that
    /// comes a second time, and of a round that was under way when the process ended a part may be there.
    /// - Parameters:
    ///   - pipelines: those that are to begin anew, with no position at all.
    ///   - passing: those that are to begin anew behind what their files have at their next start; see
    ///     ``passesOver(pipeline:)``.
    /// - Returns: the pipelines that go on from what can be read.
    @discardableResult
    package func settleDamagedPositions(
        forgetting pipelines: Set<String> = [], passingOver passing: Set<String> = []
    ) throws(StorageError) -> [String] {
        let operation = "settle the damaged positions of \(path)"
        try positionsPartition.checkOnline(operation)
        for pipeline in pipelines.sorted() { try forget(pipeline, [], operation) }
        for pipeline in passing.sorted() { try forget(pipeline, [.passingOver], operation) }
        // What they are from here on is durable before the mark goes.
        try sync()
        try storing(operation) { () throws(DiskError) in
            try disk.removeIfThere("\(path)/\(Self.positionsMark)")
            try syncNames(of: path)
        }
        positionsState.withLock { $0 = false }
        let kept = positionTable.withLock { $0.keys.filter { !$0.isPassingOver }.map(\.pipeline) }
        return Set(kept).sorted()
    }

    /// Appends a round that forgets all that is committed of a pipeline, and keeps `updates` instead.
    private func forget(
        _ pipeline: String, _ updates: [PositionUpdate], _ operation: String
    ) throws(StorageError) {
        let old = positions(pipeline: pipeline).map {
            PositionUpdate(source: $0.source, position: $0.position, remove: true)
        }
        guard !old.isEmpty || !updates.isEmpty else { return }
        let round = Round(pipeline: pipeline, positions: old + updates)
        _ = try positionsPartition.writer.withLock { (writer) throws(StorageError) in
            try ledger.check(operation)
            return try appendHeld(round, [], [], writer)
        }
    }

    // MARK: - From the end

    /// Those of whom a position can be read, and those that have written to topics.
    package var pipelines: Set<String> {
        let writers = naming.withLock { Set($0.pipelines.keys) }
        return positionTable.withLock { writers.union($0.keys.map(\.pipeline)) }
    }

    /// Whether a pipeline is to pass over what its files have when it starts. It was chosen when its positions were
    /// damaged, and holds until ``passOver(pipeline:to:)``.
    package func passesOver(pipeline: String) -> Bool {
        positionTable.withLock { $0[FileKey(pipeline: pipeline, .passingOver)] != nil }
    }

    /// Commits where a pipeline begins in the files that it found, and then that the choice is spent. A crash between leaves
    /// the choice, and the next start finds where it begins anew.
    ///
    /// It is durable when this returns; before, nothing may be read. *Else a power loss could bring the choice back when
    /// lines were read behind these positions, and the next start would pass over them.*
    /// - Parameter share: how many positions a round has, so that however many there are it can be written and read back.
    package func passOver(
        pipeline: String, to positions: [PositionUpdate], share: Int = 10_000
    ) throws(StorageError) {
        for start in stride(from: 0, to: positions.count, by: share) {
            let some = positions[start..<min(start + share, positions.count)]
            _ = try append(Round(pipeline: pipeline, positions: Array(some)))
        }
        var spent = PositionUpdate.passingOver
        spent.remove = true
        _ = try append(Round(pipeline: pipeline, positions: [spent]))
        try sync()
    }
}

extension PositionUpdate {
    /// The choice of ``DataDirectory/passesOver(pipeline:)``: a position of no source in no file. So it is durable, kept
    /// by compaction and forgotten like any other, and in one round with them.
    static let passingOver = PositionUpdate(source: "", position: SourcePosition())
}

extension FileKey {
    /// Whether it is that of ``PositionUpdate/passingOver``.
    var isPassingOver: Bool { self == FileKey(pipeline: pipeline, .passingOver) }
}
