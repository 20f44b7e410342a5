import Platform
import Testing

@Suite("Locks, threads and clocks")
struct LockTests {
    @Test("Many threads that add under the lock lose nothing")
    func mutualExclusion() {
        let sum = Lock(0)
        let threads = (0..<4).map { number in
            Thread(name: "adder-\(number)") {
                for _ in 0..<5000 { sum.withLock { $0 += 1 } }
            }
        }
        for thread in threads { thread.join() }
        #expect(sum.withLock { $0 } == 20_000)
    }

    @Test("A waiter wakes when another thread makes its condition true")
    func waiting() {
        let box = Lock<Int?>(nil)
        let thread = Thread(name: "giver") { box.withLockNotifying { $0 = 7 } }
        #expect(box.wait { $0 } == 7)
        thread.join()
    }

    @Test("A waiter whose deadline has passed asks once more, then gives up")
    func deadline() {
        let box = Lock(false)
        var asked = 0
        let answer: Int? = box.wait(until: Clock.system.now() + .seconds(-1)) { _ in
            asked += 1
            return nil
        }
        #expect(answer == nil)
        #expect(asked == 2)
    }

    @Test("What a closure throws goes through the lock, which is free afterwards")
    func failure() {
        struct Failed: Error {}
        let box = Lock(1)
        #expect(throws: Failed.self) { try box.withLock { _ in throw Failed() } }
        #expect(box.withLock { $0 } == 1)
    }

    @Test("A thread's body has run when join returns, however often it is joined")
    func join() {
        let ran = Lock(0)
        let thread = Thread(name: "a name longer than the kernel keeps") { ran.withLock { $0 += 1 } }
        thread.join()
        thread.join()
        #expect(ran.withLock { $0 } == 1)
    }

    @Test("Moments and durations stop at the ends of their range instead of trapping")
    func saturation() {
        let late = Instant(nanoseconds: .max - 1)
        #expect(late + .seconds(5) == Instant(nanoseconds: .max))
        #expect(Instant(nanoseconds: .min + 1) + .seconds(-5) == Instant(nanoseconds: .min))
        #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
        #expect(Duration.seconds(Int64.min).wholeNanoseconds == .min)
        #expect(Duration.milliseconds(1500).wholeMilliseconds == 1500)
    }

    @Test("The system's clock does not go back")
    func monotonic() {
        let first = Clock.system.now()
        #expect(Clock.system.now() >= first)
    }
}
