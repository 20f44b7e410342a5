import Records

/// Holds a segment's time index against its batches, which come in order.
struct TimeIndexCheck {
    private let path: String
    private let base: Offset
    private let exactFrom: Offset
    private let isLast: Bool
    private let findings: LogFindings
    private var cursor: EntryCursor<TimeIndex.Entry>
    private var room = IndexRoom()
    /// The first entry is zeros: room, or that of a batch at the segment's first offset with the timestamp 0.
    private var beginsWithZeros = false
    private var hasZeroEntry = false
    private var entry: TimeIndex.Entry?
    private var entryPosition: Int64 = 0
    private var last = TimeIndex.Entry.none
    private var largest: Int64 = -1
    private var lastBatch: Int64 = -1
    /// Something could not be read: the largest timestamp may have stood there.
    private var isBlind = false

    /// - Parameter exactFrom: from this offset on an entry has the last offset of its batch; before, any offset in it.
    init(
        stem: String, base: Offset, exactFrom: Offset, isLast: Bool, disk: Disk, findings: LogFindings
    ) throws(DiskError) {
        path = stem + Segment.timeIndexSuffix
        self.base = base
        self.exactFrom = exactFrom
        self.isLast = isLast
        self.findings = findings
        cursor = try EntryCursor(timesOf: disk.open(path, .read))
        try advance()
    }

    /// Takes the next batch of the segment.
    mutating func take(_ batch: ScannedBatch) throws(DiskError) {
        let before = largest
        largest = max(largest, batch.maxTimestamp)
        let relative = batch.lastOffset - base
        if before < 0, largest == 0, relative == 0 || (batch.baseOffset == base && base < exactFrom) {
            hasZeroEntry = beginsWithZeros
        }
        while let found = entry, Int64(found.relativeOffset) <= relative {
            if let objection = objection(to: found, batch, largestBefore: before) {
                findings.add(path, entryPosition, objection)
            }
            try advance()
        }
        lastBatch = relative
    }

    /// Passes over the entries of batches that cannot be read.
    mutating func skip(to offset: Offset) throws(DiskError) {
        isBlind = true
        while let found = entry, base + Int64(found.relativeOffset) < offset { try advance() }
    }

    /// After the last batch.
    mutating func finish() throws(DiskError) {
        if let found = entry {
            findings.add(path, entryPosition, "it names offset \(base + Int64(found.relativeOffset)), behind the last")
        }
        while entry != nil { try advance() }
        if cursor.isOversize { return findings.add(path, nil, InspectedFile.oversize(cursor.size)) }
        if cursor.rest > 0 {
            findings.add(path, cursor.size - cursor.rest, "\(cursor.rest) bytes, no whole entry of 12")
        }
        let isUnmeant = beginsWithZeros && !hasZeroEntry && !isBlind
        if isUnmeant, last != .none { findings.add(path, 0, "12 bytes of zeros between entries") }
        guard !isLast else { return }
        if let position = isUnmeant && last == .none ? 0 : room.position {
            findings.add(path, position, "\(cursor.size - position) bytes of zeros in the index of a closed segment")
        }
        if largest > (hasZeroEntry ? max(0, last.timestamp) : last.timestamp), !isBlind {
            findings.add(
                path, nil, "it ends with timestamp \(last.timestamp), the largest in the segment is \(largest)")
        }
    }

    private func objection(
        to found: TimeIndex.Entry, _ batch: ScannedBatch, largestBefore: Int64
    ) -> String? {
        let offset = base + Int64(found.relativeOffset)
        let isOld = batch.message != nil
        guard isOld ? Int64(found.relativeOffset) > lastBatch : offset >= batch.baseOffset else {
            return "it names offset \(offset), which no batch has"
        }
        guard offset < exactFrom || offset == batch.lastOffset else {
            return "it names offset \(offset) of a batch that ends at \(batch.lastOffset)"
        }
        guard found.timestamp == batch.maxTimestamp else {
            return "it has timestamp \(found.timestamp) for offset \(offset), whose batch has \(batch.maxTimestamp)"
        }
        guard found.timestamp == largest || isBlind else {
            return "timestamp \(found.timestamp) at offset \(offset) is not the largest so far, which is \(largest)"
        }
        guard largestBefore < found.timestamp || isBlind else {
            return "it has timestamp \(found.timestamp) for offset \(offset), an earlier batch has it already"
        }
        return nil
    }

    /// Goes to the next entry that is no room; what is out of order is told and passed over.
    private mutating func advance() throws(DiskError) {
        entry = nil
        while let (next, position) = try cursor.next() {
            let isZero = next == TimeIndex.Entry(timestamp: 0, relativeOffset: 0)
            if isZero && position == 0 {
                beginsWithZeros = true
                continue
            }
            if let start = room.interrupted(by: isZero, at: position) {
                findings.add(path, start, "\(position - start) bytes of zeros between entries")
            }
            if isZero { continue }
            guard next.timestamp > last.timestamp, next.relativeOffset >= last.relativeOffset else {
                findings.add(
                    path, position,
                    "timestamp \(next.timestamp) at offset \(base + Int64(next.relativeOffset)) comes after "
                        + "\(last.timestamp) at \(base + Int64(last.relativeOffset))")
                continue
            }
            last = next
            (entry, entryPosition) = (next, position)
            return
        }
    }
}
