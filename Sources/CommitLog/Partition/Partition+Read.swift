import Platform
package import Records

/// Whole batches of a partition, as they lie on disk.
package struct LogSlice: Sendable {
    package var spans: [FileSpan]
    /// Where to read on.
    package var nextOffset: Offset
    package var highWatermark: Offset
    package var logStart: Offset
    /// The end of what readers of committed records are shown.
    package var lastStable: Offset
    /// Aborted transactions with records in these batches, which a reader of committed records leaves out; empty for
    /// others.
    package var aborted: [AbortedTransaction] = []

    /// Bytes of all spans.
    package var length: Int { spans.reduce(0) { $0 + $1.length } }
}

/// A record found by its time.
package struct TimedOffset: Hashable, Sendable {
    package var offset: Offset
    package var timestamp: Int64
    package var leaderEpoch: Int32
}

extension Partition {
    /// Lends whole batches from the one that holds `offset` on: the first record may lie before it.
    ///
    /// At the high watermark there is nothing, which is no error. A read ends with its segment.
    /// - Parameter maxBytes: of all batches together.
    /// - Parameter minOneMessage: the first batch comes even if it alone is larger.
    /// - Parameter isolation: a reader of committed records finds nothing at the last stable offset.
    /// - Throws: ``StorageError/Cause/outOfRange(_:available:)``, ``StorageError/Cause/deleted(topic:)``.
    package func read(
        from offset: Offset, maxBytes: Int, minOneMessage: Bool, isolation: Isolation = .uncommitted
    ) throws(StorageError) -> LogSlice {
        try reading { (view) throws(StorageError) in
            var slice = try read(view, offset, maxBytes, minOneMessage, isolation)
            guard isolation == .committed, !slice.spans.isEmpty else { return slice }
            // Of the same view: what was compacted away meanwhile is still in these batches.
            slice.aborted = try storing("read \(name)") { () throws(DiskError) in
                try view.abortedTransactions(from: offset, upTo: slice.nextOffset)
            }
            return slice
        }
    }

    /// Runs something that reads, again if a segment is gone before it was opened: then there is a newer view.
    func reading<Result>(_ body: (View) throws(StorageError) -> Result) throws(StorageError) -> Result {
        try checkOnline("read \(name)")
        for _ in 0..<Self.attempts {
            do throws(StorageError) { return try body(view.withLock { $0 }) } catch {
                guard case .disk(let failure) = error.cause, failure.isMissing else { throw error }
            }
        }
        return try body(view.withLock { $0 })
    }

    /// How often a read begins anew because retention or compaction was faster. Each time takes one of their steps.
    private static var attempts: Int { 16 }

    private func read(
        _ all: View, _ offset: Offset, _ maxBytes: Int, _ minOneMessage: Bool, _ isolation: Isolation
    ) throws(StorageError) -> LogSlice {
        guard !all.isDeleted else { throw StorageError("read \(name)", .deleted(topic: topicName)) }
        guard offset >= all.logStart && offset <= all.logEnd else {
            try storing("read \(name) from offset \(offset)") { () throws(DiskError) in
                try all.checkNames(before: offset)
            }
            throw StorageError("read \(name)", .outOfRange(offset, available: all.logStart...all.logEnd))
        }
        var slice = LogSlice(
            spans: [], nextOffset: offset, highWatermark: all.highWatermark, logStart: all.logStart,
            lastStable: all.end(.committed))
        let shown = all.end(isolation)
        guard offset < shown else { return slice }
        let operation = "read \(name) from offset \(offset)"
        let view = try storing(operation) { () throws(DiskError) in try all.cut(at: shown) }
        var old: (first: ScannedBatch, segment: Segment, limit: Int64)?
        try storing(operation) { () throws(DiskError) in
            var place = view.place(of: offset)
            while place < view.segments.count {
                let segment = view.segments[place]
                let limit = view.limit(of: place)
                if let (first, isConfirmed) = try segment.find(offset, limit: limit) {
                    if first.position == 0 { try view.checkNames(offset..<max(offset, first.baseOffset), at: place) }
                    guard minOneMessage || first.size <= maxBytes else { return }
                    if first.message != nil {
                        old = (first, segment, limit)
                        return
                    }
                    let (target, overflow) = first.position.addingReportingOverflow(Int64(max(0, maxBytes)))
                    let end = try segment.extent(
                        from: first, isConfirmed: isConfirmed, upTo: overflow ? limit : min(target, limit),
                        limit: limit)
                    slice.spans = [
                        FileSpan(
                            source: try segment.file(), position: first.position,
                            length: Int(end.end - first.position))
                    ]
                    slice.nextOffset = end.nextOffset
                    return
                }
                place += 1
            }
            // Everything from the offset on was compacted away.
            try view.checkNames(offset..<shown, at: view.segments.count)
            slice.nextOffset = shown
        }
        if let old {
            let converted = try convertUp(from: old.first, of: old.segment, limit: old.limit, maxBytes: maxBytes)
            slice.spans = [converted.span]
            slice.nextOffset = converted.nextOffset
        }
        return slice
    }

