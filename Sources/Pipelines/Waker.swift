import Glibc
package import Platform

/// Lets one thread sleep in `poll` until another rings, a descriptor is readable, or a time has come.
///
/// Rings are remembered, so one that comes just before the sleep ends it at once; many rings wake once.
package final class Waker: @unchecked Sendable {  // both descriptors are set in `init` and closed in `deinit` only
    private let reading: Int32
    private let writing: Int32
    private let rung = Lock(false)

    package init() throws {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw PipelineError.noDescriptor(errno: errno) }
        (reading, writing) = (ends[0], ends[1])
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }

    deinit {
        _ = Glibc.close(reading)
        _ = Glibc.close(writing)
    }

    /// Wakes the sleeper, now or at its next sleep. Any thread may call it.
    package func ring() {
        let first = rung.withLock { rung in
            defer { rung = true }
            return !rung
        }
        guard first else { return }
        var byte: UInt8 = 1
        _ = Glibc.write(writing, &byte, 1)
    }

    /// Sleeps until rung, until one of `descriptors` is readable or has hung up, or until `deadline` (nil: for ever).
    /// - Parameter now: the current time, on the clock of `deadline`.
    package func sleep(watching descriptors: [Int32] = [], until deadline: Instant?, now: Instant) {
        var watched = [pollfd(fd: reading, events: Int16(POLLIN), revents: 0)]
        for descriptor in descriptors { watched.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)) }
        _ = poll(&watched, nfds_t(watched.count), Self.milliseconds(from: now, to: deadline))
        guard watched[0].revents != 0 else { return }
        rung.withLock { rung in
            var bytes: (UInt64) = 0
            _ = Glibc.read(reading, &bytes, 8)
            rung = false
        }
    }

    /// Rounded up, so that a sleep does not end a moment too early and spin; at most a minute, since clocks step.
    private static func milliseconds(from now: Instant, to deadline: Instant?) -> Int32 {
        guard let deadline else { return -1 }
        guard deadline > now else { return 0 }
        return Int32(min(60_000, ((deadline - now).wholeNanoseconds + 999_999) / 1_000_000))
    }
}
