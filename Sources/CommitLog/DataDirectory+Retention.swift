import Platform

extension DataDirectory {
    /// Deletes whole segments that their topic's retention does not keep, oldest first. The active segment is rolled
    /// first if it is to go.
    ///
    /// By size as Kafka does it: a segment goes while what is left without it still has `retention.bytes`. Nothing that
    /// a power loss could take is deleted: a pass comes first.
    /// - Parameter now: milliseconds since 1970, for `retention.ms`; nil leaves that out.
    /// - Returns: bytes deleted.
    @discardableResult
    package func enforceRetention(now: Int64? = nil) throws(StorageError) -> Int64 {
        var freed: Int64 = 0
        for topic in topics() where !topic.isInternal {
            for partition in topic.partitions where partition.hasExpired(now) {
                try sync()
                freed += try trim(partition, now)
            }
        }
        return freed
    }

    /// After partitions have rolled: what their size retention does not keep goes at once, as far as it is durable, so
    /// that a topic stays under its cap however fast it grows.
    func trimAfterRoll(_ partition: Partition) {
        guard partition.hasExpired(nil) else { return }
        // The append itself is done. What cannot be deleted now is tried again by ``enforceRetention(now:)``.
        _ = try? trim(partition, nil)
    }

    private func trim(_ partition: Partition, _ now: Int64?) throws(StorageError) -> Int64 {
        let operation = "delete old segments of \(partition.name)"
        try ledger.check(operation)
        return try storing(operation) { () throws(DiskError) in
            let settings = partition.settings
            let old = try partition.writer.withLock { (writer) throws(DiskError) in
                // Only what is durable: the pass may have begun before the last append.
                guard !writer.isDeleted else { return [Segment]() }
                return try writer.trim { segment, total in !settings.expires(segment, total, now) }
            }
            var freed: Int64 = 0
            for segment in old {
                // The name goes first, so that a crash leaves what the next opening removes.
                for suffix in Segment.suffixes where try disk.exists(segment.stem + suffix) {
                    try disk.rename(segment.stem + suffix, segment.stem + suffix + ".deleted")
                    try disk.removeIfThere(segment.stem + suffix + ".deleted")
                }
                freed += segment.size
            }
            ledger.touch(directory: partition.directory)
            return freed
        }
    }
}

extension Partition {
    /// Whether the oldest segment is to go.
    fileprivate func hasExpired(_ now: Int64?) -> Bool {
        let view = self.view.withLock { $0 }
        guard !view.isDeleted, view.segments[0].size > 0 else { return false }
        return settings.expires(view.segments[0], size, now)
    }
}

extension TopicSettings {
    /// - Parameter total: bytes of this segment and all after it.
    fileprivate func expires(_ segment: Segment, _ total: Int64, _ now: Int64?) -> Bool {
        guard cleanupPolicy.contains(.delete) else { return false }
        if retentionBytes >= 0 && total - segment.size >= retentionBytes { return true }
        guard let now, retentionMilliseconds >= 0, segment.maxTimestamp >= 0 else { return false }
        return now - segment.maxTimestamp > retentionMilliseconds
    }
}
