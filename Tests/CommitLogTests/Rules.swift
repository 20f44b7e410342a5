import Platform
import TestSupport
import Testing

@testable import CommitLog

/// A rule of `Format.md` that keeps records safe, and how it is taken away.
struct Rule: CustomTestStringConvertible, Sendable {
    var name: String
    /// Where the search begins: a seed that broke without the rule.
    var seed: UInt64 = 1
    /// What the histories do more often than others.
    var favours: HistoryStep.Kind?
    var omitted: Omissions = []
    /// What becomes of a call without the rule.
    var answer: @Sendable (MemoryDisk.Call, HistoryScene) -> HookAnswer = { _, _ in .goes }
    /// Takes the rule away before a step, and gives back what gives it back after it.
    var around: HistoryRun.Around?

    var testDescription: String { name }

    static let all = passes + checkpoints + names + deletions + compaction + recovery

    // MARK: - Passes

    private static let passes = [
        Rule(name: "a pass syncs the files of every partition, not only of those that someone waits for") { call, _ in
            call.operation == .sync && call.path.contains("/t1-") ? .skipped : .goes
        },
        Rule(name: "a pass syncs the commit records with what they are for") { call, scene in
            call.operation == .sync && call.path.contains("__penstock_positions") && !scene.isOpening
                ? .skipped : .goes
        },
        Rule(name: "a new segment's name is synced before anything in it is called durable", seed: 3) { call, scene in
            call.operation == .syncDirectory && !scene.isOpening && call.path.contains("/t") ? .skipped : .goes
        },
        Rule(name: "a failed sync stops all writing, and is never made again as if nothing had happened", seed: 35) {
            call, _ in
            call.operation == .sync ? .forgiven : .goes
        },
        Rule(name: "a failed sync of names stops all writing", seed: 40) { call, scene in
            call.operation == .syncDirectory && !scene.isOpening ? .forgiven : .goes
        },
    ]

    // MARK: - Checkpoints

    private static let checkpoints = [
        Rule(name: "the recovery points of all partitions move together, after a whole pass", seed: 26) { call, scene in
            // One that was synced moves its own at once.
            if !scene.isOpening, let synced = scene.previous, synced.operation == .sync,
                let partition = scene.partition(ofLog: synced.path)
            {
                scene.editRecoveryPoints { $0[partition.topicName, partition.index] = partition.logEnd }
            }
            return .goes
        },
        Rule(
            name: "a recovery point is where the log ended before the pass began, not where it ends after it", seed: 26,
            favours: .syncAround
        ) { call, scene in
            if !scene.isOpening, call.isRename(of: .recoveryPoint) {
                scene.edit(call.path) { points in
                    for partition in scene.partitions {
                        points[partition.topicName, partition.index] = partition.logEnd
                    }
                }
            }
            return .goes
        },
        Rule(name: "the positions' recovery point is taken before those of the other partitions") { call, scene in
            // Theirs are of the checkpoint before. (Of compacted topics they stay: what is compacted lies below them.)
            if !scene.isOpening, call.isRename(of: .recoveryPoint) {
                let old = scene.checkpoint(String(call.path.dropLast(4)))
                scene.edit(call.path) { points in
                    for topic in ["t0", "t1", "t2", "t3"] {
                        for key in points.offsets.keys where key.topic == topic {
                            points.offsets[key] = old.offsets[key] ?? 0
                        }
                    }
                }
            }
            return .goes
        },
        Rule(
            name: "a topic's name is taken out of the checkpoints before it is given out again", seed: 676,
            favours: .delete
        ) { call, scene in
            guard case .create? = scene.step?.kind, call.operation == .rename else { return .goes }
            return call.path.hasSuffix("-offset-checkpoint.tmp") ? .skipped : .goes
        },
    ]

    // MARK: - Names

