import CommitLog
import Platform
import Records
import TestSupport
import Testing

/// Each rule of `Format.md` that keeps records safe, taken away: then the model of random histories must find what breaks.
///
/// A rule is taken away from outside, by what stands between the log and the disk.
@Suite struct RuleTests {
    struct Rule: CustomTestStringConvertible, Sendable {
        var name: String
        /// What becomes of a call without the rule, and whether an opening is under way.
        var answer: @Sendable (MemoryDisk.Call, _ isOpening: Bool) -> HookAnswer

        var testDescription: String { name }
    }

    static let rules = [
        Rule(name: "a pass syncs the files of every partition, not only of those that someone waits for") { call, _ in
            call.operation == .sync && call.path.contains("/t1-") ? .skipped : .goes
        },
        Rule(name: "a pass syncs the commit records with what they are for") { call, isOpening in
            call.operation == .sync && call.path.contains("__penstock_positions") && !isOpening ? .skipped : .goes
        },
        Rule(name: "a new segment's name is synced before anything in it is called durable") { call, isOpening in
            call.operation == .syncDirectory && !isOpening && call.path.contains("/t") ? .skipped : .goes
        },
        Rule(name: "a topic's directories are durable before anyone can append") { call, isOpening in
            call.operation == .syncDirectory && call.path == "/data" && !isOpening ? .skipped : .goes
        },
        Rule(name: "a registry record is durable before it is acted on") { call, isOpening in
            call.operation == .sync && call.path.contains("__penstock_topics") && !isOpening ? .skipped : .goes
        },
        Rule(name: "what a recovery kept and cut is durable before anyone writes") { call, isOpening in
            isOpening && (call.operation == .sync || call.operation == .syncDirectory) ? .skipped : .goes
        },
        Rule(name: "a failed sync stops all writing, and is never made again as if nothing had happened") { call, _ in
            call.operation == .sync ? .forgiven : .goes
        },
    ]

    /// Histories to look through; most rules break in the first, the last one within thirty.
    private static let limit: UInt64 = 300

    @Test("without this rule a history breaks", arguments: rules)
    func breaks(rule: Rule) {
        for seed in 1...Self.limit {
            var history = History(seed: seed)
            let isOpening = history.run.isOpening
            history.run.between = { disk in
                disk.hooked { (call) throws(DiskError) in
                    rule.answer(call, isOpening.withLock { $0 })
                }
            }
            let problem: String?
            do { problem = try history.problem() } catch { problem = "\(error)" }
            if problem != nil { return }
        }
        Issue.record("\(Self.limit) histories do without the rule: \(rule.name)")
    }
}
