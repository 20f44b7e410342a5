import Pipelines
import Platform
import TestSupport
import Testing

@Suite("Parts of a pipeline", .timeLimit(.minutes(20)))
struct PartsTests {
    final class Job: EncoderJob {
        let done: Lock<Int>
        init(_ done: Lock<Int>) { self.done = done }
        func run() { done.withLockNotifying { $0 += 1 } }
    }

    @Test("encoders run every job once, whoever runs it", arguments: [0, 1, 3])
    func encoders(threads: Int) {
        let pool = EncoderPool(threads: threads, limit: 2)
        let done = Lock(0)
        for _ in 0..<200 { pool.submit(Job(done)) }
        while pool.help() {}
        pool.stop()
        #expect(done.withLock { $0 } == 200)
        pool.submit(Job(done))
        #expect(done.withLock { $0 } == 201)
    }

    @Test("pauses double up to their limit and begin anew after a success")
    func backoff() {
        var backoff = Backoff(first: .milliseconds(10), limit: .milliseconds(35))
        #expect((0..<4).map { _ in backoff.pause().wholeMilliseconds } == [10, 20, 35, 35])
        backoff.reset()
        #expect(backoff.pause() == .milliseconds(10))
    }

    @Test("the budget is never passed but for each share's floor, and what a share holds goes back with it")
    func budget() {
        let budget = ByteBudget(total: 100)
        var first: ByteBudget.Share? = budget.share(floor: 10)
        let second = budget.share(floor: 10)
        #expect(first?.take(95) == true)
        #expect(second.take(10))
        #expect(!second.take(1))
        #expect(budget.heldBytes == 105)
        second.release(10)
        #expect(second.take(5))
        first = nil
        #expect(budget.heldBytes == 5)
        #expect(budget.peakBytes == 105)
    }

    @Test("a ring ends a sleep, now or before it began, once")
    func rings() throws {
        let waker = try Waker()
        waker.ring()
        waker.ring()
        waker.sleep(until: nil, now: Clock.system.now())
        // Not rung any more: ends at its time.
        let now = Clock.system.now()
        waker.sleep(until: now + .milliseconds(2), now: now)
        #expect(Clock.system.now() - now >= .milliseconds(2))
        let asleep = Lock(false)
        let thread = Thread(name: "sleeper") {
            asleep.withLockNotifying { $0 = true }
            waker.sleep(until: nil, now: Clock.system.now())
        }
        _ = asleep.wait { $0 ? true : nil }
        waker.ring()
        thread.join()
    }
}
