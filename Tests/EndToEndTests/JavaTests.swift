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

    @Test("Kafka's tools change a topic's settings, give it partitions and delete its records")
    func altering() throws {
        let workspace = try Workspace()
        let penstock = try Penstock(workspace, pipelines: [])
        let server = ["--bootstrap-server", penstock.address]
        _ = try kafka(["topics", "--create", "--topic", "made", "--partitions", "2"] + server)
        let entity = ["--entity-type", "topics", "--entity-name", "made"]
        let added = "retention.ms=5000000,cleanup.policy=[compact,delete],compression.type=zstd"
        _ = try kafka(["configs", "--alter"] + entity + ["--add-config", added] + server)
        _ = try kafka(["configs", "--alter"] + entity + ["--delete-config", "retention.ms"] + server)
        let described = try kafka(["configs", "--describe"] + entity + server).text(.output)
        #expect(described.contains("cleanup.policy=compact,delete") && described.contains("compression.type=zstd"))
        #expect(!described.contains("retention.ms=5000000"), "\(described)")

        _ = try kafka(["topics", "--alter", "--topic", "made", "--partitions", "5"] + server)
        let topics = try kafka(["topics", "--describe", "--topic", "made"] + server).text(.output)
        #expect(topics.contains("PartitionCount: 5"), "\(topics)")

        let lines = Lines(count: 100)
        let keyed = ["--property", "parse.key=true", "--property", "key.separator= "]
        _ = try kafka(["console-producer", "--topic", "made"] + keyed + server, input: .bytes(lines.content))
        let plan = try workspace.write(
            "plan.json",
            #"{"partitions":[{"topic":"made","partition":0,"offset":1},{"topic":"made","partition":1,"offset":-1}]}"#)
        let deleted = try kafka(["delete-records", "--offset-json-file", plan] + server).text(.output)
        #expect(deleted.contains("partition: made-0") && deleted.contains("low_watermark: 1"), "\(deleted)")
        let starts = try kafka(["get-offsets", "--topic", "made", "--time", "earliest"] + server).text(.output)
        #expect(starts.contains("made:0:1\n"), "\(starts)")
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
