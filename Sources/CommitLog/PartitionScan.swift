import Records

/// What a partition directory holds, found by walking all its batches.
struct PartitionScan {
    let directory: String
    /// In order of base offset. May be empty.
    var segments: [ScannedSegment] = []
    var producers: ProducerTable
    var epochs = LeaderEpochs()
    /// The ends that the snapshots in the directory reach.
    var snapshots: [Offset] = []
    /// The batches of rounds, in order; adopted ones left out.
    var rounds: [RoundMark] = []

    /// A batch that needs a commit record.
    struct RoundMark: Hashable {
        var base: Offset
        var end: Offset
        var crc: UInt32
    }

    /// A place where the log does not go on.
    struct Spot: Equatable {
        var segment: Int
        /// Everything before it can be read.
        var offset: Offset
        var reason: String
    }

    struct Rules {
        var settings: TopicSettings
        var producersLimit: Int
        /// Reads every byte, and takes missing offsets for a tear.
        var isStrict: Bool
        /// Offsets up to here stood there when the partition was adopted: they may have holes, and need no commit.
        var adoptedEnd: Offset
    }

    /// Walks a directory. Leftovers of a deletion or of a writing that was not finished are removed.
    init(_ directory: String, disk: Disk, rules: Rules) throws(DiskError) {
        self.directory = directory
        producers = ProducerTable(limit: rules.producersLimit)
        var bases: [Offset] = []
        let names = try SwapCompletion.run(directory, disk.list(directory), disk: disk)
        for name in names {
            if name.hasSuffix(".log"), name.utf8.count == 24, let base = Offset(name.dropLast(4)), base >= 0 {
                bases.append(base)
            }
        }
        bases.sort()
        snapshots = names.compactMap { ProducerSnapshot.offset(of: $0) }
        for name in names where name.hasSuffix(".index") {
            guard let base = Offset(name.dropLast(6)), !bases.contains(base) else { continue }
            try disk.removeIfThere("\(directory)/\(name)")
        }
        for base in bases { try scan(base, disk, rules) }
    }

    private mutating func scan(_ base: Offset, _ disk: Disk, _ rules: Rules) throws(DiskError) {
        let stem = Segment.stem(directory, base)
        let file = try disk.open(stem + ".log", .read)
        if let last = segments.last, last.nextOffset > base, try file.status().size == 0 {
            // A roll made it, and then could not go on; what came later was appended to the segment before.
            try disk.removeIfThere(stem + ".log")
            return
        }
        var segment = ScannedSegment(
            base: base, stem: stem, fileSize: try file.status().size, nextOffset: base,
            indexInterval: rules.settings.indexIntervalBytes)
        var scanner = BatchScanner(file, to: segment.fileSize, checksCRC: rules.isStrict)
        walk: while true {
            switch try scanner.next() {
            case .end: break walk
            case .bad(let reason):
                segment.bad = reason
                break walk
            case .batch(let batch):
                if let objection = segment.objection(to: batch, rules) {
                    segment.bad = objection
                    break walk
                }
                segment.take(batch)
                if let aborted = note(batch, rules) { segment.aborted.append(aborted) }
            }
        }
        segments.append(segment)
    }

    /// - Returns: the transaction that the batch aborts.
    private mutating func note(_ batch: ScannedBatch, _ rules: Rules) -> AbortedTransaction? {
        guard let header = batch.header else { return nil }
        let ended = producers.record(header, batch.marker)
        _ = epochs.note(header.partitionLeaderEpoch, at: header.baseOffset)
        if header.producerId >= PipelineProducer.firstReserved && header.baseOffset >= rules.adoptedEnd {
            rounds.append(RoundMark(base: header.baseOffset, end: header.nextOffset, crc: header.crc))
        }
        return ended?.aborted
    }

    var logStart: Offset { segments.first?.base ?? 0 }
    /// The offset after the last batch of all that can be read, whatever is missing before it.
    var logEnd: Offset { segments.last?.nextOffset ?? 0 }
    var fileBytes: Int64 { segments.reduce(0) { $0 + $1.fileSize } }

    /// Where the log does not go on: bytes that are no batch, offsets that are missing, segments that overlap.
    func spots(isStrict: Bool, adoptedEnd: Offset) -> [Spot] {
        var spots: [Spot] = []
        for (place, segment) in segments.enumerated() {
            if let reason = segment.bad {
                spots.append(Spot(segment: place, offset: segment.nextOffset, reason: reason))
            } else if place + 1 < segments.count, segments[place + 1].base != segment.nextOffset {
                let next = segments[place + 1].base
                let isHole = next > segment.nextOffset
                if isHole && (!isStrict || segment.nextOffset < adoptedEnd) { continue }
                spots.append(
                    Spot(
                        segment: place, offset: segment.nextOffset,
                        reason: isHole
                            ? "offsets \(segment.nextOffset) to \(next - 1) are missing"
                            : "the segment at \(next) begins before the one before it ends"))
            }
        }
        return spots
    }
}

/// What a segment's file holds up to the first byte that is no batch.
struct ScannedSegment {
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
    var firstTimestamp: Int64?
    var maxTimestamp: Int64 = -1

    init(base: Offset, stem: String, fileSize: Int64, nextOffset: Offset, indexInterval: Int64) {
        self.base = base
        self.stem = stem
        self.fileSize = fileSize
        self.nextOffset = nextOffset
        builder = IndexBuilder(base: base, interval: indexInterval)
    }

    /// Why a batch cannot follow what was found so far.
    func objection(to batch: ScannedBatch, _ rules: PartitionScan.Rules) -> String? {
        // It can only have come with an adopted partition.
        if batch.header == nil && batch.baseOffset >= rules.adoptedEnd { return "neither a batch of ours nor adopted" }
        if batch.baseOffset < nextOffset { return "offset \(batch.baseOffset) after \(nextOffset - 1)" }
        if batch.baseOffset > nextOffset && rules.isStrict && nextOffset >= rules.adoptedEnd {
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
        if firstTimestamp == nil { firstTimestamp = batch.maxTimestamp }
        maxTimestamp = max(maxTimestamp, batch.maxTimestamp)
    }
}
