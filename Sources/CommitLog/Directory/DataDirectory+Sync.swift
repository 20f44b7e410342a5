import Glibc
import Platform

extension DataDirectory {
    /// Makes everything that was appended before the call durable: one pass, or the one that another thread began
    /// meanwhile.
    /// - Returns: how far the history is durable now.
    /// - Throws: when a sync failed; then nothing is written any more until the directory is opened anew. When the
    ///   process had no descriptor left for the pass: nothing is lost, and who waits is served by a later pass.
    @discardableResult
    package func sync() throws(StorageError) -> CommitTicket {
        let target = ledger.latest
        // Without a checkpoint recovery only reads more, and the next one is due as soon.
        if ledger.takesCheckpoint(every: options.checkpointBytes) { try? checkpoint() }
        try runPass(through: target)
        return target
    }

    /// Calls `done` once a ticket is durable, or with the reason why it never will be. At once, on this thread, if that is
    /// known already; else on the thread that runs the pass.
    package func whenSynced(_ ticket: CommitTicket, _ done: @escaping @Sendable (StorageError?) -> Void) {
        ledger.whenSynced(ticket, done)
    }

    /// - Parameter target: nil runs a pass in any case.
    func runPass(through target: CommitTicket?) throws(StorageError) {
        enum Outcome {
            case nothing, synced([SyncLedger.Waiter], [Partition]), failed(End)
        }
        let operation = "sync \(path)"
        let outcome: Outcome = try passing.withLock { (passes) throws(StorageError) in
            if let target, ledger.isSynced(target) { return .nothing }
            if let reason = stopReason { throw StorageError(operation, .stopped(reason: reason)) }
            passes += 1
            let pass = ledger.begin()
            do throws(DiskError) {
                for file in pass.files { try file.syncWhole() }
                for directory in pass.directories.sorted() {
                    // One that was removed meanwhile has no names to sync.
                    do throws(DiskError) { try disk.syncWhole(directory) } catch {
                        guard error.isMissing else { throw error }
                    }
                }
            } catch  where error.isOutOfDescriptors {
                ledger.putBack(pass)
                throw StorageError(operation, .disk(error))
            } catch {
                return .failed(giveUp(pass, because: error))
            }
            // Before anyone is told that it is durable, so that everyone can read then what they wrote.
            for one in pass.hidden.values { one.partition.writer.withLock { $0.reveal(one.mark) } }
            return .synced(ledger.end(pass), pass.hidden.values.map(\.partition))
        }
        switch outcome {
        case .nothing: break
        case .synced(let waiters, let revealed):
            for done in waiters { done(nil) }
            if let observer { for partition in revealed { observer(partition) } }
        case .failed(let end):
            end.tell()
            throw end.error
        }
    }

    /// Makes the names in a directory durable.
    ///
    /// A sync that fails stops all writing: what it was for may never get to the disk, though the next one succeeds.
    /// - Throws: also once all writing has stopped, since a sync would say nothing any more.
    func syncNames(of directory: String) throws(DiskError) {
        // Not beside a pass, which would take for durable what this one lost.
        let (failure, end) = passing.withLock { _ -> (DiskError?, End?) in
            guard stopReason == nil else {
                return (DiskError(operation: "sync the directory", path: directory, code: ECANCELED), nil)
            }
            do throws(DiskError) { try disk.syncWhole(directory) } catch {
                return (error, error.isUntried ? nil : giveUp(ledger.begin(), because: error))
            }
            return (nil, nil)
        }
        end?.tell()
        if let failure { throw failure }
    }

    /// The end of all writing, and who is to hear of it.
    private struct End {
        var waiters: [SyncLedger.Waiter]
        var error: StorageError

        func tell() { for done in waiters { done(error) } }
    }

    /// Stops all writing, for good, after a sync that failed.
    /// - Parameter pass: what was not synced.
    private func giveUp(_ pass: SyncLedger.Pass, because error: DiskError) -> End {
        let reason = reasonToStop(
            "\(error); what was not synced before may be lost",
            next: "the next start writes anew what the disk still gives, and pipelines go on where that ends")
        rememberFailure(pass, reason)
        return End(waiters: ledger.stop(reason), error: StorageError("sync \(path)", .stopped(reason: reason)))
    }

    /// What whoever runs the process is told when all writing stops; one line.
    /// - Parameter next: what the next start does about it.
    func reasonToStop(_ what: String, next: String) -> String {
        """
        \(what); what is there is served, but nothing goes on by itself: see to the disk of \(path) (the system's log tells \
        what failed), stop this process and start `penstock run` again; \(next)
        """
    }

    /// Stops all writing, for good.
    func stop(_ reason: String) {
        for done in ledger.stop(reason) { done(StorageError("make an append durable", .stopped(reason: reason))) }
    }

    /// Leaves the names of the files that were not synced: the next opening writes them anew, since a sync that failed
    /// says nothing about what the page cache still holds.
    private func rememberFailure(_ pass: SyncLedger.Pass, _ reason: String) {
        let text = "\(reason)\n" + pass.files.map { "\($0.path)\n" }.sorted().joined()
        // The disk is failing: this is tried, not promised.
        try? disk.replaceFile("\(path)/\(Self.failureMarker)", with: Array(text.utf8))
        try? disk.syncDirectory(path)
    }

    /// Takes the mark of a failed sync away: what it was for is durable, and so is a checkpoint that says where logs begin.
    func forgetFailure() throws(StorageError) {
        try storing("open the data directory \(path)") { () throws(DiskError) in
            try disk.removeIfThere("\(path)/\(Self.failureMarker)")
            try syncNames(of: path)
        }
    }

    /// As the function of that name; once all writing has stopped, with the reason for that.
    func storing<Result>(
        _ operation: @autoclosure () -> String, _ body: () throws(DiskError) -> Result
    ) throws(StorageError) -> Result {
        do throws(DiskError) { return try body() } catch {
            throw StorageError(operation(), stopReason.map { .stopped(reason: $0) } ?? .disk(error))
        }
    }

    /// There after a sync has failed.
    static let failureMarker = "penstock-sync-failed"
}

extension Disk {
    /// Makes a directory, durably. If its name cannot be synced it goes again: else who finds it would take it for durable.
    func makeDirectory(_ path: String, syncing parent: String) throws(DiskError) {
        try makeDirectory(path)
        do throws(DiskError) { try syncDirectory(parent) } catch {
            try? removeDirectory(path)
            throw error
        }
    }

    /// As ``syncDirectory``, again if it was interrupted.
    func syncWhole(_ directory: String) throws(DiskError) {
        while true {
            do throws(DiskError) { return try syncDirectory(directory) } catch {
                guard error.isInterrupted else { throw error }
            }
        }
    }
}

extension DiskFile {
    /// As ``sync()``, again if it was interrupted.
    func syncWhole() throws(DiskError) {
        while true {
            do throws(DiskError) { return try sync() } catch { guard error.isInterrupted else { throw error } }
        }
    }
}
