import Glibc

/// A moment on the monotonic clock: nanoseconds since an arbitrary start, comparable within one process only.
package struct Instant: Comparable, Hashable, Sendable {
    package var nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

    /// Saturates at the ends of the range instead of trapping: durations come from configuration files.
    package static func + (a: Instant, b: Duration) -> Instant {
        let (sum, overflow) = a.nanoseconds.addingReportingOverflow(b.wholeNanoseconds)
        return Instant(nanoseconds: overflow ? (b.wholeNanoseconds < 0 ? .min : .max) : sum)
    }

    package static func - (a: Instant, b: Instant) -> Duration { .nanoseconds(a.nanoseconds - b.nanoseconds) }
}

extension Duration {
    /// The duration in nanoseconds, at most about 292 years either way.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return carried ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in whole milliseconds, rounded down.
    package var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }
}

/// Both clocks of a process, passed in so that tests can stand still. Below `Broker` nothing reads one.
package struct Clock: Sendable {
    /// For deadlines and rates.
    package var now: @Sendable () -> Instant
    /// For record timestamps: milliseconds since 1970, UTC.
    package var wallMilliseconds: @Sendable () -> Int64

    package init(now: @escaping @Sendable () -> Instant, wallMilliseconds: @escaping @Sendable () -> Int64) {
        self.now = now
        self.wallMilliseconds = wallMilliseconds
    }

    package static let system = Clock(
        now: { Instant(nanoseconds: read(CLOCK_MONOTONIC)) },
        wallMilliseconds: { read(CLOCK_REALTIME) / 1_000_000 })

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // Safety: `time` outlives the call.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}

/// Runs work at a later moment: the event loop in production, a manual one in tests.
package protocol Scheduler: AnyObject, Sendable {
    /// Runs `body` once, at or soon after `deadline`, on the scheduler's own thread.
    @discardableResult
    func schedule(at deadline: Instant, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork
}

/// Something scheduled. Dropping it does not cancel it.
package protocol ScheduledWork: Sendable {
    /// After this returns on the scheduler's thread the work does not begin; from another thread it may be under way.
    func cancel()
}
