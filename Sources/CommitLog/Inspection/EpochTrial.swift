import Records

/// Finds the batches of a partition whose leader epochs cannot be theirs, and those that would be.
///
/// An epoch stands outside of what its batch's checksum covers. What holds instead: epochs ascend from batch to batch, nobody
/// was given a higher one than the registry knows, and `leader-epoch-checkpoint` says where each began. Where that disagrees,
/// most batches are right, and a single one that contradicts its neighbours and the checkpoint is wrong.
struct EpochTrial {
    /// What batches are to be given that said another.
    struct Verdict {
        /// From the base offset of the first batch to that of the last.
        var offsets: ClosedRange<Offset>
        var said: Int32
        var right: Int32
    }

    /// Batches one after the other that say the same, and of which the checkpoint says the same.
    private struct Run {
        var epoch: Int32
        /// Of ``entries``; nil before the first.
        var entry: Int?
        /// They stand for what was lost, and have no epoch.
        var isEmpty: Bool
        var offsets: ClosedRange<Offset>
        var count: Int
    }

    /// How many batches say what, where one entry of the checkpoint is said to hold.
    private struct Votes {
        var total = 0
        var byEpoch: [Int32: Int] = [:]
    }

    /// More often epochs do not change in a log; where they seem to, nothing is known of which is right.
    private static let runLimit = 100_000

    private let entries: [LeaderEpochs.Entry]
    private let rules: LogSurroundings.Rules
    private var place = 0
    private var runs: [Run] = []
    private var votes: [Int: Votes] = [:]
    private var total = 0
    /// Batches with an epoch that nobody was given.
    private var unknown = 0

    /// - Parameter checkpoint: what stands beside the log, if it can be read.
    init(_ checkpoint: LeaderEpochs?, _ rules: LogSurroundings.Rules) {
        let entries = checkpoint?.entries ?? []
        let isInOrder = zip(entries, entries.dropFirst()).allSatisfy { $0.start <= $1.start }
        self.entries = isInOrder ? entries : []
        self.rules = rules
    }

    /// Hears the next batch.
    mutating func take(_ batch: ScannedBatch) {
        guard let header = batch.header, header.partitionLeaderEpoch != -1, runs.count <= Self.runLimit else { return }
        let (epoch, offset) = (header.partitionLeaderEpoch, header.baseOffset)
        while place + 1 < entries.count, entries[place + 1].start <= offset { place += 1 }
        let entry = entries.isEmpty || entries[place].start > offset ? nil : place
        let isEmpty = header.recordsCount == 0 && !header.hasProducer
        total += 1
        if isUnknown(epoch, at: offset) { unknown += 1 }
        if let entry {
            votes[entry, default: Votes()].total += 1
            votes[entry, default: Votes()].byEpoch[epoch, default: 0] += 1
        }
        if let last = runs.last, last.epoch == epoch, last.entry == entry, last.isEmpty == isEmpty,
            offset >= last.offsets.upperBound
        {
            runs[runs.count - 1].offsets = last.offsets.lowerBound...offset
            runs[runs.count - 1].count += 1
        } else {
            runs.append(Run(epoch: epoch, entry: entry, isEmpty: isEmpty, offsets: offset...offset, count: 1))
        }
    }

    /// In the order of the batches; none if there are too many to tell.
    func verdicts() -> [Verdict] {
        guard runs.count <= Self.runLimit else { return [] }
        let believed = heaviest(runs.indices.filter { !isContradicted(runs[$0]) })
        // What comes next that is believed.
        var after = [Int32](repeating: .max, count: runs.count + 1)
        for place in runs.indices.reversed() { after[place] = believed[place] ? runs[place].epoch : after[place + 1] }
        var before: Int32 = -1
        var verdicts: [Verdict] = []
        for (place, run) in runs.enumerated() {
            let right = believed[place] ? run.epoch : right(of: run, before, after[place])
            if right != run.epoch { verdicts.append(Verdict(offsets: run.offsets, said: run.epoch, right: right)) }
            before = max(before, right)
        }
        return verdicts
    }

    private func right(of run: Run, _ before: Int32, _ after: Int32) -> Int32 {
        if run.isEmpty { return -1 }
        if let said = run.entry.map({ entries[$0].epoch }), said >= before, said <= after { return said }
        return before >= 0 || after == .max ? before : after
    }

    private func isUnknown(_ epoch: Int32, at offset: Offset) -> Bool {
        epoch > rules.highestEpoch && offset >= rules.exactIndexesFrom
    }

    private func isContradicted(_ run: Run) -> Bool {
        if run.epoch < 0 { return true }
        if isUnknown(run.epoch, at: run.offsets.lowerBound), unknown < total - unknown { return true }
        guard let entry = run.entry, let votes = votes[entry], run.epoch != entries[entry].epoch else { return false }
        // A new epoch gets into the checkpoint after its first batch got into the log.
        let isNew = entry == entries.count - 1 && run.epoch > entries[entry].epoch && !rules.hasAllEpochs
        let agreeing = votes.byEpoch[entries[entry].epoch] ?? 0
        return !isNew && votes.byEpoch[run.epoch] == 1 && agreeing > votes.total - agreeing
    }

    /// Of all choices of runs in which epochs ascend the one with the most batches, those that agree with the checkpoint
    /// counting for more.
    /// - Returns: for each run whether it is one of them.
    private func heaviest(_ candidates: [Int]) -> [Bool] {
        // The heaviest that ends with an epoch or a lower one: epochs and weights ascend.
        var stairs: [(epoch: Int32, weight: Int, run: Int)] = []
        var previous = [Int?](repeating: nil, count: runs.count)
        for place in candidates {
            let run = runs[place]
            let above = Self.firstIndex(in: stairs, above: run.epoch)
            let below = above > 0 ? stairs[above - 1] : nil
            previous[place] = below?.run
            let agrees = run.entry.map { entries[$0].epoch } == run.epoch
            let weight = (below?.weight ?? 0) + run.count * (agrees ? 3 : 2)
            let end = stairs[above...].firstIndex { $0.weight > weight } ?? stairs.count
            let start = below?.epoch == run.epoch ? above - 1 : above
            stairs.replaceSubrange(start..<end, with: [(run.epoch, weight, place)])
        }
        var believed = [Bool](repeating: false, count: runs.count)
        var next = stairs.last?.run
        while let place = next {
            believed[place] = true
            next = previous[place]
        }
        return believed
    }

    private static func firstIndex(
        in stairs: [(epoch: Int32, weight: Int, run: Int)], above epoch: Int32
    ) -> Int {
        var low = 0
        var high = stairs.count
        while low < high {
            let middle = (low + high) / 2
            if stairs[middle].epoch <= epoch { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
