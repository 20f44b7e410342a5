import Platform
import Testing

@testable import Sockets

@Suite struct TimerHeapTests {
    private func instant(_ n: Int64) -> Instant { Instant(nanoseconds: n) }

    @Test("gives work by deadline, and equal deadlines in the order of their scheduling", arguments: 0..<20)
    func order(seed: UInt64) throws {
        var generator = Seeded(seed)
        var heap = TimerHeap()
        let log = Lock<[Int]>([])
        let deadlines = (0..<300).map { _ in Int64.random(in: 0..<40, using: &generator) }
        for (index, deadline) in deadlines.enumerated() {
            _ = heap.insert(instant(deadline)) { log.withLock { $0.append(index) } }
        }
        while let body = heap.popDue(instant(100)) { body() }
        let expected = deadlines.indices.sorted { (deadlines[$0], $0) < (deadlines[$1], $1) }
        #expect(log.withLock { $0 } == expected, "seed \(seed)")
    }

    @Test("gives nothing before its deadline and nothing that was cancelled")
    func dueAndCancelled() {
        var heap = TimerHeap()
        let early = heap.insert(instant(5)) {}
        _ = heap.insert(instant(9)) {}
        #expect(heap.popDue(instant(4)) == nil)
        #expect(heap.cancel(early) != nil)
        #expect(heap.cancel(early) == nil)
        #expect(heap.nextDeadline() == instant(9))
        #expect(heap.popDue(instant(8)) == nil)
        #expect(heap.popDue(instant(9)) != nil)
        #expect(heap.nextDeadline() == nil)
    }

    @Test("keeps its memory near the number of live entries when nearly all are cancelled")
    func cancelledAreForgotten() {
        var heap = TimerHeap()
        for round in 0..<10_000 {
            let number = heap.insert(instant(Int64(1_000_000 + round))) {}
            _ = heap.cancel(number)
        }
        #expect(heap.count == 0)
        #expect(heap.footprint <= 65)
    }
}

@Suite struct EventLoopTests {
    @Test("runs what many threads hand over, each thread's work in its order")
    func execute() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let log = Lock<[(thread: Int, number: Int)]>([])
        let threads = (0..<8).map { thread in
            Thread(name: "giver") {
                for number in 0..<500 {
                    loop.execute { log.withLockNotifying { $0.append((thread, number)) } }
                }
            }
        }
        for thread in threads { thread.join() }
        let all = try #require(log.wait(until: soon()) { $0.count == 4000 ? $0 : nil })
        for thread in 0..<8 {
            #expect(all.filter { $0.thread == thread }.map(\.number) == Array(0..<500))
        }
    }

    @Test("wakes for a timer that another thread schedules while it sleeps, and runs timers in order")
    func timers() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let log = Lock<[Int]>([])
        let now = loop.clock.now()
        for (index, delay) in [30, 10, 20].enumerated() {
            loop.schedule(at: now + .milliseconds(delay)) { log.withLockNotifying { $0.append(index) } }
        }
        let order = try #require(log.wait(until: soon()) { $0.count == 3 ? $0 : nil })
        #expect(order == [1, 2, 0])
        #expect(loop.clock.now() >= now + .milliseconds(30))
    }

    @Test("does not begin a timer that was cancelled on its thread, though it was due already")
    func cancel() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let ran = Lock(false)
        let done = Eventually<Bool>()
        loop.execute {
            let past = loop.clock.now()
            let second = Lock<(any ScheduledWork)?>(nil)
            loop.schedule(at: past) { second.withLock { $0 }?.cancel() }
            let work = loop.schedule(at: past) { ran.withLock { $0 = true } }
            second.withLock { $0 = work }
            loop.schedule(at: past) { done.set(true) }
        }
        #expect(try done.wait())
        #expect(ran.withLock { $0 } == false)
        #expect(loop.timerCount == 0)
    }

    @Test("runs what was handed over before it stops, and drops what comes later")
    func stop() throws {
        let loop = try EventLoop(name: "test")
        let ran = Lock(0)
        for _ in 0..<100 { loop.execute { ran.withLock { $0 += 1 } } }
        loop.stop()
        #expect(ran.withLock { $0 } == 100)
        loop.execute { ran.withLock { $0 += 1 } }
        loop.stop()
        #expect(ran.withLock { $0 } == 100)
    }
}
