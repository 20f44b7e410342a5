import Records

/// Holds a segment's index of aborted transactions against the abort markers in it, which come in order.
struct TransactionIndexCheck {
    private let path: String
    /// Compaction takes a marker and may leave its entry.
    private let mayLackMarkers: Bool
    private let findings: LogFindings
    /// nil if there is no such file: then there must be no aborted transaction.
    private let file: (any DiskFile)?
    private let size: Int64
    /// Entries that were read ahead, and where they begin in the file.
    private var window: [UInt8] = []
    private var windowStart: Int64 = 0
    private static let entriesAtOnce = 1024
    private var position: Int64 = 0
    private var last: Offset = -1
    private var entry: AbortedTransaction?

    init(
        stem: String, isThere: Bool, mayLackMarkers: Bool, disk: Disk, findings: LogFindings
    ) throws(DiskError) {
        self.mayLackMarkers = mayLackMarkers
        path = stem + TransactionIndex.suffix
        self.findings = findings
        file = isThere ? try disk.open(path, .read) : nil
        let there = try file?.status().size ?? 0
        size = min(there, InspectedFile.sizeLimit)
        if size < there { findings.add(path, nil, InspectedFile.oversize(there)) }
        try advance()
    }

    /// Takes the next control batch of the segment.
    /// - Parameter ended: the transaction that it ended, as far as its beginning was seen.
    mutating func take(_ batch: ScannedBatch, ended: EndedTransaction?) throws(DiskError) {
        try passOver(upTo: batch.lastOffset)
        guard let header = batch.header, let marker = batch.marker else { return }
        guard let found = entry, found.lastOffset == batch.lastOffset else {
            if marker.outcome == .abort, let ended {
                findings.add(
                    path, nil,
                    "the transaction of producer \(header.producerId) from \(ended.range.firstOffset), aborted at "
                        + "\(batch.lastOffset), is missing")
            }
            return
        }
        if let objection = objection(to: found, header, marker, ended) { complain(objection) }
        try advance()
    }

    /// After the last batch.
    /// - Parameter end: the offset after it.
    mutating func finish(end: Offset) throws(DiskError) {
        try passOver(upTo: end)
        if let entry { complain("it names a marker at \(entry.lastOffset), behind the last batch of the segment") }
    }

    private func objection(
        to found: AbortedTransaction, _ header: BatchHeader, _ marker: TransactionMarker, _ ended: EndedTransaction?
    ) -> String? {
        guard found.producerId == header.producerId, marker.outcome == .abort else {
            return "it has producer \(found.producerId) aborted at \(found.lastOffset), where producer "
                + "\(header.producerId) has a marker to \(marker.outcome)"
        }
        // Compaction may have taken the first batches of the transaction.
        if let ended, found.firstOffset > ended.range.firstOffset {
            return "it has producer \(found.producerId) from \(found.firstOffset), whose transaction begins at "
                + "\(ended.range.firstOffset)"
        }
        // A reader looks no further than an entry that is beyond what it reads.
        if let ended, found.lastStable > ended.range.lastStable {
            return "it has a last stable offset of \(found.lastStable), which was \(ended.range.lastStable)"
        }
        return nil
    }

    private mutating func passOver(upTo offset: Offset) throws(DiskError) {
        while let found = entry, found.lastOffset < offset {
            if !mayLackMarkers { complain("it names a marker at \(found.lastOffset), where there is none") }
            try advance()
        }
    }

    private func complain(_ reason: String) {
        findings.add(path, position - Int64(TransactionIndex.entrySize), reason)
    }

    private mutating func advance() throws(DiskError) {
        entry = nil
        while position < size, entry == nil {
            let bytes = try entryBytes()
            do throws(RecordError) {
                entry = try TransactionIndex.decode(bytes, after: last).first
                last = entry?.lastOffset ?? last
            } catch {
                findings.add(path, position, "\(error)")
            }
            position += Int64(TransactionIndex.entrySize)
        }
    }

    /// Those of the entry at ``position``, fewer where the file ends.
    private mutating func entryBytes() throws(DiskError) -> ArraySlice<UInt8> {
        if position >= windowStart + Int64(window.count) {
            let count = Self.entriesAtOnce * TransactionIndex.entrySize
            window = try file?.readBytes(at: position, count: count) ?? []
            windowStart = position
        }
        return window.dropFirst(Int(position - windowStart)).prefix(TransactionIndex.entrySize)
    }
}
