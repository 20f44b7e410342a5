import Platform
import Records

extension Segment {
    /// The first batch that reaches `offset` or lies beyond it.
    /// - Parameter limit: where the committed bytes end.
    func batch(reaching offset: Offset, limit: Int64) throws(DiskError) -> ScannedBatch? {
        try find(offset, limit: limit)?.batch
    }

    /// The first batch that reaches `offset` or lies beyond it, and whether the index says the same of its offsets.
    func find(_ offset: Offset, limit: Int64) throws(DiskError) -> (batch: ScannedBatch, isConfirmed: Bool)? {
        try withIndexes { () throws(DiskError) in
            let bracket = try bracket(of: offset - base)
            if let batch = try batch(with: offset, at: bracket, limit: limit) { return (batch, true) }
            var walk = try walk(from: bracket, limit: limit)
            while let batch = try next(&walk) {
                guard batch.lastOffset >= offset else { continue }
                return (batch, bracket.below.map { base + Int64($0.relativeOffset) } == batch.lastOffset)
            }
            return nil
        }
    }

    /// The batch that the second of two entries names, if it has the offset, and its own are those of the entry. Where
    /// batches are large that is so: every one of them has an entry.
    private func batch(
        with offset: Offset, at bracket: OffsetIndex.Bracket, limit: Int64
    ) throws(DiskError) -> ScannedBatch? {
        guard bracket.isWide, let entry = bracket.above else { return nil }
        let position = Int64(entry.position)
        guard position < limit, let header = try file().batchHeader(at: position), header.baseOffset >= base,
            header.baseOffset <= offset, header.lastOffset >= offset,
            header.lastOffset == base + Int64(entry.relativeOffset), Int64(header.size) <= limit - position
        else { return nil }
        return ScannedBatch(position: position, header: header)
    }

    /// How far whole batches reach from `first` on without going past `position`; at least `first` itself.
    ///
    /// Looks at one batch more than that: a base offset, which no checksum covers, shows by the next one's whether it is
    /// right.
    /// - Parameter isConfirmed: something else says that the offsets of `first` are right.
    /// - Parameter limit: where the committed bytes end.
    /// - Returns: the byte after the last of them, and the offset a reader goes on with.
    func extent(
        from first: ScannedBatch, isConfirmed: Bool = false, upTo position: Int64, limit: Int64
    ) throws(DiskError) -> (end: Int64, nextOffset: Offset) {
        var result = (end: first.position + Int64(first.size), nextOffset: first.nextOffset)
        if isConfirmed && result.end >= position { return result }
        let end = nextOffset
        var confirmed = isConfirmed ? result : nil
        var scanner = try scanner(
            from: result.end, to: limit, readsAhead: first.size <= BatchScanner.headerWindow)
        // What is bad is met by who reads on from there.
        while case .batch(let batch) = try scanner.next(), batch.nextOffset <= end {
            guard batch.baseOffset >= result.nextOffset else {
                if let confirmed { return confirmed }
                throw damage(at: batch.position, "offset \(batch.baseOffset) comes after \(result.nextOffset - 1)")
            }
            confirmed = result
            guard batch.position + Int64(batch.size) <= position else { break }
            result = (batch.position + Int64(batch.size), batch.nextOffset)
        }
        return result
    }

