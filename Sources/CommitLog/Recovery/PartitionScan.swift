import Records

/// What a partition directory holds.
///
/// Of what lies below the recovery point only sizes are looked at, and the few headers from the last index entry on: the
/// epochs and the producers up to there stand beside the log. From there on every batch is read.
struct PartitionScan: Sendable {
    let directory: String
    /// In order of base offset. May be empty.
    var segments: [ScannedSegment] = []
    var producers: ProducerTable
    /// The end that the snapshot reaches which ``producers`` equals, if there is such a one.
    var snapshotEnd: Offset?
    /// The ends that the snapshots in the directory reach.
    var snapshots: [Offset] = []
    var epochs = LeaderEpochs()
    /// The file beside the log does not have all of ``epochs``.
    var epochsChanged = false
    /// The batches of rounds at or above ``trusted``, in order; adopted ones left out.
    var rounds: [RoundMark] = []
    /// Offsets at or above ``trusted`` that an empty batch took over: what stood there cannot be read any more.
    var bridges: [Range<Offset>] = []
    /// No batch below was read. The recovery point, unless the log does not reach it.
    var trusted: Offset = 0
    /// Bytes read from the recovery point on, and of headers walked over below it because something beside the log was
    /// missing.
    var scannedBytes: Int64 = 0
    /// Files that were put aside, and why.
    var setAside: [String] = []
    /// Segments' files that got their names back.
    var renamed: [String] = []

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
        /// It is between two segments, or at the first batch of one: a name may be wrong.
        var isOfNames = false
    }

    struct Rules: Sendable {
        var settings: Shared<TopicSettings>
        var producersLimit: Int
        /// Checks every checksum, and takes missing offsets for a tear.
        var isStrict: Bool
        /// Offsets up to here stood there when the partition was adopted: they may have holes, and need no commit.
        var adoptedEnd: Offset
        /// Below it everything was durable, and so was what stands beside the log.
        var recoveryPoint: Offset = 0
        /// Nobody knows the recovery point any more: offsets may be missing wherever compaction works.
        var isLenient = false
        /// The highest leader epoch that was ever given out, as far as that is known.
        var highestEpoch = Int32.max
        /// It is taken over by this opening.
        var isAdopted = false
    }

    /// Walks a directory. Leftovers of a deletion or of a writing that was not finished are removed.
    init(_ directory: String, disk: Disk, rules: Rules) throws(DiskError) {
        self.directory = directory
        producers = ProducerTable(limit: rules.producersLimit)
        let listed = try UnreadableSegment.finish(directory, disk.list(directory), disk: disk)
        for base in listed.segments {
            let path = Segment.stem(directory, base) + ".log" + UnreadableSegment.suffix
            setAside.append("\(path), which the disk did not give")
        }
        let names = try SwapCompletion.run(directory, listed.names, disk: disk)
        let files = try Self.segmentFiles(names, directory, disk, rules)
        snapshots = names.compactMap { ProducerSnapshot.offset(of: $0) }
        var place = trust(files, rules)
        if rules.isStrict { lookAtTrusted(disk) }
        var known = place < files.count ? try resume(files[place], disk, rules) : nil
        if place < files.count { trusted = min(rules.recoveryPoint, known?.nextOffset ?? files[place].base) }
        try recall(known, disk, rules)
        try recallAborted(&known, names, disk, rules)
        if let known {
            try scan(known, before: files[(place + 1)...], disk, rules)
            place += 1
        }
        while place < files.count {
            let file = files[place]
            let segment = ScannedSegment(file, directory, rules)
            try scan(segment, before: files[(place + 1)...], disk, rules)
            place += 1
        }
        // Kafka's own stays as it is: it says no less than ours would.
        let end = logEnd
        if rules.isAdopted, snapshotEnd != end, snapshots.contains(end),
            try ProducerSnapshot.newest(of: [end], in: directory, atOrBelow: end, limit: 1, disk: disk) != nil
        {
            snapshotEnd = end
        }
        if epochsChanged {
            let text = try disk.readFile("\(directory)/\(LeaderEpochs.fileName)", limit: 1 << 20)
            epochsChanged = text != Array(epochs.text.utf8)
        }
    }

    /// Reads a segment from where it is known to on.
    private mutating func scan(
        _ known: ScannedSegment, before later: ArraySlice<SegmentFile>, _ disk: Disk, _ rules: Rules
    ) throws(DiskError) {
        var segment = known
        if let last = segments.last, last.nextOffset > segment.base, segment.fileSize == 0 {
            // A roll made it, and then could not go on; what came later was appended to the segment before.
            return try disk.removeIfThere(segment.stem + ".log")
        }
        guard segment.validSize < segment.fileSize else { return segments.append(segment) }
        let allowsHoles = !rules.isStrict || rules.isLenient && !later.isEmpty
        let following = later.first { $0.size > 0 }?.base ?? .max
        let file = try disk.open(segment.stem + ".log", .read)
        var scanner = BatchScanner(
            file, from: segment.validSize, to: segment.fileSize, checksCRC: rules.isStrict)
        scannedBytes += segment.fileSize - segment.validSize
        walk: while true {
            switch try scanner.next() {
            case .end: break walk
            case .bad(let reason):
                segment.bad = reason
                break walk
            case .batch(let batch):
                if batch.position == 0 { segment.firstOffset = batch.baseOffset }
                // A hole that leads beyond the next segment is none: offsets are outside of the checksum.
                let isWithin = batch.nextOffset <= following
                if let objection = segment.objection(to: batch, rules, allowsHoles: allowsHoles && isWithin) {
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
        if header.isBridge { bridges.append(batch.baseOffset..<batch.nextOffset) }
        let ended = producers.record(header, batch.marker)
        if header.hasProducer { snapshotEnd = nil }
        if noteEpoch(of: header, rules) { epochsChanged = true }
        if header.producerId >= PipelineProducer.firstReserved && header.baseOffset >= rules.adoptedEnd {
            rounds.append(RoundMark(base: header.baseOffset, end: header.nextOffset, crc: header.crc))
        }
        return ended?.aborted
    }

    var logStart: Offset { segments.first?.base ?? 0 }
    /// The offset after the last batch of all that can be read, whatever is missing before it.
    var logEnd: Offset { segments.last?.nextOffset ?? 0 }

    /// Whether the log ends where a clean stop said that it does, and nowhere else.
    func ends(at point: Offset) -> Bool {
        guard let last = segments.last else { return point == 0 }
        return last.bad == nil && last.nextOffset == point && trusted == point && last.validSize == last.fileSize
            && segments.allSatisfy { $0.bad == nil }
    }

    /// Whether what ended at an offset cannot be read any more.
    func isBridged(_ end: Offset) -> Bool { bridges.contains { $0.lowerBound < end && end <= $0.upperBound } }

    /// Where the log does not go on: bytes that are no batch, offsets that are missing, segments that overlap.
    func spots(_ rules: Rules) -> [Spot] {
        var spots: [Spot] = []
        for (place, segment) in segments.enumerated() {
            if let reason = segment.bad {
                let doubt = segment.validSize == 0 ? segment.doubt : nil
                spots.append(
                    Spot(
                        segment: place, offset: segment.nextOffset, reason: reason + (doubt ?? ""),
                        isOfNames: doubt != nil))
            } else if place + 1 < segments.count, segments[place + 1].base != segment.nextOffset {
                let next = segments[place + 1].base
                let isHole = next > segment.nextOffset
                if isHole && (rules.isLenient || segment.nextOffset < rules.adoptedEnd) { continue }
                let reason =
                    isHole
                    ? "offsets \(segment.nextOffset) to \(next - 1) are missing"
                    : "the segment at \(next) begins before the one before it ends"
                spots.append(
                    Spot(
                        segment: place, offset: segment.nextOffset, reason: reason + (segments[place + 1].doubt ?? ""),
                        isOfNames: true))
            }
        }
        return spots
    }
}
