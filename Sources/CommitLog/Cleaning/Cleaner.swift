import Platform
package import Records

/// One cleaning of one partition. It reads the dirty part once to learn the last offset of each key, then everything up to
/// there, and writes what stays into new segments, which take the old ones' place group by group.
///
/// Memory: the map, one window or batch with what it decompresses to, and one buffer of output.
struct Cleaner {
    let plan: CleanerPlan
    let partition: Partition
    let settings: TopicSettings
    let options: CleanerOptions
    /// Milliseconds since 1970.
    let now: Int64
    /// Told of bytes that were read or written; may wait. False ends the cleaning.
    let pace: (Int) -> Bool
    /// Puts a finished output in the place of segments.
    let swap: ([Segment], CleanerOutput, [String]) throws(CleanerFailure) -> Void
    private(set) var result = Cleaning()

    init(
        _ plan: CleanerPlan, of partition: Partition, _ settings: TopicSettings, _ options: CleanerOptions, now: Int64,
        pace: @escaping (Int) -> Bool,
        swap: @escaping ([Segment], CleanerOutput, [String]) throws(CleanerFailure) -> Void
    ) {
        self.plan = plan
        self.partition = partition
        self.settings = settings
        self.options = options
        self.now = now
        self.pace = pace
        self.swap = swap
        result.partition = partition.name
        result.start = plan.start
        result.end = plan.start
    }

    /// - Returns: the offset up to which the log is clean now: all of the plan, or as far as the map's memory went.
    mutating func run() throws(CleanerFailure) -> Offset {
        let map = try reading { () throws(DiskError) in try CleanerMap(bytes: options.mapBytes) }
        let mapped = try fill(map)
        let producers = partition.writer.withLock { $0.producers.active }
        let rule = CleanerRule(
            map: map, mapped: mapped, end: plan.end, producers: producers, now: now,
            deleteRetention: settings.deleteRetentionMilliseconds, limit: options.batchBytes)
        try clean(rule)
        result.end = mapped
        return mapped
    }

    // MARK: - The first pass

    /// Learns the last offset of every key from the first dirty offset on.
    /// - Returns: the offset up to which all keys are known: the plan's end unless the map is full.
    private mutating func fill(_ map: CleanerMap) throws(CleanerFailure) -> Offset {
        var transactions = CleanedTransactions()
        try transactions.add(aborted(from: plan.start, to: plan.end, isFirst: true))
        for (place, segment) in plan.segments.enumerated() where end(of: place) > plan.start {
            var input = try input(segment, from: try position(of: plan.start, in: segment))
            while let piece = try next(&input) {
                for (header, bytes) in try batches(piece) where header.lastOffset >= plan.start {
                    if header.isControl {
                        _ = transactions.isNeedless(header, nil)
                    } else if !transactions.isAborted(header) {
                        if let refused = try put(header, bytes, in: map) { return refused }
                    }
                }
            }
        }
        return plan.end
    }

    /// - Returns: the offset of the first record for whose key there was no room, nil if all are in the map.
    private func put(
        _ header: BatchHeader, _ bytes: ArraySlice<UInt8>, in map: CleanerMap
    ) throws(CleanerFailure) -> Offset? {
        var refused: Offset?
        try decoding(header) { () throws(RecordError) in
            try RecordBatch.eachRecord(in: bytes.rawSpan, header, limit: options.batchBytes) { span, fields, offset in
                guard refused == nil, offset >= plan.start, let range = fields.key else { return }
                let key = span.extracting(range)
                if key.byteCount <= map.keyLimit && !map.put(key, offset) { refused = offset }
            }
        }
        return refused
    }

    /// Where a segment of the plan ends, holes included.
    private func end(of place: Int) -> Offset {
        place + 1 < plan.segments.count ? plan.segments[place + 1].base : plan.end
    }

    private func position(of offset: Offset, in segment: Segment) throws(CleanerFailure) -> Int64 {
        guard offset > segment.base else { return 0 }
        return try reading { () throws(DiskError) in
            try segment.batch(reaching: offset, limit: segment.size)?.position ?? segment.size
        }
    }