    /// The first batch that reaches `first` or lies beyond it and has a record at or after a time, by the batches' largest
    /// timestamps.
    func batch(atOrAfter timestamp: Int64, from first: Offset, limit: Int64) throws(DiskError) -> ScannedBatch? {
        try withIndexes { () throws(DiskError) in
            let step = try timeStep(at: timestamp)
            if let before = step.before { try check(before, limit: size) }
            guard let after = step.after else {
                // The last entry has the segment's largest time: it may be the one that is missing.
                guard try largest().timestamp < timestamp else { throw damage(.times, "its last entry is missing") }
                return nil
            }
            // The search begins below the batch that it names.
            try check(after, limit: size)
            // None before the last offset entry below the batch that `after` names has such a record: when that offset
            // entry was made, all timestamps were below.
            let last = max(Int64(after.relativeOffset) - 1, first - base)
            let start = try bracket(of: last)
            if let entry = start.below, limit < size, Int64(entry.position) >= limit { return nil }
            var walk = try walk(from: start, limit: limit)
            if let ahead = walk.ahead, let entry = start.below, entry.relativeOffset < after.relativeOffset {
                try check(ahead, isNotAbove: timestamp - 1)
            }
            while let batch = try next(&walk) {
                if batch.lastOffset >= first && batch.maxTimestamp >= timestamp { return batch }
                if first <= base && batch.lastOffset >= base + Int64(after.relativeOffset) {
                    throw damage(.times, "no batch at offset \(base + Int64(after.relativeOffset)) has its time")
                }
            }
            // What readers see may end before the entry's batch, and that may lie before the first that is wanted.
            if limit < size || first > base { return nil }
            throw damage(.times, "offset \(base + Int64(after.relativeOffset)) is not there")
        }
    }

    /// The largest timestamp and where it came first, ``TimeIndex/Entry/none`` if no record has one.
    func largest() throws(DiskError) -> TimeIndex.Entry {
        let (known, size) = state.withLock { ($0.builder?.largest ?? $0.largest, $0.size) }
        if let known { return known }
        guard size > 0 else { return .none }
        let found = try withIndexes { () throws(DiskError) in
            // Making the indexes anew tells it as well.
            if let known = state.withLock({ $0.largest }) { return known }
            let last = TimeIndex(bytes: try written(.times) { _ in }.bytes).last ?? .none
            if last != .none { try check(last, limit: size) }
            // A last entry that is missing would make the segment look older than it is.
            let index = OffsetIndex(bytes: try written(.offsets) { _ in }.bytes)
            let end = OffsetIndex.Bracket(below: index.count == 0 ? nil : index[index.count - 1])
            var walk = try walk(from: end, limit: size)
            while let batch = try next(&walk) {
                guard batch.maxTimestamp <= last.timestamp else {
                    throw damage(.times, "its last entry is missing")
                }
            }
            return last
        }
        state.withLock { $0.largest = found }
        return found
    }

    /// The largest timestamp of what readers see, -1 if no record there has one.
    /// - Parameter end: the high watermark.
    /// - Parameter limit: where it lies in the log file; the size for a segment that is visible as a whole.
    func largestTimestamp(below end: Offset, limit: Int64) throws(DiskError) -> Int64 {
        guard limit > 0 else { return TimeIndex.Entry.none.timestamp }
        guard limit < size else { return try largest().timestamp }
        return try withIndexes { () throws(DiskError) in
            let step = try timeStep(below: end - base)
            for entry in [step.before, step.after].compactMap(\.self) { try check(entry, limit: size) }
            var largest = step.before?.timestamp ?? TimeIndex.Entry.none.timestamp
            var walk = try walk(from: try bracket(ofPosition: limit - 1), limit: limit)
            while let batch = try next(&walk) { largest = max(largest, batch.maxTimestamp) }
            return largest
        }
    }

    /// The largest timestamp of the batches from an offset on, -1 if none has one, and the batch that begins before it.
    func largestTimestamp(
        from offset: Offset, limit: Int64
    ) throws(DiskError) -> (whole: Int64, cut: ScannedBatch?) {
        try withIndexes { () throws(DiskError) in
            var largest = TimeIndex.Entry.none.timestamp
            var cut: ScannedBatch?
            var walk = try walk(from: try bracket(of: offset - base), limit: limit)
            while let batch = try next(&walk) {
                if batch.lastOffset < offset { continue }
                // Of an old set only the last offset is known.
                if batch.baseOffset < offset || batch.header == nil && cut == nil {
                    cut = batch
                } else {
                    largest = max(largest, batch.maxTimestamp)
                }
            }
            return (largest, cut)
        }
    }

