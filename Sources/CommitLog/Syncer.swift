package import Platform

/// The thread that makes appends durable: a pass begins when someone waits, and at the latest a while after the first
/// unsynced byte.
package final class Syncer: Sendable {
    private let directory: DataDirectory
    private let thread: Thread
    private let stopping: Lock<Bool>

    /// Starts the thread.
    /// - Parameter interval: how long written bytes may stay unsynced; crash-safety's default is a second.
    /// - Parameter bytes: how many may; default 64 MiB.
    package init(
        _ directory: DataDirectory, clock: Clock, interval: Duration = .seconds(1), bytes: Int64 = 64 << 20
    ) {
        self.directory = directory
        let stopping = Lock(false)
        self.stopping = stopping
        thread = Thread(name: "sync") {
            while directory.ledger.waitForWork(clock: clock, interval: interval, bytes: bytes, stopping) {
                // A failure stops all writing, and everyone who waits has been told.
                do throws(StorageError) { try directory.sync() } catch { return }
            }
        }
    }

    /// Ends the thread after the pass that is under way. What is unsynced then is for ``DataDirectory/close()``.
    package func stop() {
        stopping.withLock { $0 = true }
        directory.ledger.state.withLockNotifying { _ in }
        thread.join()
    }
}

extension SyncLedger {
    /// Waits until a pass should begin.
    /// - Returns: false when it is time to end.
    fileprivate func waitForWork(
        clock: Clock, interval: Duration, bytes: Int64, _ stopping: Lock<Bool>
    ) -> Bool {
        enum Work { case pass, dirty, end }
        func look(_ state: inout State) -> Work? {
            if stopping.withLock({ $0 }) || state.stopped != nil || state.isClosed { return .end }
            if !state.waiters.isEmpty || state.unsyncedBytes >= bytes { return .pass }
            return state.unsyncedBytes > 0 ? .dirty : nil
        }
        switch state.wait(look) {
        case .end: return false
        case .pass: return true
        case .dirty, nil: break
        }
        // The first unsynced byte is there: it may wait for company.
        let deadline = clock.now() + interval
        let work = state.wait(until: deadline) { state in
            let work = look(&state)
            return work == .dirty ? nil : work
        }
        return work != .end
    }
}
