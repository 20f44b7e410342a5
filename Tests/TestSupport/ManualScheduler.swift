package import Platform

/// Time that stands still until a test moves it: a clock and a scheduler in one.
///
/// Work runs on the thread that calls ``advance(by:)``, in the order of its deadlines, and sees the clock at its deadline.
package final class ManualScheduler: Scheduler {
    private struct Entry {
        let number: UInt64
        let deadline: Instant
        let body: @Sendable () -> Void
    }

    private struct State {
        var now = Instant(nanoseconds: 1_000_000_000)
        var next: UInt64 = 0
        var entries: [Entry] = []
    }

    private struct Work: ScheduledWork {
        let scheduler: ManualScheduler
        let number: UInt64
        func cancel() {
            scheduler.state.withLock { state in state.entries.removeAll { $0.number == number } }
        }
    }

    /// Milliseconds since 1970 at the beginning.
    package static let startOfWall: Int64 = 1_700_000_000_000
    private let state = Lock(State())

    package init() {}

    package var now: Instant { state.withLock { $0.now } }

    /// Both clocks, moving together.
    package var clock: Clock {
        Clock(
            now: { self.now },
            wallMilliseconds: { Self.startOfWall + self.now.nanoseconds / 1_000_000 - 1_000 })
    }

    @discardableResult
    package func schedule(at deadline: Instant, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork {
        state.withLockNotifying { state in
            state.next += 1
            state.entries.append(Entry(number: state.next, deadline: deadline, body: body))
            return Work(scheduler: self, number: state.next)
        }
    }

    /// How much is scheduled and has neither run nor been cancelled.
    package var count: Int { state.withLock { $0.entries.count } }

    /// Waits, in real time, until at least `count` things are scheduled: other threads may be about to schedule them.
    package func waitForWork(count: Int = 1) {
        _ = state.wait { state in state.entries.count >= count ? true : nil }
    }

    /// Moves the clock and runs what becomes due, what that schedules included.
    package func advance(by duration: Duration) {
        let end = now + duration
        while let body = takeNext(until: end) { body() }
        state.withLock { $0.now = end }
    }

    private func takeNext(until end: Instant) -> (@Sendable () -> Void)? {
        state.withLock { state in
            let due = state.entries.indices.filter { state.entries[$0].deadline <= end }
            guard
                let first = due.min(by: {
                    (state.entries[$0].deadline, state.entries[$0].number)
                        < (state.entries[$1].deadline, state.entries[$1].number)
                })
            else { return nil }
            let entry = state.entries.remove(at: first)
            state.now = max(state.now, entry.deadline)
            return entry.body
        }
    }
}
