import Testing

@Suite(
    "kcat against a running penstock", .timeLimit(.minutes(20)),
    .enabled(if: Surroundings.kcat != nil, "kcat is not installed"))
struct KcatTests {
    /// A server with one pipeline that tails an empty file.
    private func server(_ workspace: Workspace) throws -> Penstock {
        try workspace.write("app.log", "")
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        return try Penstock(workspace, pipelines: [file])
    }

    @Test("kcat -L lists the broker, the topic and its partitions")
    func list() throws {
        let workspace = try Workspace()
        let penstock = try server(workspace)
        try workspace.append("app.log", Lines(count: 10).content)
        let wait = try Child("kcat", ["-C", "-b", penstock.address, "-t", "app", "-o", "beginning", "-c", "10", "-q"])
        try wait.end()
        let child = try Child("kcat", ["-L", "-b", penstock.address])
        #expect(try child.end() == .exited(0), "\(child.tail)")
        let text = child.text(.output)
        #expect(text.contains("at \(penstock.address)"))
        #expect(text.contains("topic \"app\" with 8 partitions"))
        try penstock.stop()
    }

    @Test("A file's lines reach kcat -C once each, keyed, in file order per key")
    func consume() throws {
        let workspace = try Workspace()
        let lines = Lines(count: 20_000)
        try workspace.write("app.log", lines.content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        try Penstock.collect(workspace, pipeline: file)
        let penstock = try Penstock(workspace, pipelines: [file])
        expectExactly(lines.all, in: try Kcat.consume("app", from: penstock.address))
        try penstock.stop()
    }

    @Test(
        "What kcat -P produces is what kcat -C reads, with every codec and acks",
        arguments: ["none", "gzip", "snappy", "lz4", "zstd"], ["0", "1", "all"])
    func produce(codec: String, acks: String) throws {
        let workspace = try Workspace()
        let penstock = try server(workspace)
        let lines = Lines(count: 2000)
        let topic = "made-\(codec)-\(acks)"
        try Kcat.produce(
            ["-t", topic, "-K", " ", "-z", codec, "-X", "acks=\(acks)"], to: penstock.address, input: lines.content)
        let wait = try Child(
            "kcat", ["-C", "-b", penstock.address, "-t", topic, "-o", "beginning", "-c", "2000", "-q"])
        #expect(try wait.end() == .exited(0), "\(wait.tail)")
        let whole = try Kcat.consume(topic, from: penstock.address).map { record in
            var record = record
            record.value = (record.key ?? []) + [32] + record.value
            return record
        }
        expectExactly(lines.all, in: whole)
        try penstock.stop()
    }

    @Test("kcat's idempotent producer is taken")
    func idempotent() throws {
        let workspace = try Workspace()
        let penstock = try server(workspace)
        let lines = Lines(count: 2000)
        try Kcat.produce(
            ["-t", "made", "-X", "enable.idempotence=true", "-p", "0"], to: penstock.address, input: lines.content)
        let records = try Kcat.consume("made", from: penstock.address)
        let same = records.map(\.value) == lines.all
        #expect(same, "\(records.count) records")
        try penstock.stop()
    }

    @Test("kcat -G reads a topic as a group, and goes on where the group had committed")
    func group() throws {
        let workspace = try Workspace()
        let penstock = try server(workspace)
        let lines = Lines(count: 3000)
        func read(_ count: Int) throws -> [[UInt8]] {
            let child = try Child(
                "kcat",
                [
                    "-G", "readers", "-b", penstock.address, "-X", "auto.offset.reset=earliest", "-c", "\(count)", "-q",
                    "app",
                ])
            #expect(try child.end() == .exited(0), "\(child.tail)")
            return child.bytes(.output).split(separator: 10).map(Array.init)
        }
        try workspace.append("app.log", Array(lines.content))
        let first = try read(3000)
        let more = Lines(count: 500, first: 3000)
        try workspace.append("app.log", more.content)
        let second = try read(500)
        let wanted = Dictionary(grouping: lines.all + more.all) { $0 }.mapValues(\.count)
        let same = Dictionary(grouping: first + second) { $0 }.mapValues(\.count) == wanted
        #expect(same, "the group read \(first.count) and \(second.count) lines")
        try penstock.stop()
    }

    @Test("A consumer that waits at the end gets a new line as soon as it is written")
    func waiting() throws {
        let workspace = try Workspace()
        let penstock = try server(workspace)
        try workspace.append("app.log", Array("host-1 0 first\n".utf8))
        let child = try Child(
            "kcat", ["-C", "-b", penstock.address, "-t", "app", "-o", "beginning", "-q", "-u"])
        try child.line(on: .output, "the first line") { $0 == "host-1 0 first" }
        for number in 1...20 {
            let line = "host-\(number) \(number) next"
            try workspace.append("app.log", Array("\(line)\n".utf8))
            try child.line(on: .output, within: .seconds(20), "line \(number)") { $0 == line }
        }
        try penstock.stop()
    }
}
