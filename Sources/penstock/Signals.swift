import Glibc
import Platform

/// SIGINT and SIGTERM as an event: the first asks the process to end, a second one ends it at once.
final class Signals: Sendable {
    /// What comes sooner after the first is the same wish: `make`, `timeout` and supervisors signal the process and then
    /// its group.
    private static let grace = Duration.seconds(1)

    private static let watched = [SIGINT, SIGTERM]

    /// Keeps the signals from every thread that is started later. Call it before any is.
    static func block() {
        var set = watchedSet()
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Starts the thread that takes them.
    /// - Parameter first: called once, with the signal's name.
    init(first: @escaping @Sendable (String) -> Void) {
        _ = Thread(name: "signals") {
            first(Self.name(Self.next()))
            let graceEnd = Clock.system.now() + Self.grace
            var second = Self.next()
            while Clock.system.now() < graceEnd { second = Self.next() }
            Console.err.line(
                "\npenstock: \(Self.name(second)) again: ended at once; what was not appended is read again")
            // As a shell reports a process that a signal has ended.
            _exit(128 + second)
        }
    }

    private static func next() -> Int32 {
        var set = watchedSet()
        while true {
            var signal: Int32 = 0
            if sigwait(&set, &signal) == 0 { return signal }
        }
    }

    private static func watchedSet() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in watched { sigaddset(&set, signal) }
        return set
    }

    private static func name(_ signal: Int32) -> String { signal == SIGINT ? "SIGINT" : "SIGTERM" }
}
