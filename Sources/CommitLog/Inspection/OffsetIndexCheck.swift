import Records

/// Holds a segment's offset index against its batches, which come in order.
struct OffsetIndexCheck {
    private let path: String
    private let base: Offset
    private let exactFrom: Offset
    private let isLast: Bool
    private let findings: LogFindings
    private var cursor: EntryCursor<OffsetIndex.Entry>
    private var room = IndexRoom()
    private var entry: OffsetIndex.Entry?
    private var entryPosition: Int64 = 0
    private var last = OffsetIndex.Entry(relativeOffset: -1, position: -1)
    /// The end of an append of several batches, whose first one an entry named.
    private var awaited: (relativeOffset: Int64, position: Int64)?
    private var lastBatch: Int64 = -1

    /// - Parameter exactFrom: from this offset on an entry names the batch at its position; before, any batch of the same
    ///   append, as older brokers made one entry for several.
    init(
        stem: String, base: Offset, exactFrom: Offset, isLast: Bool, disk: Disk, findings: LogFindings
    ) throws(DiskError) {
        path = stem + Segment.indexSuffix
        self.base = base
        self.exactFrom = exactFrom
        self.isLast = isLast
        self.findings = findings
        cursor = try EntryCursor(offsetsOf: disk.open(path, .read))
        try advance()
    }

    /// Takes the next batch of the segment.
    mutating func take(_ batch: ScannedBatch) throws(DiskError) {
        let relative = batch.lastOffset - base
        if let wanted = awaited, relative >= wanted.relativeOffset {
            if relative != wanted.relativeOffset { complain(wanted.position, wanted.relativeOffset) }
            awaited = nil
        }
        while let found = entry, Int64(found.position) <= batch.position {
            if Int64(found.position) < batch.position {
                findings.add(path, entryPosition, "it points at byte \(found.position), where no batch begins")
            } else {
                judge(found, relative, batch)
            }
            try advance()
        }
        lastBatch = relative
    }

    /// Passes over the entries that point into bytes which cannot be read.
    mutating func skip(to position: Int64) throws(DiskError) {
        while let found = entry, Int64(found.position) < position { try advance() }
    }

    /// After the last batch.
    mutating func finish() throws(DiskError) {
        if let awaited { complain(awaited.position, awaited.relativeOffset) }
        if let found = entry {
            findings.add(
                path, entryPosition, "it points at byte \(found.position), behind the last batch of the segment")
        }
        while entry != nil { try advance() }
        if cursor.isOversize { return findings.add(path, nil, InspectedFile.oversize(cursor.size)) }
        if cursor.rest > 0 {
            findings.add(path, cursor.size - cursor.rest, "\(cursor.rest) bytes, no whole entry of 8")
        }
        if let position = room.position, !isLast {
            findings.add(path, position, "\(cursor.size - position) bytes of zeros in the index of a closed segment")
        }
    }

    private mutating func judge(_ found: OffsetIndex.Entry, _ relative: Int64, _ batch: ScannedBatch) {
        let said = Int64(found.relativeOffset)
        if said == relative { return }
        // Brokers before 0.10.1 took the first offset.
        let isWithin = said > lastBatch && said < relative
        guard base + said < exactFrom, isWithin || said > relative else {
            return findings.add(
                path, entryPosition,
                "it has offset \(base + said) at byte \(found.position), where a batch ends at \(batch.lastOffset)")
        }
        if said > relative { awaited = (said, entryPosition) }
    }

    private func complain(_ position: Int64, _ relativeOffset: Int64) {
        findings.add(path, position, "it has offset \(base + relativeOffset), at which no batch ends")
    }

    /// Goes to the next entry that is no room; what is out of order is told and passed over.
    private mutating func advance() throws(DiskError) {
        entry = nil
        while let (next, position) = try cursor.next() {
            let isZero = next == OffsetIndex.Entry(relativeOffset: 0, position: 0)
            if let start = room.interrupted(by: isZero, at: position) {
                findings.add(path, start, "\(position - start) bytes of zeros between entries")
            }
            if isZero { continue }
            guard next.relativeOffset > last.relativeOffset, next.position > last.position else {
                findings.add(
                    path, position,
                    "offset \(base + Int64(next.relativeOffset)) at byte \(next.position) comes after offset "
                        + "\(base + Int64(last.relativeOffset)) at byte \(last.position)")
                continue
            }
            last = next
            (entry, entryPosition) = (next, position)
            return
        }
    }
}
