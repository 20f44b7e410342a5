import Testing

@Suite(
    "Options of penstock run", .timeLimit(.minutes(20)),
    .enabled(if: Surroundings.kcat != nil, "kcat is not installed"))
struct RunOptionTests {
    private static let segment = "data/app-0/00000000000000000000.log"

    /// Tails `app.log` into the one partition of `app`, as it is. The first line is there already, and so is the topic.
    private func start(
        _ workspace: Workspace, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Penstock {
        try workspace.write("app.log", "first\n")
        let file = try workspace.write(
            "app.yaml", pipeline(tail: [workspace("app.log")], topic: "app", partitions: 1, more: ", codec: none"))
        try Penstock.collect(workspace, pipeline: file)
        return try Penstock(workspace, pipelines: [file], arguments: arguments, environment: environment)
    }

    /// Reads `app`, and waits for more.
    private func follow(_ penstock: Penstock) throws -> Child {
        try Child("kcat", ["-C", "-b", penstock.address, "-t", "app", "-o", "beginning", "-q", "-u"])
    }

    /// Waits until something is so in a directory; asks again whenever it changes.
    private func wait(for penstock: Penstock, _ watch: Watch, until isSo: () throws -> Bool) throws {
        while try !isSo() {
            guard !penstock.child.hasEnded else { throw Trouble("it ended: \(penstock.child.tail)") }
            watch.changes(1) { !penstock.child.hasEnded }
        }
    }

    // MARK: --set

    /// Up to where the checkpoint says that the log of `app-0` need not be read after a crash.
    private func recoveryPoint(_ workspace: Workspace) throws -> Int {
        let text = String(decoding: try workspace.read("data/recovery-point-offset-checkpoint"), as: UTF8.self)
        let entry = try #require(text.split(separator: "\n").first { $0.hasPrefix("app 0 ") })
        return try #require(Int(entry.dropFirst("app 0 ".count)))
    }

    @Test("With --set a bound holds for what a pipeline collects: a checkpoint by bytes is left, and none without it")
    func checkpointByBytes() throws {
        // What is seen has passed a sync, and no checkpoint is left by time.
        let common = ["--visible", "synced", "--set", "log.flush.offset.checkpoint.interval.ms=31536000000"]
        for bound in [[], ["--set", "penstock.checkpoint.bytes=65536"]] {
            let workspace = try Workspace()
            let penstock = try start(workspace, common + bound)
            let consumer = try follow(penstock)
            let many = Lines(count: 5000)
            try workspace.append("app.log", many.content)
            try consumer.lines(on: .output, count: 5001, "the lines")
            var lines = [Array("first".utf8)] + many.all
            // A checkpoint is left beside some of these syncs, and has ended before the last.
            for number in 0..<5 {
                let line = "late \(number)"
                lines.append(Array(line.utf8))
                try workspace.append("app.log", Array("\(line)\n".utf8))
                try consumer.line(on: .output, line) { $0 == line }
            }
            try penstock.crash()
            #expect(try (recoveryPoint(workspace) > 1) == !bound.isEmpty, "\(bound)")
            let again = try Penstock(workspace, pipelines: [])
            expectExactly(lines, in: try Kcat.consume("app", from: again.address))
            try again.stop()
        }
    }

    // MARK: --visible

    @Test(
        "A consumer sees what is written and not yet synced, but with --visible synced not",
        arguments: ["written", "synced"])
    func visible(mode: String) throws {
        let workspace = try Workspace()
        let gate = SyncGate(workspace)
        let penstock = try start(workspace, ["--visible", mode], environment: gate.environment)
        let consumer = try follow(penstock)
        try consumer.line(on: .output, "the first line") { $0 == "first" }

        let watch = try Watch()
        try watch.add(workspace("data/app-0"))
        try gate.close()
        try workspace.append("app.log", Array("second\n".utf8))
        try wait(for: penstock, watch) {
            String(decoding: try workspace.read(Self.segment), as: UTF8.self).contains("second")
        }
        try penstock.child.line(on: .errors, "that a sync waits") { $0.contains(SyncGate.waits) }
        if mode == "written" { try consumer.line(on: .output, "the second line") { $0 == "second" } }
        let seen = try Kcat.consume("app", from: penstock.address).map { String(decoding: $0.value, as: UTF8.self) }
        #expect(seen == (mode == "written" ? ["first", "second"] : ["first"]))

        try gate.open()
        try consumer.line(on: .output, "the second line") { $0 == "second" }
        try penstock.stop()
    }
}
