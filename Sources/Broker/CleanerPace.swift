import Platform

/// Holds compaction to a rate of bytes read and written: whoever has spent ahead of time waits.
final class CleanerPace: Sendable {
    private struct State {
        /// When everything that was spent will have been earned.
        var earned: Instant
    }

    /// What may be spent ahead: waits are worth a thread's going to sleep.
    private static let ahead = Duration.milliseconds(50)

    private let bytesPerSecond: Int
    private let clock: Clock
    private let wait: @Sendable (Instant) -> Bool
    private let state: Lock<State>

    /// - Parameters:
    ///   - bytesPerSecond: at least 1.
    ///   - wait: returns at the deadline, or with false as soon as everything is to end; a deadline in the past asks
    ///     whether it is.
    init(bytesPerSecond: Int, clock: Clock, wait: @escaping @Sendable (Instant) -> Bool) {
        self.bytesPerSecond = max(1, bytesPerSecond)
        self.clock = clock
        self.wait = wait
        state = Lock(State(earned: clock.now()))
    }

    /// Takes note of bytes, and waits if there were too many.
    /// - Returns: false if everything is to end.
    func spend(_ bytes: Int) -> Bool {
        let now = clock.now()
        let nanoseconds = Double(bytes) / Double(bytesPerSecond) * 1_000_000_000
        let due = state.withLock { state in
            // What was not spent in time is not saved up.
            state.earned = max(state.earned, now) + .nanoseconds(Int64(min(nanoseconds, 3_600_000_000_000)))
            return state.earned
        }
        return wait(due - now > Self.ahead ? due : now)
    }
}
