import CommitLog
import Foundation
import TestSupport
import Testing

@Suite struct HistoryTests {
    /// About 60 ms each in a debug build. `PENSTOCK_HISTORIES` runs more or fewer, `PENSTOCK_SEED` those from another on.
    static let histories = ProcessInfo.processInfo.environment["PENSTOCK_HISTORIES"].flatMap { Int($0) } ?? 2000

    /// Seeds whose histories have found a fault.
    static let pinned: [UInt64] = [33, 26]

    @Test("every history keeps what was synced, rounds whole, positions with their records", arguments: 0..<4)
    func holds(part: Int) throws {
        for seed in Self.pinned + Seeds.some(Self.histories) where seed % 4 == UInt64(part) {
            var history = History(seed: seed)
            if let failure = history.failure() {
                Issue.record("\(failure)")
                return
            }
        }
    }

    @Test("a power loss that takes all of one file leaves no half of a round behind a log that begins later")
    func wholeFiles() throws {
        var run = HistoryRun(options: SmallHistory.options)
        try run.open()
        try run.apply(.create(topic: "t", partitions: 2))
        for number in 0..<8 { try run.apply(SmallHistory.both("p", "\(number)")) }
        #expect(run.memory.files.filter { $0.hasPrefix("/data/t-0/") && $0.hasSuffix(".log") }.count > 1)
        for torn in run.memory.unsynced where !torn.isDirectory {
            var copy = run.onACopy()
            copy.memory.losePower(tearing: torn, at: 0, keepingBytes: true, keepingNames: true)
            #expect(try copy.reopen(powerLost: true) == nil)
        }
    }

    @Test("one seed gives one history: the same calls to the disk in the same order, and the same bytes")
    func repeats() throws {
        for seed in Seeds.some(20) {
            func play() -> (calls: [MemoryDisk.Call], files: [String: [UInt8]], steps: [String]) {
                var history = History(seed: seed)
                let memory = history.run.memory
                memory.recorded = []
                _ = history.failure()
                let files = memory.files.map { ($0, memory.bytes(of: $0) ?? []) }
                return (memory.recorded ?? [], Dictionary(uniqueKeysWithValues: files), history.run.steps)
            }
            let (first, second) = (play(), play())
            let differs = zip(first.calls, second.calls).enumerated().first { $0.element.0 != $0.element.1 }
            #expect(differs == nil && first.calls.count == second.calls.count, "seed \(seed)")
            #expect(first.steps == second.steps, "seed \(seed)")
            #expect(first.files == second.files, "seed \(seed)")
        }
    }
}
