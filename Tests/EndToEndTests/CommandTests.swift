import Foundation
import Testing

@Suite("penstock topics, produce, consume and groups", .timeLimit(.minutes(20)))
struct CommandTests {
    /// A data directory that nobody works on, made by starting and stopping a server.
    private func stopped(_ workspace: Workspace) throws -> [String] {
        let penstock = try Penstock(workspace, pipelines: [])
        try penstock.stop()
        return ["--data", penstock.data]
    }

    private func produce(
        _ lines: some Collection<[UInt8]>, _ arguments: [String], _ log: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let input = Array(lines.joined(separator: [10])) + [10]
        let result = try Penstock.command(["produce"] + arguments + log, input: .bytes(input))
        #expect(result.ending == .exited(0), "\(result.errors)", sourceLocation: sourceLocation)
    }

    private func consume(
        _ arguments: [String], _ log: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [String] {
        let result = try Penstock.command(["consume"] + arguments + log)
        #expect(result.ending == .exited(0), "\(result.errors)", sourceLocation: sourceLocation)
        return Self.lines(result.output)
    }

    /// By bytes: to Swift, CR and LF together are one character.
    private static func lines(_ text: String) -> [String] {
        text.utf8.split(separator: 10, omittingEmptySubsequences: false).dropLast().map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    private func json(_ arguments: [String], _ log: [String]) throws -> [[String: Any]] {
        let result = try Penstock.command(arguments + ["--json"] + log)
        #expect(result.ending == .exited(0), "\(result.errors)")
        let value = try JSONSerialization.jsonObject(with: Data(result.output.utf8))
        return try #require(value as? [[String: Any]])
    }

    @Test(
        "What is produced with each codec is consumed again, by key in order",
        arguments: ["none", "gzip", "snappy", "lz4", "zstd"])
    func codecs(codec: String) throws {
        let workspace = try Workspace()
        let log = try stopped(workspace)
        let lines = Lines(count: 3000)
        try produce(lines.all, ["web", "--key-separator", " ", "--codec", codec], log)
        let rest = lines.all.map { line in String(decoding: line.drop { $0 != 32 }.dropFirst(), as: UTF8.self) }
        let back = try consume(["web"], log)
        #expect(back.sorted() == rest.sorted())
        // The number behind the key rises within a key, and a key is in one partition.
        let keyed = try consume(["web", "--json"], log).map { line -> (key: String, number: Int, partition: Int) in
            let record = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let value = try #require(record["value"] as? String)
            return (
                try #require(record["key"] as? String), try #require(Int(value.prefix { $0 != " " })),
                try #require(record["partition"] as? Int)
            )
        }
        for (key, records) in Dictionary(grouping: keyed, by: \.key) {
            #expect(records.map(\.number) == records.map(\.number).sorted(), "order of \(key)")
            #expect(Set(records.map(\.partition)).count == 1, "partitions of \(key)")
        }
    }

    @Test("A record's JSON has its place, key, headers, and bytes that are no text as base64")
    func recordJSON() throws {
        let workspace = try Workspace()
        let log = try stopped(workspace)
        try produce([[0xff, 0x00, 0x41, 0x42]], ["raw", "--partition", "3", "--header", "app=web"], log)
        let lines = try consume(["raw", "--json"], log)
        let line = try #require(lines.first)
        let record = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect(record["partition"] as? Int == 3)
        #expect(record["offset"] as? Int == 0)
        #expect(record["key"] is NSNull)
        #expect(record["value_base64"] as? String == Data([0xff, 0x00, 0x41, 0x42]).base64EncodedString())
        #expect((record["headers"] as? [[String: String]]) == [["name": "app", "value": "web"]])
    }

    @Test("Consuming begins and stops where the options say")
    func places() throws {
        let workspace = try Workspace()
        let log = try stopped(workspace)
        try produce((0..<10).map { Array("\($0)".utf8) }, ["ten", "--partition", "2"], log)
        #expect(try consume(["ten"], log) == (0..<10).map { "\($0)" })
        #expect(try consume(["ten", "--offset", "7"], log) == ["7", "8", "9"])
        #expect(try consume(["ten", "--offset", "-2"], log) == ["8", "9"])
        #expect(try consume(["ten", "--max-messages", "4"], log) == ["0", "1", "2", "3"])
        #expect(try consume(["ten", "--partition", "1"], log) == [])
        #expect(try consume(["ten", "--partition", "2", "--offset", "10"], log) == [])
    }

    @Test("A group goes on where it stopped, and its lag is shown")
    func groups() throws {
        let workspace = try Workspace()
        let log = try stopped(workspace)
        try produce((0..<10).map { Array("\($0)".utf8) }, ["ten", "--partition", "0"], log)
        #expect(try consume(["ten", "--group", "g", "--max-messages", "6"], log) == (0..<6).map { "\($0)" })
        let described = try json(["groups", "describe", "g"], log)
        #expect(described.first?["state"] as? String == "Empty")
        #expect(described.first?["lag"] as? Int == 4)
        #expect(try consume(["ten", "--group", "g"], log) == (6..<10).map { "\($0)" })
        #expect(try consume(["ten", "--group", "g"], log) == [])
        #expect(try json(["groups", "list"], log).map { $0["group"] as? String } == ["g"])
    }

    @Test("Two members divide the partitions, and Ctrl-C commits, leaves, and ends with 0")
    func members() throws {
        let workspace = try Workspace()
        let penstock = try Penstock(workspace, pipelines: [])
        let log = ["--bootstrap", penstock.address]
        #expect(try Penstock.command(["topics", "create", "web", "--partitions", "8"] + log).ending == .exited(0))
        let arguments = ["consume", "web", "--group", "pair", "--follow", "--from-beginning"] + log
        let members = try (0..<2).map { _ in try Child(Surroundings.penstock, arguments) }
        for member in members { try member.line(on: .errors, "its half") { $0.contains("4 of 8 partitions") } }

        let lines = Lines(count: 2000).all
        try produce(lines, ["web", "--key-separator", " "], log)
        let expected = lines.map { line in String(decoding: line.drop { $0 != 32 }.dropFirst(), as: UTF8.self) }
        // Which keys go where is fixed by their hash: both members get some of the 64.
        let counts = try json(["topics", "describe", "web"], log).first?["partitions"] as? [[String: Any]] ?? []
        let ends = counts.map { $0["end"] as? Int ?? 0 }
        let halves = [ends[..<4].reduce(0, +), ends[4...].reduce(0, +)]
        #expect(halves.reduce(0, +) == 2000)
        for member in members {
            try member.lines(on: .output, count: halves.min() ?? 0, "the records of its half")
        }
        // Both have one half at least; the larger half may still be on its way to its member.
        for member in members { member.signal(SIGINT) }
        var seen: [String] = []
        for member in members {
            #expect(try member.end() == .exited(0), "\(member.tail)")
            seen += Self.lines(member.text(.output))
        }
        // What was not printed is still there for the group: nothing is lost, nothing comes twice.
        seen += try consume(["web", "--group", "pair"], log)
        #expect(seen.sorted() == expected.sorted())
        try penstock.stop()
    }

    @Test("A line that is too long ends produce, and every line before it is sent")
    func longLine() throws {
        let workspace = try Workspace()
        let log = try stopped(workspace)
        let input = Array("one\ntwo\n\(String(repeating: "x", count: 2_000))\nfour\n".utf8)
        let result = try Penstock.command(["produce", "web", "--max-line", "1KiB"] + log, input: .bytes(input))
        #expect(result.ending == .exited(1))
        #expect(result.errors.contains("line 3 has more than"))
        #expect(try consume(["web"], log).sorted() == ["one", "two"])
    }

    @Test("Lines that are produced while the server is killed again and again are there once")
    func producedThroughCrashes() throws {
        let workspace = try Workspace()
        var penstock = try Penstock(workspace, pipelines: [])
        let log = ["--bootstrap", penstock.address]
        let lines = Lines(count: 6000)
        let producer = try Child(
            Surroundings.penstock, ["produce", "web", "--key-separator", " "] + log, input: .open)
        for round in 0..<3 {
            try producer.write(
                String(
                    decoding: lines.all[round * 2000..<(round + 1) * 2000].joined(separator: [10]) + [10], as: UTF8.self
                ))
            try penstock.crash()
            penstock = try Penstock(workspace, pipelines: [], port: penstock.port)
            #expect(!penstock.child.text(.errors).contains("neither Penstock nor Kafka made"), "\(penstock.child.tail)")
        }
        producer.closeInput()
        #expect(try producer.end() == .exited(0), "\(producer.tail)")
        let back = try consume(["web"], log)
        let expected = lines.all.map { line in String(decoding: line.drop { $0 != 32 }.dropFirst(), as: UTF8.self) }
        #expect(back.sorted() == expected.sorted())
        try penstock.stop()
    }

    @Test("Topics are created with their settings, described, listed and deleted")
    func topics() throws {
        let workspace = try Workspace()
        let log = try stopped(workspace)
        let create = ["topics", "create", "web", "--partitions", "3", "--config", "retention.bytes=1000000"]
        #expect(try Penstock.command(create + log).ending == .exited(0))
        let again = try Penstock.command(create + log)
        #expect(again.ending == .exited(1))
        #expect(again.errors.contains("TOPIC_ALREADY_EXISTS"), "\(again.errors)")
        #expect(try Penstock.command(create + ["--if-missing"] + log).ending == .exited(0))

        let described = try json(["topics", "describe", "web"], log)
        #expect(described.first?["settings"] as? [String: String] == ["retention.bytes": "1000000"])
        #expect((described.first?["partitions"] as? [Any])?.count == 3)
        #expect(try json(["topics", "list"], log).map { $0["name"] as? String } == ["web"])

        #expect(try Penstock.command(["topics", "delete", "web"] + log).ending == .exited(0))
        #expect(try json(["topics", "list"], log).isEmpty)
        #expect(try Penstock.command(["topics", "delete", "web"] + log).ending == .exited(1))
    }

    @Test("A topic's settings are changed and taken back, and it gets partitions, whether Penstock runs or not")
    func altered() throws {
        let workspace = try Workspace()
        let stopped = try stopped(workspace)
        #expect(try Penstock.command(["topics", "create", "web", "--partitions", "1"] + stopped).ending == .exited(0))
        let alter = ["topics", "alter", "web", "--set", "retention.ms=5", "--set", "cleanup.policy=compact,delete"]
        #expect(try Penstock.command(alter + ["--partitions", "3"] + stopped).ending == .exited(0))
        let penstock = try Penstock(workspace, pipelines: [])
        let running = ["--bootstrap", penstock.address]
        let described = try json(["topics", "describe", "web"], running)
        let expected = ["retention.ms": "5", "cleanup.policy": "compact,delete"]
        #expect(described.first?["settings"] as? [String: String] == expected)
        #expect((described.first?["partitions"] as? [Any])?.count == 3)
        let unset = try Penstock.command(["topics", "alter", "web", "--unset", "retention.ms"] + running)
        #expect(unset.ending == .exited(0), "\(unset.errors)")
        let after = try json(["topics", "describe", "web"], running)
        #expect(after.first?["settings"] as? [String: String] == ["cleanup.policy": "compact,delete"])

        let refused = try Penstock.command(["topics", "alter", "web", "--set", "segment.ms=0"] + running)
        #expect(refused.ending == .exited(1))
        #expect(refused.errors.contains("INVALID_CONFIG") && refused.errors.contains("segment.ms"), "\(refused.errors)")
        let fewer = try Penstock.command(["topics", "alter", "web", "--partitions", "2"] + running)
        #expect(fewer.errors.contains("INVALID_PARTITIONS"), "\(fewer.errors)")
        let nothing = try Penstock.command(["topics", "alter", "web"] + running)
        #expect(nothing.ending == .exited(2))
        try penstock.stop()
    }

    @Test("Records below an offset are deleted, whether Penstock runs or not")
    func deletedRecords() throws {
        let workspace = try Workspace()
        let stopped = try stopped(workspace)
        try produce((0..<10).map { Array("\($0)".utf8) }, ["ten", "--partition", "0"], stopped)
        let delete = ["topics", "delete-records", "ten", "--partition", "0", "--before"]
        let first = try Penstock.command(delete + ["4"] + stopped)
        #expect(first.ending == .exited(0) && first.output == "4\n", "\(first.errors)")
        #expect(try consume(["ten"], stopped) == (4..<10).map { "\($0)" })
        let penstock = try Penstock(workspace, pipelines: [])
        let running = ["--bootstrap", penstock.address]
        #expect(try Penstock.command(delete + ["7"] + running).output == "7\n")
        #expect(try consume(["ten"], running) == (7..<10).map { "\($0)" })
        let beyond = try Penstock.command(delete + ["11"] + running)
        #expect(beyond.ending == .exited(1) && beyond.errors.contains("it has offsets 7 to 10"), "\(beyond.errors)")
        #expect(try Penstock.command(delete + ["-1"] + running).output == "10\n")
        try penstock.stop()
    }

    @Test("A broker that is away, a directory that is not there or in use, and a wrong option are told apart")
    func mistakes() throws {
        let workspace = try Workspace()
        let port = try Penstock.freePort()
        let away = try Penstock.command(["topics", "list", "--bootstrap", "127.0.0.1:\(port)"])
        #expect(away.ending == .exited(1))
        #expect(
            away.errors == "penstock topics list: cannot connect to 127.0.0.1:\(port): Connection refused; "
                + "is `penstock run` up?\n")

        let missing = try Penstock.command(["topics", "list", "--data", workspace("nothing")])
        #expect(missing.ending == .exited(1))
        #expect(missing.errors.contains("No such file or directory"), "\(missing.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace("nothing")))

        let penstock = try Penstock(workspace, pipelines: [])
        let used = try Penstock.command(["topics", "list", "--data", penstock.data])
        #expect(used.ending == .exited(1))
        #expect(used.errors.contains("process"), "\(used.errors)")
        let unknown = try Penstock.command(["consume", "nothing", "--bootstrap", penstock.address])
        #expect(unknown.ending == .exited(1))
        #expect(unknown.errors.contains("'nothing'"), "\(unknown.errors)")
        #expect(!unknown.errors.contains("created"))
        try penstock.stop()

        for wrong in [
            ["consume"], ["consume", "t", "--group", "g", "--offset", "1"], ["produce", "t", "--codec", "zip"],
            ["consume", "t", "--data", "d", "--follow"],
        ] {
            #expect(try Penstock.command(wrong).ending == .exited(2), "\(wrong)")
        }
    }
}
