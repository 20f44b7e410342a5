import Platform

extension DataDirectory {
    /// Deletes whole segments that their topic's ``Retention`` does not keep, oldest first. The active segment is rolled
    /// first if it is to go; on a full disk with the reserve's room.
    ///
    /// A pass comes first, since what a power loss could take is not deleted.
    /// - Parameter now: milliseconds since 1970, for `retention.ms`; nil leaves that out.
    /// - Returns: bytes deleted.
    /// - Throws: the first failure, after all other partitions have had their turn. What could not be deleted is tried
    ///   again by the next call.
    @discardableResult
    package func enforceRetention(now: Int64? = nil) throws(StorageError) -> Int64 {
        var freed: Int64 = 0
        var failure: StorageError?
        for topic in topics() where !topic.isInternal {
            for partition in topic.partitions {
                do throws(StorageError) { freed += try enforceRetention(of: partition, now) } catch {
                    failure = failure ?? error
                }
            }
        }
        if let failure { throw failure }
        return freed
    }

    private func enforceRetention(of partition: Partition, _ now: Int64?) throws(StorageError) -> Int64 {
        let expired = try storing("look for old segments of \(partition.name)") { () throws(DiskError) in
            try partition.expired(now)
        }
        guard expired > 0 || !partition.housekeeping.leftovers.isEmpty else { return 0 }
        try sync()
        return try partition.housekeeping.run { () throws(StorageError) in try trim(partition, now) }
    }

    /// What size and log start do not keep goes at once, as far as it is durable, so that a topic stays under its cap
    /// however fast it grows.
    func trimAtOnce(_ partition: Partition) {
        // What was to be done is done. What cannot be deleted now is tried again by ``enforceRetention(now:)``.
        guard (try? partition.expired(nil)) ?? 0 > 0 else { return }
        // Who appends waits for nobody.
        _ = try? partition.housekeeping.runIfFree { () throws(StorageError) in try trim(partition, nil) }
    }

    private func trim(_ partition: Partition, _ now: Int64?) throws(StorageError) -> Int64 {
        try withReserve { () throws(StorageError) in
            // Another topic may have the names of a deleted one's segments.
            guard !partition.isDeleted else { return 0 }
            let operation = "delete old segments of \(partition.name)"
            try ledger.check(operation)
            // Nothing younger goes before these: a crash would leave a hole in the log, and recovery cut it there.
            var old = partition.housekeeping.leftovers
            defer { partition.housekeeping.leftovers = old }
            let freed = try storing(operation) { () throws(DiskError) in
                try discard(&old, of: partition, now: now)
            }
            old = try partition.writer.withLock { (writer) throws(StorageError) in
                try ledger.check(operation)
                return try storing(operation) { () throws(DiskError) in
                    let retention = partition.retention(now)
                    return try writer.trim { (segment, next, total) throws(DiskError) in
                        try retention.expires(segment, next: next, total: total)
                    }
                }
            }
            return try storing(operation) { () throws(DiskError) in
                try freed + discard(&old, of: partition, now: now)
            }
        }
    }
}

extension Partition {
    fileprivate func retention(_ now: Int64?) -> Retention {
        let view = self.view.withLock { $0 }
        return Retention(settings: view.settings.value, logStart: view.logStart, now: now)
    }

    /// How many of the oldest segments are to go. What must be read to know it is known from then on: nobody who appends
    /// waits for that.
    fileprivate func expired(_ now: Int64?) throws(DiskError) -> Int {
        let view = self.view.withLock { $0 }
        guard !view.isDeleted else { return 0 }
        let retention = retention(now)
        var total = size
        for (place, segment) in view.segments.enumerated() {
            let next = place + 1 < view.segments.count ? view.segments[place + 1] : nil
            guard next != nil || segment.size > 0, try retention.expires(segment, next: next, total: total) else {
                return place
            }
            total -= segment.size
        }
        return view.segments.count
    }
}
