import Platform

/// Lets a bounded number of lines a minute through, and says how many it kept back: bad clients come back quickly.
/// Belongs to the loop's thread.
final class LogLimiter {
    private let limit: Int
    private let clock: Clock
    private let log: @Sendable (String) -> Void
    private var minuteEnds = Instant(nanoseconds: .min)
    private var lines = 0
    private var keptBack = 0

    init(limit: Int, clock: Clock, log: @escaping @Sendable (String) -> Void) {
        self.limit = limit
        self.clock = clock
        self.log = log
    }

    func write(_ line: String) {
        let now = clock.now()
        if now >= minuteEnds {
            if keptBack > 0 { log("\(keptBack) more lines about connections were kept back in the last minute") }
            minuteEnds = now + .seconds(60)
            lines = 0
            keptBack = 0
        }
        lines += 1
        if lines <= limit { log(line) } else { keptBack += 1 }
    }
}