    // MARK: - The second pass

    private mutating func clean(_ rule: CleanerRule) throws(CleanerFailure) {
        var rule = rule
        let places = plan.segments.indices.prefix { plan.segments[$0].base < rule.mapped }
        for group in groups(places) { try clean(group, &rule) }
    }

    /// Neighbours that fit into one segment by what they have now.
    private func groups(_ places: Range<Int>) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var first = places.lowerBound
        var bytes: Int64 = 0
        for place in places {
            let size = plan.segments[place].size
            // As many entries as there are intervals, at most.
            let entries = (bytes + size) / max(1, settings.indexIntervalBytes)
            let fits =
                bytes + size <= settings.segmentBytes
                && entries <= settings.segmentIndexBytes / Int64(TimeIndex.entrySize)
                && end(of: place) - 1 - plan.segments[first].base <= Int64(Int32.max)
            if place > first && !fits {
                groups.append(first..<place)
                (first, bytes) = (place, 0)
            }
            bytes += size
        }
        if first < places.upperBound { groups.append(first..<places.upperBound) }
        return groups
    }

    private mutating func clean(_ group: Range<Int>, _ rule: inout CleanerRule) throws(CleanerFailure) {
        let segments = Array(plan.segments[group])
        var output = try reading { () throws(DiskError) in
            try CleanerOutput(
                partition.directory, segments[0].base, indexInterval: settings.indexIntervalBytes,
                disk: partition.disk)
        }
        do throws(CleanerFailure) {
            var isChanged = segments.count > 1
            var last: EncodedBatch?
            for (place, segment) in zip(group, segments) {
                try rule.transactions.add(
                    aborted(from: segment.base, to: end(of: place), isFirst: place == 0))
                if try copy(segment, before: end(of: place), &rule, into: &output, &last) { isChanged = true }
            }
            let aborted = rule.transactions.takeKept()
            // An opening takes an empty file for nothing: then the log would begin later.
            if group.lowerBound == 0, output.size == 0, let last { try output.append(last.header, last.bytes) }
            // Nothing would be different: the old one stays.
            guard isChanged else { return try reading { () throws(DiskError) in try output.discard() } }
            let suffixes = try reading { () throws(DiskError) in try output.finish(aborted) }
            guard pace(0) else { throw .stopped }
            try swap(segments, output, suffixes)
            result.replaced += segments.count
            result.bytesWritten += output.size
        } catch {
            // What is left is taken away before the next output gets its names, or by the next opening.
            try? output.discard()
            throw error
        }
    }

    /// - Parameter last: becomes the last batch that was dropped, emptied.
    /// - Returns: whether anything of the segment did not come through as it was.
    private mutating func copy(
        _ segment: Segment, before end: Offset, _ rule: inout CleanerRule, into output: inout CleanerOutput,
        _ last: inout EncodedBatch?
    ) throws(CleanerFailure) -> Bool {
        var input = try input(segment, from: 0)
        var reached = segment.base
        var isChanged = false
        while let piece = try next(&input) {
            if case .old = piece { isChanged = true }
            let start = output.size
            for (header, bytes) in try batches(piece) {
                try check(header, in: reached..<end, segment)
                reached = header.nextOffset
                let verdict = try decoding(header) { () throws(RecordError) in try rule.judge(header, bytes.rawSpan) }
                switch verdict {
                case .copy: try output.append(header, bytes.rawSpan)
                case .replace(let batch):
                    isChanged = true
                    try output.append(batch.header, batch.bytes)
                case .drop:
                    isChanged = true
                    if output.size == 0 { last = RecordBatch.emptied(header) }
                }
            }
            guard pace(Int(output.size - start)) else { throw .stopped }
        }
        return isChanged
    }

    /// Under a wrong name, or with a base offset that rotted, a batch would be written where nobody finds it.
    private func check(_ header: BatchHeader, in offsets: Range<Offset>, _ segment: Segment) throws(CleanerFailure) {
        guard header.baseOffset < offsets.lowerBound || header.nextOffset > offsets.upperBound else { return }
        throw .damage(
            """
            \(segment.logPath): offsets \(header.baseOffset) to \(header.lastOffset), which are not within \
            \(offsets.lowerBound) to \(offsets.upperBound - 1); `penstock log repair` puts that right
            """)
    }

    // MARK: - Reading

    private func input(_ segment: Segment, from position: Int64) throws(CleanerFailure) -> CleanerInput {
        let file = try reading { () throws(DiskError) in try segment.file() }
        return CleanerInput(file, from: position, to: segment.size, limit: options.batchBytes)
    }

    private mutating func next(_ input: inout CleanerInput) throws(CleanerFailure) -> CleanerInput.Piece? {
        let start = input.position
        guard let piece = try input.next() else { return nil }
        result.bytesRead += input.position - start
        guard pace(Int(input.position - start)) else { throw .stopped }
        return piece
    }

    /// Old message sets become batches: what is rewritten is written in today's form.
    private func batches(
        _ piece: CleanerInput.Piece
    ) throws(CleanerFailure) -> [(BatchHeader, ArraySlice<UInt8>)] {
        switch piece {
        case .batch(let header, let bytes): return [(header, bytes)]
        case .old(let bytes):
            do throws(RecordError) {
                return try MessageSet.convertUp(bytes.rawSpan, limit: options.batchBytes).map { batch in
                    // Safety: the bytes are copied before the pointer ends.
                    (batch.header, unsafe batch.withUnsafeBytes { unsafe Array($0) }[...])
                }
            } catch {
                throw .damage("an old message set of \(partition.name): \(error)")
            }
        }
    }

    /// Aborted transactions that begin in a range, in the order of their markers.
    /// - Parameter isFirst: also those that began before it and end in it or later.
    private func aborted(
        from start: Offset, to end: Offset, isFirst: Bool
    ) throws(CleanerFailure) -> [AbortedTransaction] {
        var found: [AbortedTransaction] = []
        let view = partition.view.withLock { $0 }
        try reading { () throws(DiskError) in
            for segment in view.segments[view.place(of: start)...] {
                let goesOn = try segment.aborted.forEach { entry in
                    if entry.firstOffset < end, entry.lastOffset >= start, isFirst || entry.firstOffset >= start {
                        found.append(entry)
                    }
                    // All that began before this had ended by then.
                    return entry.lastStable < end
                }
                if !goesOn { break }
            }
        }
        return found
    }

    private func reading<Result>(_ body: () throws(DiskError) -> Result) throws(CleanerFailure) -> Result {
        do throws(DiskError) { return try body() } catch {
            // Retention or a deletion was here.
            if error.isMissing { throw .overtaken }
            throw .disk(error)
        }
    }

    private func decoding<Result>(
        _ header: BatchHeader, _ body: () throws(RecordError) -> Result
    ) throws(CleanerFailure) -> Result {
        do throws(RecordError) { return try body() } catch {
            throw .damage("the batch of \(partition.name) at offset \(header.baseOffset): \(error)")
        }
    }
}

/// What a cleaning did.
package struct Cleaning: Hashable, Sendable {
    /// `t-0`
    package var partition = ""
    /// What was dirty, and is not any more.
    package var start: Offset = 0
    package var end: Offset = 0
    package var bytesRead: Int64 = 0
    package var bytesWritten: Int64 = 0
    /// Segments that others took the place of.
    package var replaced = 0
    /// Why the partition cannot be cleaned, and is left alone until the data directory is opened anew; nil if it was.
    package var objection: String?
}

/// The bounds of a cleaning.
package struct CleanerOptions: Hashable, Sendable {
    /// For keys and where each was found last. When it is full the rest is left to the next cleaning, which reads all of
    /// the log again.
    package var mapBytes = 32 << 20
    /// Of one batch, as it is stored and as it decompresses. A partition that has a larger one is not cleaned.
    package var batchBytes = 128 << 20

    package init() {}
}
