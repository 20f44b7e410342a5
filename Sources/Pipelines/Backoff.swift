/// Growing pauses between attempts: the first short, each twice the one before, up to a limit.
package struct Backoff: Sendable, Equatable {
    package var first: Duration
    package var limit: Duration
    private var next: Duration

    package init(first: Duration = .milliseconds(100), limit: Duration = .seconds(30)) {
        self.first = first
        self.limit = limit
        next = first
    }

    /// The pause before the next attempt.
    package mutating func pause() -> Duration {
        defer { next = min(next * 2, limit) }
        return next
    }

    /// After a success.
    package mutating func reset() { next = first }
}
