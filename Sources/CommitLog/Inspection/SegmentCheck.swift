import Records

/// Reads one segment from its first byte to its last and holds its indexes against it.
struct SegmentCheck {
    private let segment: PartitionFiles.Segment
    private let options: LogVerification.Options
    private let findings: LogFindings
    private let tally: VerificationTally
    private let file: any DiskFile
    private let path: String
    private var offsets: OffsetIndexCheck?
    private var times: TimeIndexCheck?
    private var transactions: TransactionIndexCheck
    private var batches = 0
    private var records: Int64 = 0
    private var told: Int64 = 0

    /// - Parameter isLast: the segment is the one that is written to.
    init(
        _ segment: PartitionFiles.Segment, isLast: Bool, rules: LogSurroundings.Rules,
        options: LogVerification.Options, disk: Disk, findings: LogFindings, tally: VerificationTally
    ) throws(DiskError) {
        self.segment = segment
        self.options = options
        self.findings = findings
        self.tally = tally
        path = segment.stem + ".log"
        file = try disk.open(path, .read)
        if segment.suffixes.contains(Segment.indexSuffix) {
            offsets = try OffsetIndexCheck(
                stem: segment.stem, base: segment.base, exactFrom: rules.exactIndexesFrom, isLast: isLast, disk: disk,
                findings: findings)
        }
        if segment.suffixes.contains(Segment.timeIndexSuffix) {
            times = try TimeIndexCheck(
                stem: segment.stem, base: segment.base, exactFrom: rules.exactIndexesFrom, isLast: isLast, disk: disk,
                findings: findings)
        }
        transactions = try TransactionIndexCheck(
            stem: segment.stem, isThere: segment.suffixes.contains(TransactionIndex.suffix),
            mayLackMarkers: rules.mayHaveHoles, disk: disk, findings: findings)
    }

    /// - Parameter partition: what is known of the partition before this segment.
    mutating func run(_ partition: inout PartitionWalk) throws(DiskError) {
        let end = min(segment.bytes, InspectedFile.sizeLimit)
        if end < segment.bytes { findings.add(path, end, InspectedFile.oversize(segment.bytes)) }
        var scanner = BatchScanner(file, to: end, checksCRC: true)
        walk: while true {
            switch try scanner.next() {
            case .end: break walk
            case .batch(let batch):
                try take(batch, &partition)
                tell(scanner.position)
            case .bad(let reason):
                findings.add(path, scanner.position, reason)
                partition.lost()
                guard let next = try Resumption.next(in: file, behind: scanner.position, end: end) else {
                    break walk
                }
                scanner = BatchScanner(file, from: next, to: end, checksCRC: true)
                try offsets?.skip(to: next)
            }
        }
        try offsets?.finish()
        try times?.finish()
        try transactions.finish(end: partition.next ?? segment.base)
        tally.read(bytes: segment.bytes - told)
        tally.finish(segmentOf: segment.bytes, batches: batches, records: records)
    }

    private mutating func take(_ batch: ScannedBatch, _ partition: inout PartitionWalk) throws(DiskError) {
        batches += 1
        records += Int64(batch.header?.recordsCount ?? 1)
        if partition.isBlind { try times?.skip(to: batch.baseOffset) }
        if let objection = partition.objection(to: batch, in: segment) {
            findings.add(path, batch.position, objection)
            // Its offsets are not to be believed.
            guard batch.lastOffset >= partition.next ?? 0, batch.baseOffset >= segment.base,
                batch.lastOffset - segment.base <= Int64(Int32.max)
            else { return }
        } else if let objection = partition.epochObjection(to: batch) {
            findings.add(path, batch.position, isOfEpochs: true, objection)
        } else if let objection = partition.epochsObjection(to: batch) {
            findings.add(
                "\(InspectedPlace.parent(path))/\(LeaderEpochs.fileName)", nil, isOfEpochs: true, objection)
        }
        let ended = partition.take(batch)
        try offsets?.take(batch)
        try times?.take(batch)
        if batch.marker != nil { try transactions.take(batch, ended: ended) }
        if options.isDeep { try decode(batch) }
    }

    /// The deep look: every record.
    private func decode(_ batch: ScannedBatch) throws(DiskError) {
        guard batch.size <= options.batchLimit else {
            return findings.add(
                path, batch.position,
                "not decoded: \(batch.size) bytes are more than \(options.batchLimit); --batch-limit allows more")
        }
        let bytes = try file.readBytes(at: batch.position, count: batch.size)
        do throws(RecordError) {
            guard batch.message == nil else {
                _ = try MessageSet.validate(bytes.rawSpan, limit: options.batchLimit)
                return
            }
            let found = try RecordBatch.validate(bytes.rawSpan, limit: options.batchLimit)
            if found.maxTimestamp > found.header.maxTimestamp {
                findings.add(
                    path, batch.position,
                    """
                    a record has timestamp \(found.maxTimestamp), its batch's largest is \(found.header.maxTimestamp)
                    """)
            }
            try understand(bytes, found.header)
        } catch {
            findings.add(path, batch.position, "\(error)")
        }
    }

    /// Records of Penstock's own topics must say something.
    private func understand(_ bytes: [UInt8], _ header: BatchHeader) throws(RecordError) {
        guard let topic = InspectedFile(path)?.partition?.topic, !header.isControl,
            [DataDirectory.registryTopic, DataDirectory.positionsTopic].contains(topic)
        else { return }
        for record in try RecordBatch.decode(bytes.rawSpan, limit: options.batchLimit).1 {
            _ = try record.meaning(in: topic)
        }
    }

    private mutating func tell(_ position: Int64) {
        guard position - told >= VerificationTally.step else { return }
        tally.read(bytes: position - told)
        told = position
    }
}
