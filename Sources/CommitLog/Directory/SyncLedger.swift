import Platform
import Records

/// What was written and is not durable yet, and who waits for it.
///
/// Appends take their ticket here while they still hold their writers, so that the order of tickets is the history: a
/// pass that takes all of the ledger makes a prefix of the history durable.
final class SyncLedger: Sendable {
    typealias Waiter = @Sendable (StorageError?) -> Void

    struct State {
        var lastTicket: UInt64 = 0
        var synced: UInt64 = 0
        /// Files with unsynced bytes, kept open until they are synced, in the order in which they were first written to.
        var files: [any DiskFile] = []
        /// ``files`` again.
        var known: Set<ObjectIdentifier> = []
        /// Directories whose names changed.
        var directories: Set<String> = []
        var unsyncedBytes: Int64 = 0
        /// Synced since the last checkpoint.
        var bytesSinceCheckpoint: Int64 = 0
        /// The end of the commit records in `__penstock_positions`, as written and as durable.
        var commitsEnd: Offset = 0
        var commitsSynced: Offset = 0
        /// What becomes visible with the next pass.
        var hidden: [ObjectIdentifier: Hidden] = [:]
        var waiters: [(ticket: UInt64, done: Waiter)] = []
        /// Why nothing is written any more.
        var stopped: String?
        var isClosed = false
    }

    /// A partition whose high watermark waits for a pass.
    struct Hidden {
        var partition: Partition
        var mark: Partition.Mark
    }

    /// What one pass makes durable.
    struct Pass {
        var ticket: UInt64
        var files: [any DiskFile]
        var directories: Set<String>
        var bytes: Int64
        var commitsEnd: Offset
        var hidden: [ObjectIdentifier: Hidden]
    }

    let state = Lock(State())
    let visibility: Visibility

    init(visibility: Visibility = .written) { self.visibility = visibility }

    /// Throws if nothing may be written any more.
    func check(_ operation: @autoclosure () -> String) throws(StorageError) {
        let cause: StorageError.Cause? = state.withLock { state in
            if let reason = state.stopped { return .stopped(reason: reason) }
            return state.isClosed ? .closed : nil
        }
        if let cause { throw StorageError(operation(), cause) }
    }

    /// Takes note of a commit: its files have been added with ``touch(_:bytes:)``.
    /// - Parameter commitsEnd: the new end of the commit records, if this was one.
    /// - Parameter hidden: what becomes visible once this is durable.
    func commit(commitsEnd: Offset? = nil, hidden: [Hidden] = []) -> CommitTicket {
        state.withLock { state in
            state.lastTicket += 1
            if let commitsEnd { state.commitsEnd = commitsEnd }
            for one in hidden { state.hidden[ObjectIdentifier(one.partition)] = one }
            return CommitTicket(number: state.lastTicket)
        }
    }

    func touch(_ file: any DiskFile, bytes: Int64) {
        state.withLock { state in
            state.unsyncedBytes += bytes
            if state.known.insert(ObjectIdentifier(file)).inserted { state.files.append(file) }
        }
    }

    func touch(directory: String) {
        state.withLock { state in _ = state.directories.insert(directory) }
    }

    /// Files that are kept open until they are synced.
    var fileCount: Int { state.withLock { $0.files.count } }

    /// Whether anyone waits for a pass.
    var isAwaited: Bool { state.withLock { !$0.waiters.isEmpty } }

    /// The latest place in the history.
    var latest: CommitTicket { state.withLock { CommitTicket(number: $0.lastTicket) } }

    func isSynced(_ ticket: CommitTicket) -> Bool { state.withLock { $0.synced >= ticket.number } }

    var commitsSynced: Offset { state.withLock { $0.commitsSynced } }

    /// Whether the next pass should leave a checkpoint; if so, the count begins anew.
    func takesCheckpoint(every bytes: Int64) -> Bool {
        state.withLock { state in
            guard state.bytesSinceCheckpoint + state.unsyncedBytes >= bytes else { return false }
            state.bytesSinceCheckpoint = -state.unsyncedBytes
            return true
        }
    }

    func begin() -> Pass {
        state.withLock { state in
            let pass = Pass(
                ticket: state.lastTicket, files: state.files, directories: state.directories,
                bytes: state.unsyncedBytes, commitsEnd: state.commitsEnd, hidden: state.hidden)
            state.files = []
            state.known = []
            state.directories = []
            state.unsyncedBytes = 0
            state.hidden = [:]
            return pass
        }
    }

    /// - Returns: who waited for what is durable now.
    func end(_ pass: Pass) -> [Waiter] {
        state.withLock { state in
            state.synced = max(state.synced, pass.ticket)
            state.commitsSynced = max(state.commitsSynced, pass.commitsEnd)
            state.bytesSinceCheckpoint += pass.bytes
            let synced = state.synced
            let served = state.waiters.filter { $0.ticket <= synced }.map(\.done)
            state.waiters.removeAll { $0.ticket <= synced }
            return served
        }
    }

    /// Takes back a pass that never came to sync everything it was to: the next one covers it.
    func putBack(_ pass: Pass) {
        state.withLock { state in
            for file in pass.files where state.known.insert(ObjectIdentifier(file)).inserted {
                state.files.append(file)
            }
            state.directories.formUnion(pass.directories)
            state.hidden.merge(pass.hidden) { newer, _ in newer }
            state.unsyncedBytes += pass.bytes
        }
    }

    /// Stops all writing, for good.
    /// - Returns: everyone who waits, to be told.
    func stop(_ reason: String) -> [Waiter] {
        state.withLock { state in
            if state.stopped == nil { state.stopped = reason }
            let all = state.waiters.map(\.done)
            state.waiters = []
            return all
        }
    }

    /// Calls `done` once the ticket is durable, or never will be: at once if that is known already.
    func whenSynced(_ ticket: CommitTicket, _ done: @escaping Waiter) {
        enum Answer { case durable, never(StorageError.Cause), later }
        let answer: Answer = state.withLock { state in
            if state.synced >= ticket.number { return .durable }
            if let reason = state.stopped { return .never(.stopped(reason: reason)) }
            if state.isClosed { return .never(.closed) }
            state.waiters.append((ticket.number, done))
            return .later
        }
        switch answer {
        case .durable: done(nil)
        case .never(let cause): done(StorageError("make an append durable", cause))
        case .later: break
        }
    }

    /// From now on nothing is written.
    /// - Returns: whether it was open.
    func close() -> Bool {
        state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
    }
}
