import Testing

@Suite(
    "kafka-python's clients", .timeLimit(.minutes(20)),
    .enabled(
        if: Surroundings.pythonWithKafka != nil,
        "no Python here can import kafka and lz4 (Debian: python3-kafka, python3-lz4)"))
struct KafkaPythonTests {
    private func python(_ program: String, _ arguments: [String]) throws -> [String] {
        let child = try Child(
            Surroundings.pythonWithKafka ?? "python3",
            ["\(Surroundings.checkout)/Tests/Clients/\(program)"] + arguments)
        #expect(try child.end() == .exited(0), "\(child.tail)")
        return child.text(.output).split(separator: "\n").map(String.init)
    }

    @Test("The admin client creates a topic, changes its settings, is refused a wrong one, and adds partitions")
    func admin() throws {
        let workspace = try Workspace()
        let penstock = try Penstock(workspace, pipelines: [])
        #expect(
            try python("admin.py", [penstock.address, "made"]) == [
                "config retention.ms=1000000",
                // What AlterConfigs does not name goes back to its default.
                "config cleanup.policy=compact", "config compression.type=zstd",
                "refused InvalidConfigurationError",
                "config cleanup.policy=compact", "config compression.type=zstd",
                "partitions 5",
            ])
        try penstock.stop()
    }

    @Test(
        "A directory of old message sets is taken over, and stock clients read it from the beginning and from within a set"
    )
    func oldSets() throws {
        let workspace = try Workspace()
        #expect(try python("oldsets.py", ["write", workspace("data/old-0")]).isEmpty)
        let written = try workspace.read("data/old-0/00000000000000000000.log")
        for _ in 0..<2 {
            let penstock = try Penstock(workspace, pipelines: [])
            // Messages of format 0, the first twelve, have no time.
            func expected(_ start: Int) -> [String] {
                (start..<30).map { "\($0) \($0 < 12 ? -1 : 1_700_000_000_000 + $0) k\($0) value \($0)" }
            }
            for start in [0, 7, 13] {
                let read = try python("oldsets.py", ["read", penstock.address, "old", "\(start)"])
                #expect(read == expected(start).map { "record \($0)" })
                guard Surroundings.kcat != nil else { continue }
                let child = try Child(
                    "kcat",
                    [
                        "-C", "-b", penstock.address, "-t", "old", "-o", "\(start)", "-e", "-q", "-f",
                        "%o %T %k %s\\n",
                    ])
                #expect(try child.end() == .exited(0), "\(child.tail)")
                #expect(child.text(.output).split(separator: "\n").map(String.init) == expected(start))
            }
            try penstock.stop()
        }
        #expect(try log(["verify", "--deep", workspace("data")]).isEmpty)
        #expect(try workspace.read("data/old-0/00000000000000000000.log") == written, "they stay as they are")
    }

    private func log(_ arguments: [String]) throws -> [String] {
        let result = try Penstock.command(["log"] + arguments)
        #expect(result.ending == .exited(0), "\(result.errors)")
        return result.output.split(separator: "\n").map(String.init)
    }
}
