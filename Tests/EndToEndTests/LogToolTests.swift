import Foundation
import Testing

@Suite("penstock log dump, verify and repair", .timeLimit(.minutes(20)))
struct LogToolTests {
    private func log(
        _ arguments: [String], exits code: Int32 = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> [String] {
        let result = try Penstock.command(["log"] + arguments)
        #expect(
            result.ending == .exited(code), "\(arguments): \(result.output.suffix(2000)) \(result.errors)",
            sourceLocation: sourceLocation)
        return result.output.split(separator: "\n").map(String.init)
    }

    private func objects(_ lines: [String]) throws -> [[String: Any]] {
        try lines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any], "\(line)")
        }
    }

    /// Collects some lines into the topic `app` of two partitions.
    private func collected(_ count: Int) throws -> (workspace: Workspace, lines: Lines, pipeline: String) {
        let workspace = try Workspace()
        let lines = Lines(count: count)
        try workspace.write("app.log", lines.content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app", partitions: 2))
        return (workspace, lines, file)
    }

    private func values(_ workspace: Workspace) throws -> [String] {
        let dumped = try objects(log(["dump", "--json", "app", "--data", workspace("data")]))
        return dumped.filter { $0["kind"] as? String == "record" }.compactMap { $0["value"] as? String }
    }

    @Test("A directory that Kafka wrote is right, and is told whole", .enabled(if: Surroundings.shared != nil))
    func kafkaDirectory() throws {
        let directory = try #require(Surroundings.shared) + "/vectors/partition-dir/t1-0"
        #expect(try log(["verify", directory]).isEmpty)
        #expect(try log(["verify", "--deep", directory]).isEmpty)
        let told = try objects(log(["dump", "--json", directory]))
        let offsets = told.filter { $0["kind"] as? String == "record" }.compactMap { $0["offset"] as? Int }
        #expect(offsets == Array(0..<45))
        #expect(try log(["dump", "--batches", directory]).filter { $0.hasPrefix("  batch ") }.count == 20)
    }

    @Test("What was collected is right, and every line is told with its position")
    func collectedLog() throws {
        let (workspace, lines, pipeline) = try collected(4000)
        try Penstock.collect(workspace, pipeline: pipeline)
        #expect(try log(["verify", "--deep", workspace("data")]).isEmpty)
        #expect(
            try values(workspace).sorted() == lines.all.map { String(decoding: $0, as: UTF8.self) }.sorted())
        let positions = try objects(log(["dump", "--json", workspace("data/__penstock_positions-0")]))
        let meanings = positions.compactMap { $0["means"] as? [String: Any] }
        #expect(meanings.contains { $0["path"] as? String == workspace("app.log") })
        #expect(meanings.contains { $0["commit_of"] != nil })
        let summary = try objects(log(["verify", "--json", "app", "--data", workspace("data")]))
        #expect(summary.last?["records"] as? Int == 4000 && summary.last?["partitions"] as? Int == 2)
    }

    @Test("After kill -9 a repair makes the files right, and the next start goes on with every line once")
    func killed() throws {
        let (workspace, lines, pipeline) = try collected(120_000)
        // The topic is there before the kill, so that its directories can be watched.
        try workspace.write("before.log", "host-0 before\n")
        let before = try workspace.write(
            "before.yaml", EndToEndTests.pipeline(tail: [workspace("before.log")], topic: "app", partitions: 2))
        try Penstock.collect(workspace, pipeline: before)
        let watch = try Watch()
        try watch.add(workspace("data/app-0"))
        let child = try Child(
            Surroundings.penstock, ["run", pipeline, "--data", workspace("data"), "--until-eof"],
            directory: workspace.path)
        watch.changes(5) { !child.hasEnded }
        child.signal(SIGKILL)
        try child.end()
        _ = try log(["repair", "--dry-run", workspace("data")])
        _ = try log(["repair", workspace("data")])
        #expect(try log(["verify", "--deep", workspace("data")]).isEmpty)
        #expect(try log(["repair", workspace("data")]).isEmpty)
        try Penstock.collect(workspace, pipeline: pipeline)
        #expect(try log(["verify", "--deep", workspace("data")]).isEmpty)
        let wanted = lines.all.map { String(decoding: $0, as: UTF8.self) } + ["host-0 before"]
        #expect(try values(workspace).sorted() == wanted.sorted())
    }

    @Test("A rotten byte is named with its place by both, repaired with a copy kept, and the rest is served")
    func rotten() throws {
        let (workspace, lines, pipeline) = try collected(60_000)
        try Penstock.collect(workspace, pipeline: pipeline)
        let path = "data/app-0/00000000000000000000.log"
        var bytes = try workspace.read(path)
        let batches = try objects(log(["dump", "--json", "--batches", workspace(path)])).filter {
            $0["kind"] as? String == "batch"
        }
        let batch = try #require(batches.dropFirst().first)
        let position = try #require(batch["position"] as? Int)
        bytes[position + 100] ^= 0x10
        try workspace.write(path, bytes)
        let found = try log(["verify", workspace("data")], exits: 1)
        #expect(found.contains { $0.hasPrefix("\(workspace(path)), byte \(position): checksum mismatch") }, "\(found)")
        let told = try log(["dump", "--batches", workspace(path)], exits: 1)
        #expect(told.contains { $0.hasPrefix("DAMAGE in \(workspace(path)), byte \(position): ") })
        let done = try log(["repair", workspace("data")])
        let copies = try FileManager.default.contentsOfDirectory(atPath: workspace("data/penstock-cut"))
        #expect(copies.count == 1 && done.contains { $0.contains("penstock-cut/\(copies.first ?? "")") }, "\(done)")
        #expect(try log(["verify", "--deep", workspace("data")]).isEmpty)
        let penstock = try Penstock(workspace, pipelines: [])
        try penstock.stop()
        let lost = try #require(batch["records"] as? Int)
        #expect(try values(workspace).count == lines.all.count - lost)
    }

    @Test("A topic is told and verified by its name while a server works on it; a repair waits until it has stopped")
    func running() throws {
        let (workspace, lines, pipeline) = try collected(3000)
        try Penstock.collect(workspace, pipeline: pipeline)
        let data = ["--data", workspace("data")]
        let penstock = try Penstock(workspace, pipelines: [])
        for command in [["dump", "--batches"], ["verify", "--deep"]] {
            for name in ["app", "app-1"] {
                let result = try Penstock.command(["log"] + command + [name] + data)
                #expect(result.ending == .exited(0), "\(command) \(name): \(result.output.suffix(500))")
                #expect(result.errors.contains("a process works on"), "\(command) \(name): \(result.errors)")
            }
        }
        let refused = try Penstock.command(["log", "repair", "app"] + data)
        #expect(refused.ending == .exited(1))
        #expect(refused.errors.contains("\(penstock.child.identifier)"), "\(refused.errors)")
        try penstock.stop()
        for command in ["verify", "repair"] { #expect(try log([command, "app"] + data).isEmpty) }
        #expect(try values(workspace).count == lines.all.count)
    }

    @Test(
        "When positions are damaged collecting waits for a choice: from the newest, from the beginning, or from the end",
        arguments: [("keep", 4000), ("app=beginning", 6000), ("app=end", 3000)])
    func damagedPositions(choice: String, records: Int) throws {
        let (workspace, _, pipeline) = try collected(2000)
        try Penstock.collect(workspace, pipeline: pipeline)
        try workspace.append("app.log", Lines(count: 1000, first: 2000).content)
        try Penstock.collect(workspace, pipeline: pipeline)
        // The last of the rounds' commits, that of the second thousand.
        let positions = "data/__penstock_positions-0/00000000000000000000.log"
        var bytes = try workspace.read(positions)
        bytes[bytes.count - 20] ^= 1
        try workspace.write(positions, bytes)
        // How to go on is left to say.
        #expect(try log(["repair", workspace("data")], exits: 1).contains { $0.contains("__penstock_positions-0") })

        let penstock = try Penstock(workspace, pipelines: [pipeline])
        let said = try penstock.child.line(on: .errors, "that collecting waits") {
            $0.contains("pipeline=app") && $0.contains("damaged")
        }
        #expect(said.contains("log repair --positions"), "\(said)")
        #expect(try Kcat.consume("app", from: penstock.address).count == 3000, "what was collected is served")
        penstock.child.signal(SIGINT)
        #expect(try penstock.child.end() == .exited(1), "not everything was read: \(penstock.child.tail)")

        for odd in ["nobody=beginning", "nobody=end"] {
            let unknown = try Penstock.command(["log", "repair", "--positions", odd, workspace("data")])
            #expect(unknown.ending == .exited(1) && unknown.errors.contains("'nobody'"), "\(unknown.errors)")
        }
        _ = try log(["repair", "--positions", choice, workspace("data")])
        let told = try objects(log(["dump", "--json", workspace("data/__penstock_positions-0")]))
        let chosen = told.compactMap { ($0["means"] as? [String: Any])?["passes_over"] as? Bool }
        #expect(chosen == (choice == "app=end" ? [true] : []))
        try Penstock.collect(workspace, pipeline: pipeline)
        #expect(try values(workspace).count == records)
        // The choice counted once.
        try workspace.append("app.log", Lines(count: 1000, first: 3000).content)
        try Penstock.collect(workspace, pipeline: pipeline)
        #expect(try values(workspace).count == records + 1000)
        #expect(try log(["verify", "--deep", workspace("data")]).isEmpty)
    }

    @Test("What is not repaired is named with a way out, and fails; so does a dump of what holds no log")
    func left() throws {
        let (workspace, _, pipeline) = try collected(2000)
        try Penstock.collect(workspace, pipeline: pipeline)
        let log = "data/app-0/00000000000000000000.log"
        try workspace.write("\(log).unreadable", try workspace.read(log))
        let repair = try Penstock.command(["log", "repair", workspace("data")])
        #expect(repair.ending == .exited(1) && repair.output.isEmpty)
        #expect(repair.errors.contains("not repaired: \(workspace("\(log).unreadable"))"), "\(repair.errors)")
        #expect(repair.errors.contains("0 places repaired, 1 not"), "\(repair.errors)")
        let told = try self.log(["dump", workspace("\(log).unreadable")])
        #expect(told.first?.hasSuffix("bytes, set aside: the disk did not give it") == true, "\(told.first ?? "")")
        #expect(told.contains { $0.hasPrefix("    record ") })
        try FileManager.default.createDirectory(atPath: workspace("empty"), withIntermediateDirectories: false)
        for command in ["dump", "verify"] {
            let refused = try Penstock.command(["log", command, workspace("empty")])
            #expect(refused.ending == .exited(1) && refused.errors.contains("there is nothing to \(command)"))
        }
    }

    @Test("--findings bounds the places of one file that are told, and all are counted")
    func findings() throws {
        let (workspace, _, pipeline) = try collected(2000)
        try Penstock.collect(workspace, pipeline: pipeline)
        let index = "data/app-0/00000000000000000000.index"
        // Entries for offset 1 in the middle of a batch's header.
        try workspace.write(index, (1...30).flatMap { [0, 0, 0, 1, 0, 0, 0, UInt8($0)] })
        func told(_ options: [String]) throws -> [String] {
            try log(["verify", workspace("data")] + options, exits: 1).filter { $0.hasPrefix(workspace(index)) }
        }
        let all = try told([])
        #expect(all.count >= 30 && !all.contains { $0.hasSuffix("more places") })
        let some = try told(["--findings", "7"])
        #expect(some == all.prefix(7) + ["\(workspace(index)): and \(all.count - 7) more places"])
        let summary = try objects(log(["verify", "--json", "--findings", "1", workspace("data")], exits: 1)).last
        #expect(summary?["findings"] as? Int == all.count)

        try workspace.write("data/log-start-offset-checkpoint", "0\n2\napp 0 5000\napp 1 5000\n")
        let repair = try Penstock.command(["log", "repair", "--dry-run", "--findings", "1", workspace("data")])
        #expect(repair.ending == .exited(1) && repair.errors.contains("app-0") && !repair.errors.contains("app-1"))
        #expect(repair.errors.contains("log-start-offset-checkpoint: and 1 more places"), "\(repair.errors)")
        for command in ["verify", "repair"] {
            let refused = try Penstock.command(["log", command, "--findings", "0", workspace("data")])
            #expect(refused.ending == .exited(2) && refused.output.isEmpty)
            #expect(refused.errors.contains("--findings") && refused.errors.contains("at least 1"), "\(refused.errors)")
        }
    }

    @Test("Progress is drawn on a terminal, is gone at the end, and is drawn nowhere else")
    func progress() throws {
        let (workspace, _, pipeline) = try collected(2000)
        try Penstock.collect(workspace, pipeline: pipeline)
        // Gives it a terminal of its own.
        let command = "'\(Surroundings.penstock)' log verify '\(workspace("data"))'"
        let child = try Child("script", ["--quiet", "--return", "--command", command, "/dev/null"])
        #expect(try child.end() == .exited(0), "\(child.tail)")
        // What comes after each return to an empty line.
        let drawn = child.text(.output).components(separatedBy: "\r\u{1B}[K")
        #expect(drawn.contains { $0.hasPrefix("[####") && $0.contains(" 100 %") }, "\(drawn)")
        let last = try #require(drawn.last)
        #expect(last.contains("all is right") && !last.contains("%"), "\(drawn)")
        let plain = try Penstock.command(["log", "verify", workspace("data")])
        #expect(plain.ending == .exited(0) && plain.output.isEmpty)
        #expect(!plain.errors.contains("%") && !plain.errors.contains("\u{1B}"), "\(plain.errors)")
    }

    @Test("A name that is neither a file nor a topic is answered with a way out")
    func misspelt() throws {
        let workspace = try Workspace()
        let result = try Penstock.command(["log", "verify", "nothing"], in: workspace)
        #expect(result.ending == .exited(1))
        #expect(result.errors.contains("--data"))
        let other = try Penstock.command(["log", "dump", workspace("app.yaml/")], in: workspace)
        #expect(other.ending == .exited(1))
        #expect(other.errors.contains(workspace("app.yaml")))
    }
}