    private static let names = [
        Rule(name: "a topic's directories are durable before anyone can append") { call, scene in
            call.operation == .syncDirectory && call.path == "/data" && !scene.isOpening ? .skipped : .goes
        },
        Rule(name: "a registry record is durable before it is acted on") { call, scene in
            call.operation == .sync && call.path.contains("__penstock_topics") && !scene.isOpening ? .skipped : .goes
        },
        Rule(
            name: "the names of added partitions are durable before the record that speaks of them", seed: 16,
            favours: .addPartitions
        ) {
            call, scene in
            scene.step?.kind == .addPartitions && call.operation == .syncDirectory ? .skipped : .goes
        },
        Rule(name: "the mark of a clean stop is gone, durably, before anyone writes", seed: 10) { call, scene in
            scene.isOpening && call.operation == .remove && call.path.hasSuffix(DataDirectory.cleanMarker)
                ? .skipped : .goes
        },
        Rule(name: "the leader epoch is durable before anyone writes with it") { call, scene in
            scene.isSettling && call.operation == .sync && call.path.contains("__penstock_topics") ? .skipped : .goes
        },
    ]

    // MARK: - Deletions

    private static let deletions = [
        Rule(
            name: "a pass comes before a log's start moves up", favours: .deleteRecords,
            around: { step, directory in
                guard step.kind == .deleteRecords else { return nil }
                // Nothing is left to be synced, as far as the ledger knows.
                let synced = directory.ledger.state.withLock { state in
                    defer { state.synced = state.lastTicket }
                    return state.synced
                }
                return { directory.ledger.state.withLock { $0.synced = synced } }
            }),
        Rule(name: "a log's start is durable when its move is answered", favours: .deleteRecords) { call, scene in
            guard scene.step?.kind == .deleteRecords else { return .goes }
            return call.operation == .sync && call.path.hasSuffix("checkpoint.tmp") ? .skipped : .goes
        },
    ]

    // MARK: - Compaction

    private static let compaction = [
        Rule(
            name: "only what lies below the recovery point is compacted", favours: .clean,
            around: { step, directory in
                guard step.kind == .clean else { return nil }
                let partitions = directory.topics().flatMap(\.partitions).map { ($0, $0.recoveryPoint) }
                for (partition, _) in partitions { partition.checkpointed(at: partition.logEnd) }
                return { for (partition, point) in partitions { partition.checkpointed(at: point) } }
            }),
        Rule(name: "a compacted segment is durable before it takes another's place", favours: .clean) { call, _ in
            call.operation == .sync && call.path.hasSuffix(SwapCompletion.cleaned) ? .skipped : .goes
        },
    ]

    // MARK: - Recovery

    private static let recovery = [
        Rule(name: "what a recovery kept and cut is durable before anyone writes") { call, scene in
            scene.isOpening && (call.operation == .sync || call.operation == .syncDirectory) ? .skipped : .goes
        },
        Rule(name: "no commit record counts behind one that does not", omitted: .commitOrder),
    ]
}

extension MemoryDisk.Call {
    func isRename(of checkpoint: OffsetCheckpoint.Name) -> Bool {
        operation == .rename && path.hasSuffix("/\(checkpoint.rawValue).tmp")
    }
}

extension HistoryScene {
    fileprivate var partitions: [Partition] { (directory?.topics() ?? []).flatMap(\.partitions) }

    fileprivate func partition(ofLog path: String) -> Partition? {
        path.hasSuffix(".log") ? partitions.first { path.hasPrefix($0.directory + "/") } : nil
    }

    func firstSegment(of key: OffsetCheckpoint.Key) -> Int64 {
        let directory = "/data/\(key.topic)-\(key.partition)/"
        let first = memory.files.first { $0.hasPrefix(directory) && $0.hasSuffix(".log") }
        return first.flatMap { Int64($0.dropFirst(directory.count).prefix(20)) } ?? 0
    }

    fileprivate func checkpoint(_ path: String) -> OffsetCheckpoint {
        memory.bytes(of: path).flatMap { try? OffsetCheckpoint(text: $0) } ?? OffsetCheckpoint()
    }

    /// Changes a checkpoint file as it lies there.
    func edit(_ path: String, _ change: (inout OffsetCheckpoint) -> Void) {
        guard !memory.isDead else { return }
        var checkpoint = checkpoint(path)
        change(&checkpoint)
        memory.setBytes(of: path, to: checkpoint.text)
    }

    fileprivate func editRecoveryPoints(_ change: (inout OffsetCheckpoint) -> Void) {
        edit("/data/\(OffsetCheckpoint.Name.recoveryPoint.rawValue)", change)
    }
}
