import Testing

@Suite(
    "Apache Kafka's own clients", .timeLimit(.minutes(20)),
    .enabled(if: Surroundings.kafkaTools != nil, "Apache Kafka's tools (../shared/peers/kafka) or Java are not here"))
struct JavaTests {
    private func kafka(_ arguments: [String], input: Child.Input = .nothing) throws -> Child {
        let child = try Child(Surroundings.kafkaTools ?? "", arguments, input: input)
        #expect(try child.end(within: .seconds(240)) == .exited(0), "\(child.tail)")
        return child
    }

    @Test("The console consumer's group reads every line of a file, and the groups tool shows it at the end")
    func consumer() throws {
        let workspace = try Workspace()
        let lines = Lines(count: 5000)
        try workspace.write("app.log", lines.content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let penstock = try Penstock(workspace, pipelines: [file])
        let child = try kafka([
            "console-consumer", "--bootstrap-server", penstock.address, "--topic", "app", "--from-beginning",
            "--group", "java", "--max-messages", "5000", "--timeout-ms", "120000",
        ])
        let read = child.bytes(.output).split(separator: 10).map(Array.init)
        let same =
            Dictionary(grouping: read) { $0 }.mapValues(\.count)
            == Dictionary(grouping: lines.all) { $0 }.mapValues(\.count)
        #expect(same, "\(read.count) lines, not the file's")
        let groups = try kafka([
            "consumer-groups", "--bootstrap-server", penstock.address, "--describe", "--group", "java",
        ])
        let lags = groups.text(.output).split(separator: "\n").compactMap { row -> Substring? in
            let columns = row.split(separator: " ")
            return columns.count > 5 && columns[0] == "java" ? columns[5] : nil
        }
        #expect(lags == Array(repeating: "0", count: 8), "\(groups.text(.output))")
        try penstock.stop()
    }

    @Test(
        "The console producer, idempotent as it is by default, is taken with every codec",
        arguments: ["none", "gzip", "snappy", "lz4", "zstd"])
    func producer(codec: String) throws {
        let workspace = try Workspace()
        try workspace.write("app.log", "")
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let penstock = try Penstock(workspace, pipelines: [file])
        let lines = Lines(count: 2000)
        _ = try kafka(
            [
                "console-producer", "--bootstrap-server", penstock.address, "--topic", "made", "--compression-codec",
                codec, "--request-required-acks", "all",
            ], input: .bytes(lines.content))
        let read = try Kcat.consume("made", from: penstock.address).map(\.value)
        // Java's console reads lines as text and drops the CR at their ends.
        let wanted = lines.all.map { $0.last == 13 ? Array($0.dropLast()) : $0 }
        let same =
            Dictionary(grouping: read) { $0 }.mapValues(\.count)
            == Dictionary(grouping: wanted) { $0 }.mapValues(\.count)
        #expect(same, "\(read.count) of \(wanted.count) lines")
        try penstock.stop()
    }

    @Test("Kafka's own dump tool reads a segment that Penstock wrote, and finds nothing wrong")
    func dump() throws {
        let workspace = try Workspace()
        try workspace.write("app.log", Lines(count: 3000).content)
        let file = try workspace.write(
            "app.yaml", pipeline(tail: [workspace("app.log")], topic: "app", partitions: 1))
        try Penstock.collect(workspace, pipeline: file)
        let child = try kafka([
            "dump-log", "--files", workspace("data/app-0/00000000000000000000.log"), "--deep-iteration",
        ])
        let text = child.text(.output)
        #expect(text.contains("isvalid: true"))
        #expect(!text.contains("isvalid: false"))
        #expect(text.contains("offset: 2999 "))
    }
}
