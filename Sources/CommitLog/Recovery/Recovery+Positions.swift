import Records

/// What was committed of the sources' positions, and whether it can be trusted.
extension Recovery {
    var history: Key { Key(topic: positionsPlace.id, partition: 0) }

    /// Reads the committed positions back.
    mutating func readPositions() throws(DiskError) {
        if let failed = offline[history] {
            // Whatever an unclean stop left of the rounds cannot be told from what was whole. A new directory had none.
            if isStrict && !report.isNew {
                try markPositions("\(positionsPlace.path) cannot be read: \(failed.reason)")
            }
            report.positionsDamaged = true
            return
        }
        if let reason = try collectPositions() {
            try markPositions(reason)
            try attempt(history) { (recovery) throws(DiskError) in try recovery.bridgeRot(recovery.history) }
            _ = try collectPositions()
        }
    }

    /// - Returns: what of the positions cannot be read, if there is such.
    private mutating func collectPositions() throws(DiskError) -> String? {
        positions = [:]
        return try forEachBatch(history, from: 0) { _, records in
            for record in records where !take(record) { report.positionsDamaged = true }
        }
    }

    /// - Returns: whether the record could be read.
    private mutating func take(_ record: Record) -> Bool {
        guard let bytes = record.key, let key = try? PositionsKey(decoding: bytes) else { return false }
        guard case .position(let file) = key else { return true }
        guard let value = record.value else {
            positions[file] = nil
            return true
        }
        guard let position = try? SourcePosition(decoding: value) else { return false }
        positions[file] = position
        return true
    }

    /// Leaves the mark that nobody knows how far the files were read: durable before anything else is changed, and there
    /// until somebody says how to go on.
    mutating func markPositions(_ reason: String) throws(DiskError) {
        report.positionsDamaged = true
        let mark = "\(path)/\(DataDirectory.positionsMark)"
        // One that is there gets its name anew: the sync of it may have failed.
        let old = try disk.readFile(mark, limit: OffsetCheckpoint.sizeLimit)
        try disk.replaceFile(mark, with: old ?? Array("\(reason)\n".utf8))
        try disk.syncDirectory(path)
    }
}

extension DataDirectory {
    /// There while nobody knows how far the files were read: says why.
    package static let positionsMark = "penstock-positions-damaged"
}
