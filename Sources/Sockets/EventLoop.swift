import CLinux
import Glibc
package import Platform
import Synchronization

/// What the kernel says about a descriptor.
struct Readiness: OptionSet {
    var rawValue: UInt32
    static let readable = Readiness(rawValue: PENSTOCK_EPOLL_IN)
    static let writable = Readiness(rawValue: PENSTOCK_EPOLL_OUT)
    /// Both directions are at their end. This and ``failed`` are always reported, asked for or not.
    static let hungUp = Readiness(rawValue: PENSTOCK_EPOLL_HUP)
    static let failed = Readiness(rawValue: PENSTOCK_EPOLL_ERR)
}

/// Someone with a descriptor in the loop.
protocol ReadinessHandler: AnyObject {
    func ready(_ readiness: Readiness)
    /// The loop ends: close now.
    func loopStopped()
}

/// One thread over epoll. Everything that belongs to it (listeners, connections, timers) runs there, one thing at a time,
/// so what runs there must not wait for a disk, a lock held for long, or a name service.
///
/// At rest it sleeps in the kernel without a timeout: there is no ticking. It lives until ``stop()``.
@safe
package final class EventLoop: Scheduler, @unchecked Sendable {  // `handlers`, `lastNumber`, `scratch`: its thread only
    package let clock: Clock
    private let epoll: Descriptor
    private let wakeUp: Descriptor
    private let shared = Lock(Shared())
    /// The loop's thread, 0 before it runs. A pthread_t is never 0 on Linux.
    private let threadIdentity = Atomic<UInt>(0)
    private let thread = Lock<Thread?>(nil)

    private var handlers: [UInt64: any ReadinessHandler] = [:]
    private var lastNumber: UInt64 = 0
    /// What connections read into: one buffer for all of them.
    var scratch = [UInt8](repeating: 0, count: EventLoop.readSize)
    private var startedFileSender: FileSender?

    /// Bytes asked of a socket at once.
    static let readSize = 128 << 10
    private static let wakeUpNumber: UInt64 = 0

    private struct Shared {
        var inbox: [@Sendable () -> Void] = []
        var timers = TimerHeap()
        /// The loop is in, or about to enter, `epoll_wait`: who adds work must wake it.
        var asleep = false
        var stopping = false
        var stopped = false
    }

    /// Starts the loop's thread.
    /// - Parameter name: the thread's name.
    package init(name: String = "sockets", clock: Clock = .system) throws(SocketError) {
        guard let epoll = Descriptor(penstock_epoll_create()), let wakeUp = Descriptor(penstock_eventfd()) else {
            throw SocketError("start an event loop", errno: errno, advice: "raise the limit on open files (ulimit -n)")
        }
        self.clock = clock
        self.epoll = epoll
        self.wakeUp = wakeUp
        let added = penstock_epoll_control(
            self.epoll.number, PENSTOCK_EPOLL_ADD, self.wakeUp.number, PENSTOCK_EPOLL_IN, Self.wakeUpNumber)
        guard added == 0 else { throw SocketError("start an event loop", errno: errno) }
        thread.withLock { $0 = Thread(name: name) { self.run() } }
    }

    /// Whether the caller runs on the loop's thread.
    package var isCurrent: Bool { threadIdentity.load(ordering: .relaxed) == UInt(pthread_self()) }

    /// Runs `body` on the loop's thread, after what was handed over before. From any thread, never waits.
    /// After ``stop()`` it is dropped.
    package func execute(_ body: @escaping @Sendable () -> Void) {
        let wake = shared.withLock { shared in
            guard !shared.stopped else { return false }
            shared.inbox.append(body)
            defer { shared.asleep = false }
            return shared.asleep
        }
        if wake { penstock_eventfd_signal(wakeUp.number) }
    }

    @discardableResult
    package func schedule(at deadline: Instant, _ body: @escaping @Sendable () -> Void) -> any ScheduledWork {
        let (number, wake) = shared.withLock { shared in
            let earlier = shared.timers.nextDeadline().map { deadline < $0 } ?? true
            let number = shared.timers.insert(deadline, body)
            guard earlier, shared.asleep else { return (number, false) }
            shared.asleep = false
            return (number, true)
        }
        if wake { penstock_eventfd_signal(wakeUp.number) }
        return Timer(loop: self, number: number)
    }

    private struct Timer: ScheduledWork {
        let loop: EventLoop
        let number: UInt64

        func cancel() {
            // The body is let go outside the lock: what it holds may come back here when it goes.
            let body = loop.shared.withLock { $0.timers.cancel(number) }
            _ = body
        }
    }

    /// Timers that wait: for tests and metrics.
    package var timerCount: Int { shared.withLock { $0.timers.count } }

    /// Closes every listener and connection of the loop, drops its timers, ends its thread, and waits for that unless it
    /// is called there. Work handed over before still runs.
    package func stop() {
        execute { [self] in shared.withLock { $0.stopping = true } }
        if !isCurrent { thread.withLock { $0 }?.join() }
    }

    // MARK: On the loop's thread

    private func run() {
        threadIdentity.store(UInt(pthread_self()), ordering: .relaxed)
        penstock_block_sigpipe()
        var events = [penstock_event](repeating: penstock_event(), count: 256)
        while true {
            runInbox()
            runTimers()
            guard let timeout = prepareToSleep() else { break }
            // Safety: the array has the room that is said.
            let count = unsafe penstock_epoll_wait(epoll.number, &events, Int32(events.count), timeout)
            shared.withLock { $0.asleep = false }
            // Only EINTR can come back besides: the loop simply goes round.
            for event in events.prefix(Int(max(0, count))) { dispatch(event) }
        }
        end()
    }

    private func runInbox() {
        let work = shared.withLock { shared in
            let work = shared.inbox
            shared.inbox.removeAll()
            return work
        }
        for body in work { body() }
    }

    private func runTimers() {
        guard shared.withLock({ $0.timers.footprint > 0 }) else { return }
        let now = clock.now()
        while let body = shared.withLock({ $0.timers.popDue(now) }) { body() }
    }

    /// - Returns: how long to wait in milliseconds, -1 for ever; nil to end.
    private func prepareToSleep() -> Int32? {
        let now = clock.now()
        return shared.withLock { shared in
            if shared.stopping, shared.inbox.isEmpty { return nil }
            guard shared.inbox.isEmpty else { return 0 }
            shared.asleep = true
            guard let next = shared.timers.nextDeadline() else { return -1 }
            // Rounded up, so that the timer is due when the loop wakes.
            let wait = (next - now).wholeNanoseconds
            return wait <= 0 ? 0 : Int32(clamping: (wait - 1) / 1_000_000 + 1)
        }
    }

    private func dispatch(_ event: penstock_event) {
        if event.data == Self.wakeUpNumber {
            penstock_eventfd_clear(wakeUp.number)
            return
        }
        // A handler that an earlier event of this turn has removed is not found: its number is never used again.
        handlers[event.data]?.ready(Readiness(rawValue: event.events))
    }

    private func end() {
        for handler in handlers.values { handler.loopStopped() }
        startedFileSender?.stop()
        // What the connections and the file sender said at their end.
        runInbox()
        let dropped = shared.withLock { shared in
            shared.stopped = true
            let dropped = (shared.inbox, shared.timers)
            shared.inbox = []
            shared.timers = TimerHeap()
            return dropped
        }
        _ = dropped
    }

    /// Sends file bytes that are not in memory. Started by the first of them.
    var fileSender: FileSender {
        if let startedFileSender { return startedFileSender }
        let sender = FileSender(loop: self)
        startedFileSender = sender
        return sender
    }

    // MARK: Descriptors, on the loop's thread

    /// Begins to watch a descriptor.
    /// - Returns: its number in the loop; nil, with errno set, when the kernel refuses.
    func add(_ descriptor: Int32, _ interest: Readiness, _ handler: any ReadinessHandler) -> UInt64? {
        precondition(isCurrent, "descriptors are added on the loop's thread")
        lastNumber += 1
        let result = penstock_epoll_control(
            epoll.number, PENSTOCK_EPOLL_ADD, descriptor, interest.rawValue, lastNumber)
        guard result == 0 else { return nil }
        handlers[lastNumber] = handler
        return lastNumber
    }

    func change(_ number: UInt64, _ descriptor: Int32, _ interest: Readiness) {
        let result = penstock_epoll_control(
            epoll.number, PENSTOCK_EPOLL_MODIFY, descriptor, interest.rawValue, number)
        precondition(result == 0, "the descriptor is not in the loop")
    }

    /// Hears nothing of a descriptor, not even its end, until ``resume(_:_:_:)``. It stays the loop's to close.
    func suspend(_ number: UInt64, _ descriptor: Int32) {
        _ = penstock_epoll_control(epoll.number, PENSTOCK_EPOLL_DELETE, descriptor, 0, number)
    }

    /// - Returns: false, with errno set, when the kernel refuses (out of memory).
    func resume(_ number: UInt64, _ descriptor: Int32, _ interest: Readiness) -> Bool {
        penstock_epoll_control(epoll.number, PENSTOCK_EPOLL_ADD, descriptor, interest.rawValue, number) == 0
    }

    func remove(_ number: UInt64, _ descriptor: Int32) {
        handlers.removeValue(forKey: number)
        _ = penstock_epoll_control(epoll.number, PENSTOCK_EPOLL_DELETE, descriptor, 0, number)
    }
}
