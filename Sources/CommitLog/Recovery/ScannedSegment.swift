import Records

/// What a segment's file holds up to the first byte that is no batch.
struct ScannedSegment: Sendable {
    let base: Offset
    let stem: String
    var fileSize: Int64
    var validSize: Int64 = 0
    var nextOffset: Offset
    /// Why the walk ended before the file did.
    var bad: String?
    var builder: IndexBuilder
    /// Transactions whose abort markers are here.
    var aborted: [AbortedTransaction] = []
    /// Its indexes are gone, so ``aborted`` has those below the recovery point as well.
    var hasLostIndexes = false
    /// Up to here nothing is known but headers, and those not all: it was durable at the last checkpoint.
    var trustedSize: Int64 = 0
    /// Where its first batch begins; nil if that was not looked at.
    var firstOffset: Offset?
    /// All of it lies below the recovery point.
    var isTrusted: Bool { trustedSize > 0 && trustedSize == fileSize }

    /// What is to be said where the log does not go on, and the first batch is not where the name says.
    var doubt: String? {
        guard !isTrusted, let firstOffset, firstOffset != base else { return nil }
        return """
            : the first batch of \(stem).log is at offset \(firstOffset), and not where its name says; if somebody renamed it, \
            stop Penstock, call the copy \(Segment.stem("", firstOffset).dropFirst()).log there, and run `penstock log repair`
            """
    }

    /// A segment's log gets it that was called by another's name.
    static let misnamedSuffix = ".misnamed"

    init(_ file: PartitionScan.SegmentFile, _ directory: String, _ rules: PartitionScan.Rules) {
        base = file.base
        stem = Segment.stem(directory, file.base)
        fileSize = file.size
        nextOffset = file.base
        builder = IndexBuilder(base: file.base, interval: rules.settings.indexIntervalBytes)
    }

    /// Takes everything up to an offset as it is.
    mutating func trust(upTo offset: Offset, bytes: Int64) {
        validSize = bytes
        trustedSize = bytes
        nextOffset = offset
    }

    /// Walks the headers from ``validSize`` to an offset, at which a batch must end.
    /// - Returns: whether one does; if not, the segment is of no use any more.
    mutating func walk(to offset: Offset, _ disk: Disk) throws(DiskError) -> Bool {
        let file = try disk.open(stem + ".log", .read)
        var scanner = BatchScanner(file, from: validSize, to: fileSize, checksCRC: false)
        while nextOffset < offset {
            guard case .batch(let batch) = try scanner.next(), batch.baseOffset >= nextOffset,
                batch.nextOffset <= offset
            else { return false }
            take(batch)
        }
        trustedSize = validSize
        return true
    }

    /// Why a batch cannot follow what was found so far.
    func objection(to batch: ScannedBatch, _ rules: PartitionScan.Rules, allowsHoles: Bool) -> String? {
        // It can only have come with an adopted partition.
        if batch.header == nil && batch.baseOffset >= rules.adoptedEnd { return "neither a batch of ours nor adopted" }
        if batch.baseOffset < nextOffset { return "offset \(batch.baseOffset) after \(nextOffset - 1)" }
        if batch.baseOffset > nextOffset && !allowsHoles && nextOffset >= rules.adoptedEnd {
            return "offsets \(nextOffset) to \(batch.baseOffset - 1) are missing"
        }
        if batch.lastOffset - base > Int64(Int32.max) { return "offset \(batch.lastOffset) is too far from \(base)" }
        if batch.position > Int64(Int32.max) { return "the segment is too large" }
        return nil
    }

    mutating func take(_ batch: ScannedBatch) {
        builder.take(batch)
        validSize = batch.position + Int64(batch.size)
        nextOffset = batch.nextOffset
    }
}
