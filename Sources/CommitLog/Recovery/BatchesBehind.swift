import Records

/// The whole entries behind what is bad in a segment that can follow what is good in it, in the order of the file.
struct BatchesBehind {
    private let segment: ScannedSegment
    private let rules: PartitionScan.Rules
    /// Where the next segment begins.
    private let following: Offset
    /// nil if nothing is bad.
    private let file: (any DiskFile)?
    private var scanner: BatchScanner?

    init(
        damageIn segment: ScannedSegment, _ rules: PartitionScan.Rules, before following: Offset = .max, disk: Disk
    ) throws(DiskError) {
        self.segment = segment
        self.rules = rules
        self.following = following
        file = segment.bad == nil ? nil : try disk.open(segment.stem + ".log", .read)
    }

    mutating func next() throws(DiskError) -> ScannedBatch? {
        guard let file else { return nil }
        while true {
            while case .batch(let batch)? = try scanner?.next() {
                // An offset is outside of the checksum: one that cannot be right would take all that follows with it.
                if batch.nextOffset <= following, segment.objection(to: batch, rules, allowsHoles: true) == nil {
                    return batch
                }
            }
            let bad = scanner?.position ?? segment.validSize
            let resumed = try Resumption.next(in: file, behind: bad, after: segment.nextOffset, end: segment.fileSize)
            guard let resumed else { return nil }
            scanner = BatchScanner(file, from: resumed, to: segment.fileSize, checksCRC: true)
        }
    }
}
