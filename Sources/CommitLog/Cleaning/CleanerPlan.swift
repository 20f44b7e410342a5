import Platform
import Records

/// What there is to clean in a partition: which part is clean already, which can be cleaned now, and whether that is due.
struct CleanerPlan {
    /// In order, from the log's beginning up to ``end``: what a cleaning walks.
    let segments: [Segment]
    /// From here on nothing was cleaned yet.
    let start: Offset
    /// Up to here can be cleaned: the base of a segment.
    let end: Offset
    let cleanBytes: Int64
    let dirtyBytes: Int64
    /// Something in it waits longer than `max.compaction.lag.ms`.
    let isOverdue: Bool

    /// - Parameters:
    ///   - checkpoint: where the last cleaning ended.
    ///   - now: milliseconds since 1970.
    init(_ view: Partition.View, checkpoint: Offset?, now: Int64) throws(DiskError) {
        let first = view.segments[0].base
        // Beyond the log's end: it is not this log's. Below its beginning: what was clean is gone.
        let from = checkpoint.map { $0 < first || $0 > view.logEnd ? first : $0 } ?? first
        let count = try Self.cleanable(view, from: from, now: now)
        segments = Array(view.segments[..<count])
        end = max(from, view.segments[count].base)
        start = from
        let clean = segments.prefix { Self.end(of: $0, in: view) <= from }
        cleanBytes = clean.reduce(0) { $0 + $1.size }
        let dirty = segments.dropFirst(clean.count)
        dirtyBytes = dirty.reduce(0) { $0 + $1.size }
        let (time, overflow) = now.subtractingReportingOverflow(view.settings.maxCompactionLagMilliseconds)
        var oldest = Int64.max
        if !overflow && view.settings.maxCompactionLagMilliseconds < .max {
            for segment in dirty {
                if let first = try segment.firstTimestamp(), first > 0 { oldest = min(oldest, first) }
            }
        }
        isOverdue = oldest < time && dirtyBytes > 0
    }

    /// The part of what would be read that is dirty, 0 to 1.
    var dirtyRatio: Double {
        let all = cleanBytes + dirtyBytes
        return all == 0 ? 0 : Double(dirtyBytes) / Double(all)
    }

    func isDue(_ settings: TopicSettings) -> Bool {
        isOverdue || (dirtyBytes > 0 && dirtyRatio > settings.minCleanableDirtyRatio)
    }

    /// How many segments lie wholly below everything that must not be cleaned: what is not durable, what belongs to open
    /// transactions, what is still written to, and what is too young.
    private static func cleanable(_ view: Partition.View, from: Offset, now: Int64) throws(DiskError) -> Int {
        let limit = min(view.lastStable, view.recoveryPoint)
        let lag = view.settings.minCompactionLagMilliseconds
        var count = 0
        while count < view.segments.count - 1, view.segments[count + 1].base <= limit {
            let segment = view.segments[count]
            if lag > 0, view.segments[count + 1].base > from {
                let (time, overflow) = now.subtractingReportingOverflow(lag)
                if overflow { break }
                if try segment.largest().timestamp > time { break }
            }
            count += 1
        }
        return count
    }

    private static func end(of segment: Segment, in view: Partition.View) -> Offset {
        let place = view.place(of: segment.base)
        return place + 1 < view.segments.count ? view.segments[place + 1].base : view.logEnd
    }
}
