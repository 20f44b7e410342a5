import Foundation
import Platform
import TestSupport
import Testing

@testable import CommitLog

/// Each rule of `Format.md` that keeps records safe, taken away: then the model of random histories must find what breaks.
@Suite struct RuleTests {
    /// Histories to look through from the one that is known to break, which comes first as long as nothing changes the calls
    /// that are made to the disk.
    private static let limit = 300

    @Test("without this rule a history breaks", arguments: Rule.all)
    func breaks(rule: Rule) {
        for seed in rule.seed..<rule.seed + UInt64(Self.limit) {
            if Self.failure(without: rule, seed) != nil { return }
        }
        Issue.record("\(Self.limit) histories do without the rule: \(rule.name)")
    }

    /// - Returns: what breaks, nil if nothing does.
    static func failure(without rule: Rule, _ seed: UInt64) -> String? {
        var history = History(seed: seed)
        history.favours = rule.favours
        history.run.options.omitted = rule.omitted
        history.run.around = rule.around
        history.run.answer = rule.answer
        return history.failure()
    }

    // MARK: - Led to one place

    @Test("without this rule a crash of the history that leads to it breaks something", arguments: DirectedHistory.all)
    func breaks(directed: DirectedHistory) throws {
        let failure = try directed.failure(directed.first..<directed.first + 300)
        #expect(failure != nil, "300 crashes do without it")
    }

    @Test("with all rules no crash of such a history breaks anything", arguments: DirectedHistory.all)
    func holds(directed: DirectedHistory) throws {
        var directed = directed
        directed.omitted = []
        directed.answer = { _, _ in .goes }
        let failure = try directed.failure(directed.first..<directed.first + 20)
        #expect(failure == nil, "\(failure ?? "")")
    }

    // MARK: - Damage

    /// Damages the positions, and lets the next opening die at each of its calls.
    /// - Returns: the call after which nobody knows any more that positions are missing; nil if there is none.
    private func hiddenDamage(
        _ answer: @escaping @Sendable (MemoryDisk.Call, HistoryScene) -> HookAnswer = { _, _ in .goes }
    ) throws -> Int? {
        var run = HistoryRun()
        try run.open()
        try run.apply(.create(topic: "t", partitions: 2))
        for number in 0..<4 {
            try run.apply(SmallHistory.both("p", "\(number)"))
            try run.apply(.sync)
        }
        run.kill()
        let path = "/data/__penstock_positions-0/00000000000000000000.log"
        var bytes = try #require(run.memory.bytes(of: path))
        bytes[bytes.count / 3] ^= 1
        run.memory.setBytes(of: path, to: bytes)
        for call in 1... {
            var copy = run.onACopy()
            copy.answer = answer
            copy.memory.die(after: call)
            let isWhole = (try? copy.open()) != nil && !copy.memory.isDead
            copy.kill()
            try copy.open()
            if copy.directory?.positionsDamaged != true { return call }
            if isWhole { return nil }
        }
        return nil
    }

    @Test("the mark of damaged positions comes before the damage is bridged: else a crash between them hides it")
    func mark() throws {
        #expect(try hiddenDamage() == nil)
        let mark = "/data/" + DataDirectory.positionsMark
        let hidden = try hiddenDamage { call, scene in
            // It waits until the bridge stands.
            if scene.isSettling { try? scene.memory.disk.rename(mark + ".tmp", mark) }
            return call.operation == .rename && call.path == mark + ".tmp" ? .skipped : .goes
        }
        #expect(hidden != nil)
    }

    /// `PENSTOCK_RULES` looks through so many histories without each rule, and prints those that break first.
    @Test(
        "which histories break without which rule",
        .enabled(if: ProcessInfo.processInfo.environment["PENSTOCK_RULES"] != nil), arguments: Rule.all)
    func search(rule: Rule) {
        let count = ProcessInfo.processInfo.environment["PENSTOCK_RULES"].flatMap { UInt64($0) } ?? 0
        for seed in 1...max(1, count) {
            guard let failure = Self.failure(without: rule, seed) else { continue }
            print("\(rule.name): seed \(seed): \(failure.prefix { $0 != "\n" })")
            return
        }
        print("\(rule.name): none of \(count)")
    }

    @Test(
        "which crashes of a directed history break without which rule",
        .enabled(if: ProcessInfo.processInfo.environment["PENSTOCK_RULES"] != nil), arguments: DirectedHistory.all)
    func search(directed: DirectedHistory) throws {
        let count = ProcessInfo.processInfo.environment["PENSTOCK_RULES"].flatMap { UInt64($0) } ?? 0
        print("\(directed.name): \(try directed.failure(0..<count * 10)?.prefix { $0 != "\n" } ?? "none")")
    }
}
