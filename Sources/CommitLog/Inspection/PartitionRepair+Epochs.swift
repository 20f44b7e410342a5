import Records

/// Gives batches the leader epochs back that their neighbours and the checkpoint know.
extension PartitionRepair {
    /// Mends the epochs of batches, if anything is wrong with epochs.
    /// - Returns: what is wrong then.
    mutating func mendEpochs(_ wrong: Findings, _ now: PartitionFiles) throws(DiskError) -> Findings {
        guard wrong.areOfEpochs else { return wrong }
        let verdicts = try epochVerdicts(now)
        guard !verdicts.isEmpty else { return wrong }
        for segment in now.segments { try mendEpochs(in: segment, verdicts) }
        // What is said of the checkpoint may have been said because of such a batch.
        guard options.isDry else { return findings(now) }
        return Findings(told: wrong.told.filter { !$0.finding.isOfEpochs }, areOfEpochs: false)
    }

    private func epochVerdicts(_ now: PartitionFiles) throws(DiskError) -> [EpochTrial.Verdict] {
        let text = try disk.readFile("\(now.directory)/\(LeaderEpochs.fileName)", limit: LeaderEpochs.sizeLimit)
        var trial = EpochTrial(text.flatMap { LeaderEpochs(text: String(decoding: $0, as: UTF8.self)) }, rules)
        for segment in now.segments { try forEachBatch(in: segment) { trial.take($0) } }
        return trial.verdicts()
    }

    private mutating func mendEpochs(
        in segment: PartitionFiles.Segment, _ verdicts: [EpochTrial.Verdict]
    ) throws(DiskError) {
        var rest = verdicts[...]
        var wrong: [(batch: ScannedBatch, right: Int32)] = []
        try forEachBatch(in: segment) { batch in
            rest = rest.drop { $0.offsets.upperBound < batch.baseOffset }
            guard let verdict = rest.first, verdict.offsets.contains(batch.baseOffset),
                batch.header?.partitionLeaderEpoch == verdict.said
            else { return }
            wrong.append((batch, verdict.right))
        }
        guard !wrong.isEmpty else { return }
        if !options.isDry { try markUnclean(losing: false) }
        let path = segment.stem + ".log"
        let log = try disk.open(path, options.isDry ? .read : .readWrite)
        for (batch, right) in wrong { try give(right, to: batch, in: log) }
        if !options.isDry { try log.syncWhole() }
    }

    private func give(_ epoch: Int32, to batch: ScannedBatch, in log: any DiskFile) throws(DiskError) {
        let place = batch.position + 12
        let bytes = place..<place + 4
        var copy: String?
        if !options.isDry {
            copy = try keep(log.path, bytes, "\(batch.baseOffset).leader-epoch")
            var writer = ByteWriter(reserving: 4)
            writer.write(epoch)
            try log.write(writer.bytes, at: place)
        }
        let said = batch.header?.partitionLeaderEpoch ?? -1
        tell(
            LogRepair.Action(
                path: log.path, bytes: bytes,
                reason: "those around it say otherwise",
                outcome: "leader epoch \(said) of the batch at offset \(batch.baseOffset) became \(epoch)", copy: copy))
    }
}
