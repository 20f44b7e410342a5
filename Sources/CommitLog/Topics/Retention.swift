import Records

/// What a topic does not keep: Kafka's three rules, asked of a partition's oldest segment first.
///
/// A segment that stays keeps all after it.
struct Retention {
    let settings: TopicSettings
    /// Nothing below it can be read.
    let logStart: Offset
    /// Milliseconds since 1970; nil leaves the age out.
    let now: Int64?

    /// What the rules ask of a segment.
    struct Candidate {
        var size: Int64
        /// Bytes of this segment and all after it.
        var total: Int64
        /// Where the next segment begins; nil for the one that is written to.
        var next: Offset?
    }

    /// - Parameter time: the largest timestamp of the segment, or when its file was last written to if it has none; asked
    ///   for only where it counts.
    func expires<Failure: Error>(_ candidate: Candidate, time: () throws(Failure) -> Int64) throws(Failure) -> Bool {
        // The records were deleted already: whatever the policy.
        if let next = candidate.next, next <= logStart { return true }
        guard settings.cleanupPolicy.contains(.delete) else { return false }
        if settings.retentionBytes >= 0, candidate.total - candidate.size >= settings.retentionBytes { return true }
        guard let now, settings.retentionMilliseconds >= 0 else { return false }
        // The future is negative here, and stays.
        let (age, overflow) = now.subtractingReportingOverflow(try time())
        return !overflow && age > settings.retentionMilliseconds
    }
}

extension Retention {
    func expires(_ segment: Segment, next: Segment?, total: Int64) throws(DiskError) -> Bool {
        let candidate = Candidate(size: segment.size, total: total, next: next?.base)
        return try expires(candidate) { () throws(DiskError) in
            let timestamp = try segment.largest().timestamp
            if timestamp >= 0 { return timestamp }
            return try segment.files.disk.status(segment.logPath).modified / 1_000_000
        }
    }
}
