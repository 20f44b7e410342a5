import Records

/// What a walk over a partition's batches knows where it stands: what may come next, and what the producers have done.
struct PartitionWalk {
    private let rules: LogSurroundings.Rules
    /// As the checkpoint file says; nil if there is none to compare with.
    private var epochs: LeaderEpochs?
    /// Below this offset compaction may have left holes.
    private let holesBelow: Offset
    /// Where the log goes on; nil before the first batch.
    private(set) var next: Offset?
    /// What came last could not be read.
    private(set) var isBlind = false
    /// Whether everything from the beginning on was there, so that the producers are known.
    private(set) var isUnbroken = true
    private(set) var producers: ProducerTable
    private var lastEpoch: Int32 = -1
    private var epochPlace = 0

    init(
        rules: LogSurroundings.Rules, epochs: LeaderEpochs?, holesBelow: Offset, producers: ProducerTable
    ) {
        self.rules = rules
        self.epochs = epochs
        self.holesBelow = holesBelow
        self.producers = producers
    }

    /// A batch could not be read, nor what may have stood behind it.
    mutating func lost() {
        isBlind = true
        isUnbroken = false
    }

    /// Why a batch cannot follow what came before, nil if it can.
    func objection(to batch: ScannedBatch, in segment: PartitionFiles.Segment) -> String? {
        if batch.baseOffset < segment.base { return "offset \(batch.baseOffset) in a segment from \(segment.base)" }
        if batch.lastOffset - segment.base > Int64(Int32.max) {
            return "offset \(batch.lastOffset) is too far from the segment's \(segment.base)"
        }
        if batch.position > Int64(Int32.max) { return "it begins behind byte \(Int32.max)" }
        if let next, batch.baseOffset < next { return "offset \(batch.baseOffset) comes after \(next - 1)" }
        return hole(before: batch, in: segment)
    }

    /// Takes note of a batch that can be believed.
    /// - Returns: the transaction that it ended.
    mutating func take(_ batch: ScannedBatch) -> EndedTransaction? {
        if let next, batch.baseOffset > next { isUnbroken = false }
        // What compaction, a repair or a recovery has left in the place of something.
        if let header = batch.header, header.recordsCount == 0 { isUnbroken = false }
        next = batch.nextOffset
        isBlind = false
        guard let header = batch.header else { return nil }
        lastEpoch = max(lastEpoch, header.partitionLeaderEpoch)
        return producers.record(header, batch.marker)
    }

    private func hole(before batch: ScannedBatch, in segment: PartitionFiles.Segment) -> String? {
        // Of an old compressed set only the last offset is known.
        guard !isBlind, batch.message == nil else { return nil }
        let expected = next ?? segment.base
        guard batch.baseOffset > expected, !(rules.mayHaveHoles && batch.baseOffset <= holesBelow) else { return nil }
        return "offsets \(expected) to \(batch.baseOffset - 1) are missing before it"
    }

    /// Why a batch cannot have its leader epoch, nil if it can.
    func epochObjection(to batch: ScannedBatch) -> String? {
        guard let epoch = batch.header?.partitionLeaderEpoch, epoch != -1 else { return nil }
        if epoch < -1 { return "leader epoch \(epoch)" }
        return epoch < lastEpoch ? "leader epoch \(epoch) comes after \(lastEpoch)" : nil
    }

    /// What the leader epochs beside the log say otherwise than a batch that can be believed; told once.
    mutating func epochsObjection(to batch: ScannedBatch) -> String? {
        guard let epoch = batch.header?.partitionLeaderEpoch, epoch >= 0, let entries = epochs?.entries,
            let objection = objection(to: entries, epoch, batch.baseOffset)
        else { return nil }
        epochs = nil
        return objection
    }

    private mutating func objection(to entries: [LeaderEpochs.Entry], _ epoch: Int32, _ offset: Offset) -> String? {
        guard let first = entries.first else { return nil }
        while epochPlace + 1 < entries.count, entries[epochPlace + 1].start <= offset { epochPlace += 1 }
        let entry = entries[epochPlace]
        guard entry.start <= offset else {
            guard let start = rules.logStart, first.start > start else { return nil }
            return "it begins with offset \(first.start), and the batch at \(offset) has epoch \(epoch)"
        }
        let isNew = epoch > entry.epoch && epochPlace + 1 == entries.count
        if entry.epoch == epoch || isNew && !rules.hasAllEpochs { return nil }
        return "it says epoch \(entry.epoch) at offset \(offset), where a batch has epoch \(epoch)"
    }
}