    /// The first record at or after a time, nil if there is none.
    /// - Parameter limit: bytes that its batch may have when decompressed.
    package func offset(
        atOrAfter timestamp: Int64, limit: Int = 128 << 20
    ) throws(StorageError) -> TimedOffset? {
        try reading { (view) throws(StorageError) in try find(timestamp, in: view, limit) }
    }

    /// The first record with the largest timestamp of the partition, nil if it is empty.
    package func offsetOfMaxTimestamp(limit: Int = 128 << 20) throws(StorageError) -> TimedOffset? {
        try reading { (view) throws(StorageError) in
            let largest = try storing("search \(name)") { () throws(DiskError) in
                var largest: Int64 = -1
                for (place, segment) in view.segments.enumerated() where view.logStart <= segment.base {
                    let limit = view.limit(of: place)
                    largest = max(largest, try segment.largestTimestamp(below: view.highWatermark, limit: limit))
                }
                return largest
            }
            let first = try largestTimestamp(fromLogStartOf: view, limit)
            return max(largest, first) < 0 ? nil : try find(max(largest, first), in: view, limit)
        }
    }

    /// The largest timestamp of what can still be read of a segment inside of which the log starts, -1 if there is none:
    /// what the indexes say of it may be of a record before that.
    private func largestTimestamp(fromLogStartOf view: View, _ limit: Int) throws(StorageError) -> Int64 {
        guard view.logStart > view.segments[0].base else { return -1 }
        let segment = view.segments[0]
        let end = view.limit(of: 0)
        let (whole, cut) = try storing("search \(name)") { () throws(DiskError) in
            try segment.largestTimestamp(from: view.logStart, limit: end)
        }
        // A batch around the log's start may have its largest before it.
        guard let cut, cut.maxTimestamp > whole else { return whole }
        let bytes = try storing("search \(name)") { () throws(DiskError) in
            try segment.file().readBytes(at: cut.position, count: cut.size)
        }
        do throws(RecordError) {
            let records =
                cut.message == nil
                ? try RecordBatch.decode(bytes.rawSpan, limit: limit).1
                : try MessageSet.decode(bytes.rawSpan, limit: limit).records
            return records.filter { $0.offset >= view.logStart }.reduce(whole) { max($0, $1.timestamp) }
        } catch {
            throw StorageError("search \(name) at offset \(cut.baseOffset)", .record(error))
        }
    }

    private func find(_ timestamp: Int64, in view: View, _ limit: Int) throws(StorageError) -> TimedOffset? {
        for (place, segment) in view.segments.enumerated() {
            // A batch may have such a record below the log's start only.
            var start = view.logStart
            while let batch = try batch(atOrAfter: timestamp, from: start, in: segment, view.limit(of: place)) {
                if let found = try record(
                    atOrAfter: timestamp, from: view.logStart, in: batch, of: segment, limit: limit)
                {
                    return found
                }
                start = batch.nextOffset
            }
        }
        return nil
    }

    private func batch(
        atOrAfter timestamp: Int64, from start: Offset, in segment: Segment, _ limit: Int64
    ) throws(StorageError) -> ScannedBatch? {
        try storing("search \(name)") { () throws(DiskError) in
            guard try segment.largest().timestamp >= timestamp else { return nil }
            return try segment.batch(atOrAfter: timestamp, from: start, limit: limit)
        }
    }

    private func record(
        atOrAfter timestamp: Int64, from start: Offset, in batch: ScannedBatch, of segment: Segment, limit: Int
    ) throws(StorageError) -> TimedOffset? {
        let bytes = try storing("search \(name)") { () throws(DiskError) in
            try segment.file().readBytes(at: batch.position, count: batch.size)
        }
        do throws(RecordError) {
            let record =
                batch.message == nil
                ? try RecordBatch.first(atOrAfter: timestamp, from: start, in: bytes.rawSpan, limit: limit)
                : try MessageSet.first(atOrAfter: timestamp, from: start, in: bytes.rawSpan, limit: limit)
            guard let record else { return nil }
            return TimedOffset(
                offset: record.offset, timestamp: record.timestamp,
                leaderEpoch: batch.header?.partitionLeaderEpoch ?? -1)
        } catch {
            throw StorageError("search \(name) at offset \(batch.baseOffset)", .record(error))
        }
    }
}

extension Partition.View {
    /// The segment that an offset falls into: the last whose base is at or below it.
    func place(of offset: Offset) -> Int {
        var low = 0
        var high = segments.count
        while low < high {
            let middle = (low + high) / 2
            if segments[middle].base <= offset { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    /// Where the committed bytes of a segment end.
    func limit(of place: Int) -> Int64 {
        let segment = segments[place]
        if segment.base < visible.segment { return segment.size }
        // Compaction may have made it smaller meanwhile.
        return segment.base == visible.segment ? min(visible.bytes, segment.size) : 0
    }
}
