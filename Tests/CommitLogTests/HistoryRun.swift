import CommitLog
import Platform
import Records
import TestSupport

/// A data directory on a disk in memory and, beside it, the model of what it should hold.
struct HistoryRun {
    private(set) var memory: MemoryDisk
    var options: LogOptions
    /// What becomes of the calls that change something or make it durable.
    var answer: @Sendable (MemoryDisk.Call, HistoryScene) -> HookAnswer = { _, _ in .goes }
    var around: Around?
    private(set) var scene: Lock<HistoryScene>
    var model = HistoryModel()
    var directory: DataDirectory?
    var steps: [String] = []
    /// What was found wrong between two checks.
    var broken: String?
    /// The last process has stopped, or tried to.
    private var isClosed = false

    /// Small segments, an index entry for nearly every batch, and a checkpoint with every other pass.
    static var small: LogOptions {
        var options = LogOptions()
        options.topicDefaults.segmentBytes = 900
        options.topicDefaults.indexIntervalBytes = 150
        options.checkpointBytes = 500
        options.reserveBytes = 0
        // So that the calls of a seed come in one order.
        options.openingThreads = 1
        return options
    }

    init(_ memory: MemoryDisk = MemoryDisk(seed: 0), options: LogOptions = HistoryRun.small) {
        self.memory = memory
        self.options = options
        scene = Lock(HistoryScene(memory))
    }

    /// What is done before a step, and what after it.
    typealias Around = @Sendable (HistoryStep, DataDirectory) -> (@Sendable () -> Void)?

    mutating func open() throws {
        scene.withLock { scene in
            scene = HistoryScene(scene.memory)
            scene.isOpening = true
        }
        defer {
            scene.withLock { scene in
                scene.isOpening = false
                scene.isSettling = false
            }
        }
        let (interposed, scene, answer) = (interposed, scene, answer)
        let disk = memory.disk.hooked { (call) throws(DiskError) in
            if call.operation == .sync, call.path.hasSuffix(".log") { Self.interpose(interposed) }
            let result = answer(call, scene.withLock { $0 })
            scene.withLock { $0.note(call) }
            return result
        }
        let opened = try DataDirectory.open("/data", options: options, disk: disk)
        directory = opened
        scene.withLock { $0.directory = opened }
        noteEpoch(opened)
    }

    /// Whoever opens after an unclean stop writes with an epoch of its own: else nobody could tell what it writes from what
    /// was lost.
    private mutating func noteEpoch(_ opened: DataDirectory) {
        let epoch = opened.leaderEpoch
        if epoch < model.leaderEpoch || epoch == model.leaderEpoch && !isClosed {
            broken = broken ?? "leader epoch \(epoch) is used again"
        }
        model.leaderEpoch = max(model.leaderEpoch, epoch)
        isClosed = false
    }

    /// What is to be done once so many more files have been synced.
    struct Interposed: Sendable {
        var files: Int
        var action: @Sendable () -> Void
    }

    let interposed = Lock<Interposed?>(nil)

    /// Only where no writer is held.
    private static func interpose(_ interposed: Lock<Interposed?>) {
        let action = interposed.withLock { waiting -> (@Sendable () -> Void)? in
            guard let next = waiting else { return nil }
            waiting = next.files == 0 ? nil : Interposed(files: next.files - 1, action: next.action)
            return next.files == 0 ? next.action : nil
        }
        action?()
    }

    /// Whether the process goes on: it is alive, and the log takes writes.
    var isGoing: Bool {
        guard let directory else { return false }
        return !memory.isDead && directory.stopReason == nil
    }

    /// Stops it as Ctrl-C does; the process ends in any case.
    mutating func close() {
        let covered = model.answers
        // One that fails may have come far enough.
        isClosed = true
        do {
            try directory?.close()
            steps.append("close")
            if directory != nil { model.sync(through: covered) }
        } catch {
            steps.append("close failed: \(error)")
        }
    }

    mutating func kill() {
        memory.kill()
        directory = nil
        steps.append("kill")
    }

    mutating func losePower(_ generator: inout SeededGenerator) {
        memory.losePower(&generator)
        directory = nil
        steps.append("power loss")
    }

    /// Opens it again and compares.
    /// - Returns: what is wrong, nil if nothing.
    mutating func reopen(powerLost: Bool) throws -> String? {
        do { try open() } catch { return "cannot open: \(error)" }
        guard let directory else { return "not open" }
        steps.append("opened: \(directory.recovery)")
        if !directory.recovery.damage.isEmpty || directory.recovery.positionsDamaged {
            return "damage was found: \(directory.recovery.damage)"
        }
        return try broken ?? model.check(directory, powerLost: powerLost)
    }

    /// The same run on a machine of its own, whose process has not ended.
    func onACopy() -> HistoryRun {
        var run = self
        run.memory = MemoryDisk(copying: memory)
        run.scene = Lock(HistoryScene(run.memory))
        run.directory = nil
        return run
    }

    /// What happened, for a failure's message.
    var story: String { steps.joined(separator: "\n") }

    struct Unexpected: Error {
        var what: String
    }
}
