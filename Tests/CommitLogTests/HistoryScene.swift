import CommitLog
import Platform
import TestSupport

/// What is under way, for what stands between the log and the disk.
struct HistoryScene: Sendable {
    let memory: MemoryDisk
    var isOpening = false
    /// The opening has made durable what it kept, and writes what it found out.
    var isSettling = false
    /// The step that is under way.
    var step: HistoryStep?
    /// The call before this one.
    var previous: MemoryDisk.Call?
    var directory: DataDirectory?

    init(_ memory: MemoryDisk) { self.memory = memory }

    mutating func note(_ call: MemoryDisk.Call) {
        previous = call
        // The last thing that goes before an opening writes.
        if isOpening && call.operation == .remove && call.path.hasSuffix("/.kafka_cleanshutdown") { isSettling = true }
    }
}

extension HistoryStep {
    enum Kind: CaseIterable {
        case create, delete, append, again, round, sync, syncAround, checkpoint, retention, deleteRecords, clean,
            configure, addPartitions
    }

    var kind: Kind {
        switch self {
        case .create: .create
        case .delete: .delete
        case .append: .append
        case .again: .again
        case .round: .round
        case .sync: .sync
        case .syncAround: .syncAround
        case .checkpoint: .checkpoint
        case .retention: .retention
        case .deleteRecords: .deleteRecords
        case .clean: .clean
        case .configure: .configure
        case .addPartitions: .addPartitions
        }
    }
}
