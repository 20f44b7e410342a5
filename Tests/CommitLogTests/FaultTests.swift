import CommitLog
import Glibc
import Platform
import Records
import TestSupport
import Testing

/// Every call of a small history goes wrong once; the process dies at every call; what is not synced tears at every byte.
@Suite struct FaultTests {
    /// One fault, and the calls that it can meet.
    struct Kind: CustomTestStringConvertible, Sendable {
        var name: String
        var fault: MemoryDisk.Fault
        var operations: Set<MemoryDisk.Operation>
        /// Whether nobody may notice it.
        var isHarmless = false

        var testDescription: String { name }
    }

    /// Calls that are made again after a signal.
    private static let again: Set<MemoryDisk.Operation> = [.read, .write, .sync]

    static let kinds = [
        Kind(
            name: "ENOSPC", fault: .fails(ENOSPC),
            operations: [.open, .makeDirectory, .rename, .write, .sync, .syncDirectory, .truncate, .allocate]),
        Kind(name: "a write that fills the disk half-way", fault: .tears(ENOSPC), operations: [.write]),
        Kind(name: "EIO", fault: .fails(EIO), operations: Set(MemoryDisk.Operation.allCases)),
        Kind(name: "a write that fails half-way", fault: .tears(EIO), operations: [.write]),
        Kind(name: "EMFILE", fault: .fails(EMFILE), operations: [.open, .list, .syncDirectory]),
        Kind(name: "a short read or write", fault: .isShort, operations: [.read, .write], isHarmless: true),
        Kind(name: "EINTR", fault: .fails(EINTR), operations: again, isHarmless: true),
        Kind(
            name: "EINTR at any other call", fault: .fails(EINTR),
            operations: Set(MemoryDisk.Operation.allCases).subtracting(again)),
    ]

    /// The process is killed, or every second time the machine stops; what is left must be durable, and the log go on.
    private func check(_ run: HistoryRun, number: Int) throws -> String? {
        var run = run.onACopy()
        var random = SeededGenerator(seed: UInt64(number))
        let losesPower = number % 2 == 0
        if losesPower { run.losePower(&random) } else { run.kill() }
        if let problem = try run.reopen(powerLost: losesPower) { return problem + "\n" + run.story }
        try run.apply(.create(topic: "after", partitions: 1))
        try run.apply(SmallHistory.both("p", "after"))
        try run.apply(.sync)
        try run.apply(.append(topic: "after", partition: 0, values: ["after"]))
        try run.apply(.sync)
        guard run.model.topics["after"]?.partitions[0].entries.first?.isSynced == true else {
            return "the log does not go on\n" + run.story
        }
        run.losePower(&random)
        if let problem = try run.reopen(powerLost: true) { return "later: \(problem)\n" + run.story }
        return nil
    }

    /// What a crash meets: what the disk holds, and what was done. What it leads to depends on nothing else.
    private func outcome(of run: HistoryRun) -> Int {
        var hasher = Hasher()
        hasher.combine(run.memory.fingerprint)
        hasher.combine(run.isGoing)
        for step in run.steps {
            // Why something failed is of no account.
            let end = step.firstRange(of: "failed")?.upperBound ?? step.firstRange(of: "not opened")?.upperBound
            hasher.combine(step[..<(end ?? step.endIndex)])
        }
        return hasher.finalize()
    }

    @Test(
        "whichever call fails once, what was synced is there, nothing is invented, and the next opening succeeds",
        .timeLimit(.minutes(20)), arguments: kinds)
    func eachCall(kind: Kind) throws {
        var number = 0
        // Most faults are made good, and change nothing: one crash after them is like another.
        var outcomes: Set<Int> = []
        while true {
            var run = HistoryRun(options: SmallHistory.options)
            let met = Lock<(seen: Int, call: MemoryDisk.Call?)>((0, nil))
            let chosen = number
            run.memory.fail { call in
                guard kind.operations.contains(call.operation) else { return nil }
                return met.withLock { met in
                    defer { met.seen += 1 }
                    guard met.seen == chosen else { return nil }
                    met.call = call
                    return kind.fault
                }
            }
            var problem = try SmallHistory.walk(&run)
            guard let call = met.withLock({ $0.call }) else { break }
            run.memory.fail(when: nil)
            if problem == nil, outcomes.insert(outcome(of: run)).inserted {
                problem = try check(run, number: outcomes.count)
            }
            if kind.isHarmless, let failure = run.steps.first(where: { $0.contains("failed") || $0.contains("not op") })
            {
                problem = problem ?? "it was noticed: \(failure)"
            }
            if let problem {
                Issue.record("\(kind.name) at call \(number), \(call.operation) \(call.path): \(problem)")
                return
            }
            number += 1
        }
        #expect(number > 10, "calls that can meet it")
        #expect(outcomes.count > 1 || kind.isHarmless)
    }

    @Test(
        "whichever call the process dies at, what was synced is there, nothing is invented, and the next opening succeeds",
        .timeLimit(.minutes(20)))
    func eachDeath() throws {
        var number = 1
        // A death at a call that changes nothing is like one at the next.
        var outcomes: Set<Int> = []
        while true {
            var run = HistoryRun(options: SmallHistory.options)
            run.memory.die(after: number)
            var problem = try SmallHistory.walk(&run)
            guard run.memory.isDead else { break }
            if problem == nil, outcomes.insert(outcome(of: run)).inserted {
                problem = try check(run, number: outcomes.count)
            }
            if let problem {
                Issue.record("death at call \(number): \(problem)")
                return
            }
            number += 1
        }
        #expect(number > 100 && outcomes.count > 100, "calls at which it can die")
    }

    /// What becomes of the bytes and of the names that are not torn.
    private static let others = [(true, true), (false, false), (false, true), (true, false)]

    @Test(
        "wherever a power loss tears unsynced bytes and names, what was synced is there and rounds are whole",
        .timeLimit(.minutes(20)), arguments: 0..<4)
    func eachTear(part: Int) throws {
        var whole = HistoryRun(options: SmallHistory.options)
        #expect(try SmallHistory.walk(&whole) == nil)
        let unsynced = whole.memory.unsynced
        #expect(unsynced.contains { $0.isDirectory } && unsynced.contains { !$0.isDirectory })
        for torn in unsynced {
            for extent in 0...torn.extent where extent % 4 == part {
                for (keepsBytes, keepsNames) in torn.isDirectory ? Self.others : Self.others.dropLast(2) {
                    var run = whole.onACopy()
                    run.memory.losePower(
                        tearing: torn, at: extent, keepingBytes: keepsBytes, keepingNames: keepsNames)
                    run.directory = nil
                    if let problem = try run.reopen(powerLost: true) {
                        Issue.record(
                            """
                            \(torn) at \(extent), other bytes \(keepsBytes), other names \(keepsNames): \(problem)
                            \(run.story)
                            """)
                        return
                    }
                }
            }
        }
    }
}
