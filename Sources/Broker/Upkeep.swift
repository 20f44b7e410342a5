import CommitLog
import Platform

/// A thread for what must be done from time to time and may take a while.
final class Upkeep: Sendable {
    private struct Chore {
        let name: String
        let run: @Sendable () throws(StorageError) -> Void
    }

    private struct State {
        var due: [Chore] = []
        var isStopping = false
        var thread: Thread?
    }

    private let state = Lock(State())
    private let name: String
    private let log: @Sendable (String) -> Void

    /// - Parameter name: of the thread.
    init(name: String, log: @escaping @Sendable (String) -> Void) {
        self.name = name
        self.log = log
    }

    func start() {
        let thread = Thread(name: name) { [self] in run() }
        state.withLock { $0.thread = thread }
    }

    func stop() {
        let thread = state.withLockNotifying { state in
            state.isStopping = true
            state.due = []
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
    }

    /// For a chore under way: waits until a deadline, or until everything is to end.
    /// - Returns: false if it is.
    func rest(until deadline: Instant) -> Bool {
        state.wait(until: deadline) { $0.isStopping ? true : nil } == nil
    }

    /// Runs `body` on the thread again and again, first after `interval`; the next time counts from the end of the last.
    func add(
        _ name: String, every interval: Duration, on scheduler: any Scheduler, _ clock: Clock,
        _ body: @escaping @Sendable () throws(StorageError) -> Void
    ) {
        let chore = Chore(name: name) { [weak self] () throws(StorageError) in
            defer { self?.add(name, every: interval, on: scheduler, clock, body) }
            try body()
        }
        let isStopping = state.withLock { $0.isStopping }
        guard !isStopping else { return }
        scheduler.schedule(at: clock.now() + interval) { [weak self] in
            self?.state.withLockNotifying { state in
                if !state.isStopping { state.due.append(chore) }
            }
        }
    }

    private func run() {
        while true {
            let chore: Chore?? = state.wait { state in
                if state.isStopping { return .some(nil) }
                return state.due.isEmpty ? nil : .some(state.due.removeFirst())
            }
            guard case .some(.some(let chore)) = chore else { return }
            do throws(StorageError) { try chore.run() } catch { log("\(chore.name): \(error)") }
        }
    }
}
