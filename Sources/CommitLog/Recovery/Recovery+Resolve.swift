import Records

/// After an unclean stop: which rounds are whole, what is damage, and what goes.
extension Recovery {
    private struct Commit {
        /// The offset after its batch.
        var end: Offset
        var record: CommitRecord
    }

    mutating func resolve() throws(DiskError) {
        var commits = try readCommits()
        let synced = max(found[history]?.known ?? 0, try highestSynced(commits))
        // Damage in the middle of the positions: rounds cannot be told from halves of rounds, so nothing is rolled back.
        raise(history, known: synced)
        try repairPositions()
        try doubtRounds()
        let rollsBack = offline[history] == nil && !report.positionsDamaged && knowsRecoveryPoints
        measure(history)
        let reach = found[history]?.reach ?? 0
        let all = commits.count
        commits.removeAll { $0.end > reach }

        // What a later record calls synced was durable: if it is not there now, that is damage.
        for commit in commits where commit.end <= synced {
            for end in commit.record.ends { raise(Key(end), known: end.end) }
        }
        let partitions = found.keys.filter { $0 != history }.sorted(by: order)
        for key in partitions {
            try attempt(key) { (recovery) throws(DiskError) in
                _ = try recovery.repairDamage(key)
                recovery.measure(key)
            }
        }
        let counted = count(commits, synced)
        if rollsBack {
            report.roundsRolledBack = all - counted
            let start = found[history].map { max($0.scan.logStart, $0.scan.trusted) } ?? 0
            let end = counted == 0 ? start : commits[counted - 1].end
            try attempt(history) { (recovery) throws(DiskError) in
                try recovery.cut(recovery.history, at: end, reason: "unfinished rounds")
            }
        } else {
            try attempt(history) { (recovery) throws(DiskError) in try recovery.cutTears(recovery.history) }
        }
        for key in partitions {
            try attempt(key) { (recovery) throws(DiskError) in
                if rollsBack, let orphan = recovery.firstUncovered(key) {
                    try recovery.cut(key, at: orphan, reason: "records of a round without commit record")
                } else {
                    try recovery.cutTears(key)
                }
            }
        }
    }

    private mutating func repairPositions() throws(DiskError) {
        guard let partition = found[history], let hole = try damagedHole(partition) else { return }
        try markPositions(
            "\(partition.place.path): offsets \(hole.from) to \(hole.to - 1) are damaged (\(hole.reason))")
        try attempt(history) { (recovery) throws(DiskError) in _ = try recovery.repairDamage(recovery.history) }
    }

    /// Without the recovery points nobody can tell a batch without commit record from one whose record compaction took, and
    /// none is cut for it. After a clean stop all rounds are whole, if nothing else is wrong.
    private mutating func doubtRounds() throws(DiskError) {
        guard !knowsRecoveryPoints, offline[history] == nil,
            found.contains(where: { $0.key == history ? $0.value.scan.logEnd > 0 : !$0.value.scan.rounds.isEmpty }),
            !wasClosed || found.values.contains(where: { !$0.scan.spots($0.rules).isEmpty })
        else { return }
        let file = "\(path)/\(OffsetCheckpoint.Name.recoveryPoint.rawValue)"
        try markPositions("\(file) was lost: nobody knows which of the last rounds are whole")
    }

    func order(_ a: Key, _ b: Key) -> Bool {
        (a.topic.high, a.topic.low, a.partition) < (b.topic.high, b.topic.low, b.partition)
    }

    /// Those above the recovery point: the ones below count.
    private func readCommits() throws(DiskError) -> [Commit] {
        var commits: [Commit] = []
        // Every checksum from there on was checked.
        _ = try forEachBatch(history, from: found[history]?.scan.trusted ?? 0) { header, records in
            if let commit = Self.commit(header, records) { commits.append(commit) }
        }
        return commits
    }

    /// The end of the commit records that any commit record calls synced. What stands behind a bad one counts as well: it
    /// was true when it was written, whatever became of the rest.
    private func highestSynced(_ commits: [Commit]) throws(DiskError) -> Offset {
        var highest = commits.reduce(0) { max($0, $1.record.synced) }
        guard let partition = found[history] else { return highest }
        for segment in partition.scan.segments {
            var behind = try BatchesBehind(damageIn: segment, partition.rules, disk: disk)
            while let batch = try behind.next() {
                let bytes = try disk.open(segment.stem + ".log", .read).readBytes(at: batch.position, count: batch.size)
                if let commit = Self.commit(in: bytes) { highest = max(highest, commit.record.synced) }
            }
        }
        return highest
    }

    private static func commit(in bytes: [UInt8]) -> Commit? {
        guard let (header, records) = try? RecordBatch.decode(bytes.rawSpan, limit: 128 << 20) else { return nil }
        return commit(header, records)
    }

    private static func commit(_ header: BatchHeader, _ records: [Record]) -> Commit? {
        guard let last = records.last, let bytes = last.key, let value = last.value,
            case .commit(let pipeline)? = try? PositionsKey(decoding: bytes),
            let record = try? CommitRecord(pipeline: pipeline, decoding: value)
        else { return nil }
        return Commit(end: header.nextOffset, record: record)
    }

    /// Takes note that a partition was durable up to an offset once.
    mutating func raise(_ key: Key, known: Offset) {
        guard var partition = found[key] else { return }
        partition.known = max(partition.known, known)
        found[key] = partition
    }

    private mutating func measure(_ key: Key) {
        guard var partition = found[key] else { return }
        partition.reach = partition.scan.spots(partition.rules).first?.offset ?? partition.scan.logEnd
        found[key] = partition
    }

    /// Walks the commit records in order, up to the first whose partitions are not all there.
    /// - Returns: how many count.
    private mutating func count(_ commits: [Commit], _ synced: Offset) -> Int {
        for (place, commit) in commits.enumerated() {
            guard commit.end <= synced || commit.record.ends.allSatisfy(isThere) else {
                if options.omitted.contains(.commitOrder) { continue }
                return place
            }
            for end in commit.record.ends {
                guard var partition = found[Key(end)] else { continue }
                partition.covered = max(partition.covered, end.end)
                found[Key(end)] = partition
            }
        }
        return commits.count
    }

    /// A partition that is not there was deleted, and what lies below a log's start was retained away: both count. So does
    /// what lies below a recovery point; and what nobody can look at, since it may be there.
    private func isThere(_ end: CommitRecord.End) -> Bool {
        guard let partition = found[Key(end)] else { return true }
        if end.end <= max(partition.scan.logStart, partition.scan.trusted, partition.rules.adoptedEnd) { return true }
        guard end.end <= partition.reach else { return false }
        if partition.scan.isBridged(end.end) { return true }
        let rounds = partition.scan.rounds
        var low = 0
        var high = rounds.count
        while low < high {
            let middle = (low + high) / 2
            if rounds[middle].end < end.end { low = middle + 1 } else { high = middle }
        }
        guard low < rounds.count, rounds[low].end == end.end else { return false }
        return rounds[low].crc == end.crc || options.omitted.contains(.commitChecksums)
    }

    /// Where the first batch of a round begins that no commit record covers.
    private func firstUncovered(_ key: Key) -> Offset? {
        guard let partition = found[key] else { return nil }
        return partition.scan.rounds.first { $0.base >= partition.covered && $0.base < partition.reach }?.base
    }
}

extension Recovery.Key {
    init(_ end: CommitRecord.End) { self.init(topic: end.topic, partition: end.partition) }
}