    /// Looks for the batch that a time entry names.
    private func check(_ entry: TimeIndex.Entry, limit: Int64) throws(DiskError) {
        let offset = base + Int64(entry.relativeOffset)
        var walk = try walk(from: try bracket(of: offset - base), limit: limit)
        while let batch = try next(&walk), batch.baseOffset <= offset {
            if batch.lastOffset >= offset && batch.maxTimestamp == entry.timestamp { return }
        }
        throw damage(.times, "no batch at offset \(offset) has the time \(entry.timestamp)")
    }

    /// Holds a batch that an offset entry names against the time entries: when the offset entry was made, one was made for
    /// the largest timestamp so far.
    private func check(_ batch: ScannedBatch, isNotAbove timestamp: Int64) throws(DiskError) {
        guard batch.maxTimestamp > timestamp else { return }
        throw damage(.times, "no entry has the time \(batch.maxTimestamp) of the batch at offset \(batch.lastOffset)")
    }

    // MARK: - Walking

    /// Batches one after the other, of which the first may have been read ahead.
    private struct Walk {
        var ahead: ScannedBatch?
        var scanner: BatchScanner
        /// The offsets of the batches to come lie in here.
        var offsets: Range<Offset>
        /// A batch must end with this offset, as the index says.
        var named: Offset?
    }

    /// Begins to walk where the first of two entries says that a batch begins, if one does.
    private func walk(from bracket: OffsetIndex.Bracket, limit: Int64) throws(DiskError) -> Walk {
        let offsets = base..<max(base, nextOffset)
        guard let entry = bracket.below else {
            return Walk(scanner: try scanner(from: 0, to: limit), offsets: offsets)
        }
        guard entry.position > 0, Int64(entry.position) < limit else {
            throw damage(.offsets, "byte \(entry.position) is beyond the log")
        }
        var scanner = try scanner(from: Int64(entry.position), to: limit, readsAhead: !bracket.isWide)
        // Its offset is that of the batch, or of a later one: older brokers made one entry for several batches.
        guard case .batch(let batch) = try scanner.next(), batch.baseOffset >= base,
            batch.baseOffset - base <= Int64(entry.relativeOffset)
        else {
            throw damage(.offsets, "no batch of offset \(base + Int64(entry.relativeOffset)) at byte \(entry.position)")
        }
        return Walk(
            ahead: batch, scanner: scanner, offsets: offsets, named: base + Int64(entry.relativeOffset))
    }

    /// The next batch, nil at the end.
    private func next(_ walk: inout Walk) throws(DiskError) -> ScannedBatch? {
        guard let batch = try take(&walk) else { return nil }
        try check(batch, in: walk.offsets)
        walk.offsets = batch.nextOffset..<walk.offsets.upperBound
        if let named = walk.named, batch.lastOffset >= named {
            guard batch.lastOffset == named else { throw damage(.offsets, "no batch ends with offset \(named)") }
            walk.named = nil
        }
        return batch
    }

    private func take(_ walk: inout Walk) throws(DiskError) -> ScannedBatch? {
        if let ahead = walk.ahead {
            walk.ahead = nil
            return ahead
        }
        switch try walk.scanner.next() {
        case .batch(let batch): return batch
        case .end: return nil
        case .bad(let reason): throw damage(at: walk.scanner.position, reason)
        }
    }

    /// A batch's base offset stands outside of what its checksum covers: it must be where it can be.
    func check(_ batch: ScannedBatch, in offsets: Range<Offset>) throws(DiskError) {
        guard batch.baseOffset < offsets.lowerBound || batch.nextOffset > offsets.upperBound else { return }
        if batch.position == 0, batch.baseOffset < base { throw misnamed(batch.baseOffset) }
        let isBeyond = batch.nextOffset > offsets.upperBound
        throw damage(
            at: batch.position,
            """
            offsets \(batch.baseOffset) to \(batch.lastOffset), which are not within \(offsets.lowerBound) to \
            \(offsets.upperBound - 1)\(isBeyond ? ", unless this segment's name or the next one's is wrong" : "")
            """)
    }

    /// What is thrown when the file has another's name, or the offset of its first batch rotted.
    func misnamed(_ first: Offset) -> DiskError {
        damage(at: 0, "the first batch is at offset \(first), and not where the file's name says")
    }
}
