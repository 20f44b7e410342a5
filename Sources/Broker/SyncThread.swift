import CommitLog
import Platform

/// The one thread that makes things durable: a pass whenever someone waits, and at the latest some time or some bytes
/// after the first unsynced byte. One pass serves all who waited when it began.
final class SyncThread: Sendable {
    private struct State {
        var isWanted = false
        /// A pass is scheduled for what was appended since the last one.
        var isArmed = false
        var isStopping = false
        var thread: Thread?
    }

    private let state = Lock(State())
    private let directory: DataDirectory
    private let options: BrokerOptions
    private let clock: Clock
    private let scheduler: any Scheduler
    private let log: @Sendable (String) -> Void

    init(
        directory: DataDirectory, options: BrokerOptions, clock: Clock, scheduler: any Scheduler,
        log: @escaping @Sendable (String) -> Void
    ) {
        self.directory = directory
        self.options = options
        self.clock = clock
        self.scheduler = scheduler
        self.log = log
    }

    func start() {
        let thread = Thread(name: "sync") { [self] in run() }
        state.withLock { $0.thread = thread }
    }

    /// Ends the thread after a last pass, if one is wanted.
    func stop() {
        let thread = state.withLockNotifying { state in
            state.isStopping = true
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
    }

    /// Begins a pass as soon as the one under way is over.
    func want() { state.withLockNotifying { $0.isWanted = true } }

    /// Calls `done` when the ticket is durable, or with the error that says it never will be.
    func whenSynced(_ ticket: CommitTicket, _ done: @escaping @Sendable (StorageError?) -> Void) {
        directory.whenSynced(ticket, done)
        want()
    }

    /// Bytes were written that nobody waits for.
    func appended() {
        // A pass that has moved high watermarks calls this as well.
        let unsynced = directory.unsyncedBytes
        guard unsynced > 0 else { return }
        if unsynced >= Int64(options.syncBytes) || directory.visibility == .synced { return want() }
        arm()
    }

    /// A pass begins after the interval, at the latest.
    private func arm() {
        let isFirst = state.withLock { state in
            defer { state.isArmed = true }
            return !state.isArmed && !state.isStopping
        }
        guard isFirst else { return }
        scheduler.schedule(at: clock.now() + options.syncInterval) { [weak self] in self?.want() }
    }

    private func run() {
        while waitForWork() {
            do throws(StorageError) {
                _ = try directory.sync()
            } catch {
                // Whoever waits is told by the directory, which takes no more writes; or is served by a later pass.
                log("\(error)")
            }
            if directory.unsyncedBytes > 0 || directory.isSyncAwaited { arm() }
        }
    }

    /// - Returns: false when the thread is to end.
    private func waitForWork() -> Bool {
        state.wait { state in
            if state.isWanted {
                state.isWanted = false
                state.isArmed = false
                return true
            }
            return state.isStopping ? false : nil
        } ?? false
    }
}
