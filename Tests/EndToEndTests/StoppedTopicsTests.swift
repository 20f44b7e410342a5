import Foundation
import Testing

/// `penstock topics` on a data directory that nobody works on.
@Suite("penstock topics --data", .timeLimit(.minutes(20)))
struct StoppedTopicsTests {
    private let workspace: Workspace

    /// With the topic `web` of two partitions; the first has ten records.
    init() throws {
        workspace = try Workspace()
        let penstock = try Penstock(workspace, pipelines: [])
        try penstock.stop()
        #expect(try topics("create", "web", "--partitions", "2", "--config", "retention.ms=600000").isDone)
        let lines = Array((0..<10).map { "\($0)\n" }.joined().utf8)
        let produce = ["produce", "web", "--partition", "0", "--data", penstock.data]
        #expect(try Penstock.command(produce, input: .bytes(lines)).ending == .exited(0))
    }

    private struct Outcome {
        var ending: Child.Ending
        var output: String
        var errors: String
        var isDone: Bool { ending == .exited(0) }
    }

    private func topics(_ arguments: String...) throws -> Outcome {
        let result = try Penstock.command(["topics"] + arguments + ["--data", workspace("data")])
        return Outcome(ending: result.ending, output: result.output, errors: result.errors)
    }

    private func settings() throws -> [String: String] {
        let described = try topics("describe", "web", "--json")
        let value = try JSONSerialization.jsonObject(with: Data(described.output.utf8)) as? [[String: Any]]
        return try #require(value?.first?["settings"] as? [String: String], "\(described.errors)")
    }

    /// Every file but the lock: what a command that is refused must not change.
    private func files() -> [String: Data] {
        let names = FileManager.default.enumerator(atPath: workspace("data"))?.compactMap { $0 as? String } ?? []
        var files: [String: Data] = [:]
        for name in names where name != ".lock" && !name.hasSuffix("checkpoint") {
            files[name] = FileManager.default.contents(atPath: workspace("data/\(name)"))
        }
        return files
    }

    @Test("Topics are listed and described as people read them")
    func text() throws {
        let list = try topics("list")
        #expect(list.isDone, "\(list.errors)")
        #expect(list.output.split(separator: "\n").map { $0.split(separator: " ") }.contains(["web", "2"]))
        let described = try topics("describe", "web")
        #expect(described.isDone, "\(described.errors)")
        let lines = described.output.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(described.output.hasPrefix("web: 2 partitions, id "), "\(described.output)")
        #expect(lines.contains(["0", "1", "1", "1", "0", "10", "10"]), "\(described.output)")
        #expect(lines.contains(["1", "1", "1", "1", "0", "0", "0"]), "\(described.output)")
        #expect(described.output.contains("retention.ms") && described.output.contains("600000"))
    }

    @Test("Settings are set and taken back in one command, the others stay, and the next start has them")
    func altered() throws {
        let first = try topics("alter", "web", "--set", "segment.bytes=1048576", "--set", "cleanup.policy=compact")
        #expect(first.isDone, "\(first.errors)")
        #expect(
            try settings() == ["retention.ms": "600000", "segment.bytes": "1048576", "cleanup.policy": "compact"])
        let second = try topics("alter", "web", "--set", "segment.bytes=2097152", "--unset", "retention.ms")
        #expect(second.isDone, "\(second.errors)")
        let expected = ["segment.bytes": "2097152", "cleanup.policy": "compact"]
        #expect(try settings() == expected)
        let penstock = try Penstock(workspace, pipelines: [])
        let running = try Penstock.command(["topics", "describe", "web", "--json", "--bootstrap", penstock.address])
        let value = try JSONSerialization.jsonObject(with: Data(running.output.utf8)) as? [[String: Any]]
        #expect(value?.first?["settings"] as? [String: String] == expected)
        try penstock.stop()
    }

    @Test("Deleted records are gone for the next reader, all of them with -1, and a deleted topic is gone")
    func deleted() throws {
        let some = try topics("delete-records", "web", "--partition", "0", "--before", "6")
        #expect(some.isDone && some.output == "6\n", "\(some.errors)")
        #expect(try topics("describe", "web").output.contains("6   10        4"))
        let all = try topics("delete-records", "web", "--partition", "0", "--before", "-1")
        #expect(all.isDone && all.output == "10\n", "\(all.errors)")
        let back = try Penstock.command(["consume", "web", "--data", workspace("data")])
        #expect(back.ending == .exited(0) && back.output.isEmpty, "\(back.output)\(back.errors)")
        #expect(try topics("delete", "web").isDone)
        #expect(try !topics("list").output.contains("web"))
        #expect(!FileManager.default.fileExists(atPath: workspace("data/web-0")))
    }

    /// A command that must not do anything, and what it must say.
    struct Refusal: CustomTestStringConvertible, Sendable {
        var arguments: [String]
        var words: [String]
        var testDescription: String { arguments.joined(separator: " ") }

        init(_ arguments: String, _ words: String...) {
            self.arguments = arguments.split(separator: " ").map(String.init)
            self.words = words
        }
    }

    static let refusals = [
        Refusal("create web", "'web'", "TOPIC_ALREADY_EXISTS"),
        Refusal("create b@d", "'b@d'", "letters, digits", "INVALID_TOPIC_EXCEPTION"),
        Refusal("create x --config no.such=1", "no.such", "INVALID_CONFIG"),
        Refusal("create x --config retention.ms=abc", "retention.ms", "'abc'", "whole number"),
        Refusal("describe nothing", "'nothing'", "no such topic"),
        Refusal("delete nothing", "'nothing'", "no topic nothing"),
        Refusal("delete __penstock_positions", "'__penstock_positions'", "belongs to the broker"),
        Refusal("alter nothing --set retention.ms=5", "'nothing'", "no topic nothing"),
        Refusal("alter web --set segment.ms=0", "'web'", "segment.ms", "'0'", "INVALID_CONFIG"),
        Refusal("alter web --set compression.type=zip", "compression.type", "zstd", "'zip'"),
        Refusal("alter web --set retention.ms=5 --set no.such=1", "no.such", "INVALID_CONFIG"),
        Refusal("alter web --partitions 2", "has 2 partitions", "only get more", "INVALID_PARTITIONS"),
        Refusal("alter __penstock_topics --set retention.ms=5", "belongs to the broker"),
        Refusal("delete-records web --partition 0 --before 11", "web-0", "offsets 0 to 10"),
        Refusal("delete-records web --partition 7 --before 1", "web-7", "no such topic or partition"),
        Refusal("delete-records nothing --partition 0 --before 1", "'nothing'", "no such topic"),
    ]

    @Test("What cannot be done is said with the name and the reason, and changes nothing", arguments: refusals)
    func refused(refusal: Refusal) throws {
        let (before, had) = (files(), try settings())
        let result = try Penstock.command(["topics"] + refusal.arguments + ["--data", workspace("data")])
        #expect(result.ending == .exited(1) && result.output.isEmpty, "\(result.output)")
        #expect(result.errors.hasPrefix("penstock topics \(refusal.arguments[0]): cannot "), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").count == 1, "\(result.errors)")
        for word in refusal.words { #expect(result.errors.contains(word), "'\(word)' in \(result.errors)") }
        #expect(files() == before && before.count > 5)
        #expect(try settings() == had)
    }
}
