import CommitLog
import Platform
import Records

/// The one thread that makes things durable: a pass whenever someone waits, and at the latest some time or some bytes
/// after the first unsynced byte (topics may ask for less). One pass serves all who waited when it began.
final class SyncThread: Sendable {
    private struct State {
        var isWanted = false
        /// When the pass begins that is scheduled for what was appended since the last one.
        var armed: Instant?
        /// Of partitions that are to be flushed often: their ends when the last pass began.
        var flushed: [ObjectIdentifier: (partition: Partition, end: Offset)] = [:]
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

    /// Bytes were written to a partition that nobody waits for.
    ///
    /// A pass begins at once, or within the interval, or as soon as the topic's `flush.messages` and `flush.ms` say.
    func appended(to partition: Partition) {
        // A pass that has moved high watermarks calls this as well.
        let unsynced = directory.unsyncedBytes
        guard unsynced > 0 else { return }
        if unsynced >= Int64(options.syncBytes) || directory.visibility == .synced { return want() }
        let settings = partition.settings
        if settings.flushMessages < .max, isFull(partition, settings.flushMessages) { return want() }
        arm(within: min(options.syncInterval, .milliseconds(settings.flushMilliseconds)))
    }

    /// Whether a partition has so many records that no pass has begun for. (Not known of one that is seen for the first
    /// time: that one is.)
    private func isFull(_ partition: Partition, _ records: Int64) -> Bool {
        let end = partition.logEnd
        return state.withLock { state in
            let key = ObjectIdentifier(partition)
            guard let flushed = state.flushed[key]?.end else {
                state.flushed[key] = (partition, end)
                return true
            }
            return end - flushed >= records
        }
    }

    private func noteBeginningOfPass() {
        state.withLock { state in
            state.flushed = state.flushed.filter { !$0.value.partition.isDeleted }
            for (key, flushed) in state.flushed { state.flushed[key]?.end = flushed.partition.logEnd }
        }
    }

    /// A pass begins after the interval, at the latest.
    private func arm(within interval: Duration) {
        let due = clock.now() + interval
        let isEarlier = state.withLock { state in
            guard !state.isStopping, state.armed.map({ due < $0 }) ?? true else { return false }
            state.armed = due
            return true
        }
        guard isEarlier else { return }
        scheduler.schedule(at: due) { [weak self] in self?.want() }
    }

    private func run() {
        while waitForWork() {
            noteBeginningOfPass()
            do throws(StorageError) {
                _ = try directory.sync()
            } catch {
                // Whoever waits is told by the directory, which takes no more writes; or is served by a later pass.
                log("\(error)")
            }
            guard directory.stopReason == nil else { continue }
            if directory.unsyncedBytes > 0 || directory.isSyncAwaited { arm(within: options.syncInterval) }
        }
    }

    /// - Returns: false when the thread is to end.
    private func waitForWork() -> Bool {
        state.wait { state in
            if state.isWanted {
                state.isWanted = false
                state.armed = nil
                return true
            }
            return state.isStopping ? false : nil
        } ?? false
    }
}
