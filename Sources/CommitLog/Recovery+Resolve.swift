import Records

/// After an unclean stop: which rounds are whole, what is damage, and what goes.
extension Recovery {
    private struct Commit {
        /// The offset after its batch.
        var end: Offset
        var record: CommitRecord
    }

    mutating func resolve() throws(DiskError) {
        let history = Key(topic: positionsPlace.id, partition: 0)
        var commits = try readCommits(history)
        let synced = try highestSynced(history, commits)
        // Damage in the middle of the positions: rounds cannot be told from halves of rounds, so nothing is rolled back.
        raise(history, known: synced)
        let isDamagedNow = try repairDamage(history)
        let wasDamagedBefore = try hasBridge(history)
        report.positionsDamaged = isDamagedNow || wasDamagedBefore
        measure(history)
        let reach = found[history]?.reach ?? 0
        report.roundsRolledBack = commits.count
        commits.removeAll { $0.end > reach }

        // What a later record calls synced was durable: if it is not there now, that is damage.
        for commit in commits where commit.end <= synced {
            for end in commit.record.ends { raise(Key(end), known: end.end) }
        }
        let partitions = found.keys.filter { $0 != history }.sorted(by: order)
        for key in partitions { _ = try repairDamage(key) }
        for key in partitions { measure(key) }
        let counted = count(commits, synced)
        report.roundsRolledBack -= counted
        if !report.positionsDamaged {
            let end = counted == 0 ? found[history]?.scan.logStart ?? 0 : commits[counted - 1].end
            try cut(history, at: end, reason: "unfinished rounds")
        }
        for key in partitions {
            if !report.positionsDamaged, let orphan = firstUncovered(key) {
                try cut(key, at: orphan, reason: "records of a round without commit record")
            } else {
                try cutTears(key)
            }
        }
        try readPositions(upTo: .max)
    }

    private func order(_ a: Key, _ b: Key) -> Bool {
        (a.topic.high, a.topic.low, a.partition) < (b.topic.high, b.topic.low, b.partition)
    }

    private func readCommits(_ key: Key) throws(DiskError) -> [Commit] {
        var commits: [Commit] = []
        try forEachBatch(key) { header, records in
            if let commit = Self.commit(header, records) { commits.append(commit) }
        }
        return commits
    }

    /// The end of the commit records that any commit record calls synced. What stands behind a bad one counts as well: it
    /// was true when it was written, whatever became of the rest.
    private func highestSynced(_ key: Key, _ commits: [Commit]) throws(DiskError) -> Offset {
        var highest = commits.reduce(0) { max($0, $1.record.synced) }
        for segment in found[key]?.scan.segments ?? [] where segment.bad != nil {
            let file = try disk.open(segment.stem + ".log", .read)
            var position = segment.validSize
            while let next = try Self.batch(
                in: file, behind: position, after: segment.nextOffset, end: segment.fileSize)
            {
                let bytes = try file.readBytes(at: next.position, count: next.size)
                if let commit = Self.commit(in: bytes) { highest = max(highest, commit.record.synced) }
                position = next.position + Int64(next.size) - 1
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

    /// Whether an earlier recovery found damage in the positions, and left an empty batch in its place.
    private func hasBridge(_ key: Key) throws(DiskError) -> Bool {
        var hasBridge = false
        try forEachBatch(key) { header, _ in
            if header.recordsCount == 0 { hasBridge = true }
        }
        return hasBridge
    }

    /// Takes note that a partition was durable up to an offset once.
    private mutating func raise(_ key: Key, known: Offset) {
        guard var partition = found[key] else { return }
        partition.known = max(partition.known, known)
        found[key] = partition
    }

    private mutating func measure(_ key: Key) {
        guard var partition = found[key] else { return }
        let spots = partition.scan.spots(isStrict: true, adoptedEnd: partition.rules.adoptedEnd)
        partition.reach = spots.first?.offset ?? partition.scan.logEnd
        found[key] = partition
    }

    /// Walks the commit records in order, up to the first whose partitions are not all there.
    /// - Returns: how many count.
    private mutating func count(_ commits: [Commit], _ synced: Offset) -> Int {
        for (place, commit) in commits.enumerated() {
            guard commit.end <= synced || commit.record.ends.allSatisfy(isThere) else { return place }
            for end in commit.record.ends {
                guard var partition = found[Key(end)] else { continue }
                partition.covered = max(partition.covered, end.end)
                found[Key(end)] = partition
            }
        }
        return commits.count
    }

    /// A partition that is not there was deleted, and what lies below a log's start was retained away: both count.
    private func isThere(_ end: CommitRecord.End) -> Bool {
        guard let partition = found[Key(end)] else { return true }
        if end.end <= partition.scan.logStart { return true }
        guard end.end <= partition.reach else { return false }
        let rounds = partition.scan.rounds
        var low = 0
        var high = rounds.count
        while low < high {
            let middle = (low + high) / 2
            if rounds[middle].end < end.end { low = middle + 1 } else { high = middle }
        }
        return low < rounds.count && rounds[low].end == end.end && rounds[low].crc == end.crc
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
