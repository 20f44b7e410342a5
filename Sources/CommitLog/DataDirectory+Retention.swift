import Platform

extension DataDirectory {
    /// Deletes whole segments that their topic's ``Retention`` does not keep, oldest first. The active segment is rolled
    /// first if it is to go.
    ///
    /// Nothing that a power loss could take is deleted: a pass comes first.
    /// - Parameter now: milliseconds since 1970, for `retention.ms`; nil leaves that out.
    /// - Returns: bytes deleted.
    @discardableResult
    package func enforceRetention(now: Int64? = nil) throws(StorageError) -> Int64 {
        var freed: Int64 = 0
        for topic in topics() where !topic.isInternal {
            for partition in topic.partitions {
                let isDue = try storing("look for old segments of \(partition.name)") { () throws(DiskError) in
                    try partition.hasExpired(now)
                }
                guard isDue else { continue }
                try sync()
                freed += try partition.housekeeping.run { () throws(StorageError) in try trim(partition, now) }
            }
        }
        return freed
    }

    /// What size and log start do not keep goes at once, as far as it is durable, so that a topic stays under its cap
    /// however fast it grows.
    func trimAtOnce(_ partition: Partition) {
        // What was to be done is done. What cannot be deleted now is tried again by ``enforceRetention(now:)``.
        guard (try? partition.hasExpired(nil)) ?? false else { return }
        // Who appends waits for nobody.
        _ = try? partition.housekeeping.runIfFree { () throws(StorageError) in try trim(partition, nil) }
    }

    private func trim(_ partition: Partition, _ now: Int64?) throws(StorageError) -> Int64 {
        let operation = "delete old segments of \(partition.name)"
        try ledger.check(operation)
        return try storing(operation) { () throws(DiskError) in
            let old = try partition.writer.withLock { (writer) throws(DiskError) in
                // Only what is durable: the pass may have begun before the last append.
                guard !writer.isDeleted else { return [Segment]() }
                let retention = partition.retention(now)
                return try writer.trim { (segment, next, total) throws(DiskError) in
                    try retention.expires(segment, next: next, total: total)
                }
            }
            return try discard(old, of: partition, now: now)
        }
    }
}

extension Partition {
    fileprivate func retention(_ now: Int64?) -> Retention {
        let view = self.view.withLock { $0 }
        return Retention(settings: view.settings, logStart: view.logStart, now: now)
    }

    /// Whether the oldest segment is to go.
    fileprivate func hasExpired(_ now: Int64?) throws(DiskError) -> Bool {
        let view = self.view.withLock { $0 }
        let next = view.segments.count > 1 ? view.segments[1] : nil
        guard !view.isDeleted, next != nil || view.segments[0].size > 0 else { return false }
        return try retention(now).expires(view.segments[0], next: next, total: size)
    }
}
