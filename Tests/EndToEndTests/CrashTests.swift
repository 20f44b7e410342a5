import Foundation
import Testing

/// `make crash` runs this suite with 20 kills in 1 GB.
@Suite("Killed while it collects", .timeLimit(.minutes(60)))
struct CrashTests {
    private static let megabytes = Int(Surroundings.environment["PENSTOCK_CRASH_MEGABYTES"] ?? "") ?? 48
    private static let kills = Int(Surroundings.environment["PENSTOCK_CRASH_KILLS"] ?? "") ?? 8

    /// Writes numbered lines until the file has its size. A whole gigabyte does not belong into memory.
    private func fill(_ name: String, in workspace: Workspace) throws -> Int {
        var size = 0
        var count = 0
        while size < Self.megabytes << 20 {
            let lines = Lines(count: 50_000, keys: 200, first: count)
            let content = lines.content
            try workspace.append(name, content)
            size += content.count
            count += lines.all.count
        }
        return count
    }

    /// Starts collecting and kills it after a number of writes to the log that differs each time.
    /// - Returns: whether it was killed before it was done.
    private func killedRun(_ workspace: Workspace, pipeline file: String, moment: Int) throws -> Bool {
        let watch = try Watch()
        for directory in ["app-0", "app-5", "__penstock_positions-0"]
        where FileManager.default.fileExists(atPath: workspace("data/\(directory)")) {
            try watch.add(workspace("data/\(directory)"))
        }
        let child = try Child(
            Surroundings.penstock, ["run", file, "--data", workspace("data"), "--until-eof"],
            directory: workspace.path)
        watch.changes(moment) { !child.hasEnded }
        child.signal(SIGKILL)
        return try child.end() == .killed(signal: SIGKILL)
    }

    @Test("After kill -9 again and again every line is in its topic once, in file order per key")
    func everyLineOnce() throws {
        let workspace = try Workspace()
        try workspace.write("app.log", "")
        let count = try fill("app.log", in: workspace)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        // The topic exists before the first kill, so that its directories can be watched.
        try workspace.write("before.log", "host-0 before\n")
        let before = try workspace.write("before.yaml", pipeline(tail: [workspace("before.log")], topic: "app"))
        try Penstock.collect(workspace, pipeline: before)
        var moments = Seeded(seed: 20)
        // A megabyte makes about one write to the watched directories; the kills are spread over most of the file.
        let range = UInt64(max(2, Self.megabytes * 14 / 10 / Self.kills))
        var interrupted = 0
        for _ in 0..<Self.kills where try killedRun(workspace, pipeline: file, moment: 1 + Int(moments.next() % range))
        {
            interrupted += 1
        }
        #expect(interrupted > Self.kills / 2, "kills that met a process at work")
        try Penstock.collect(workspace, pipeline: file)
        let penstock = try Penstock(workspace, pipelines: [file])
        try expectFile("app.log", lines: count, in: workspace, from: penstock)
        try penstock.stop()
    }

    /// Compares partition by partition, from files, since all of it at once would not fit into memory.
    private func expectFile(_ name: String, lines: Int, in workspace: Workspace, from penstock: Penstock) throws {
        var partitionOfKey: [Substring: Int] = [:]
        var read: [LineFile] = []
        for partition in 0..<8 {
            let path = workspace("read-\(partition)")
            let child = try Child(
                "kcat",
                [
                    "-C", "-b", penstock.address, "-t", "app", "-p", "\(partition)", "-o", "beginning", "-e", "-q",
                ], outputFile: path)
            #expect(try child.end(within: .seconds(600)) == .exited(0), "\(child.tail)")
            let keys = try Child("sh", ["-c", "cut -d' ' -f1 '\(path)' | LC_ALL=C sort -u"])
            try keys.end()
            for key in keys.text(.output).split(separator: "\n") {
                #expect(partitionOfKey[key] == nil, "key \(key) is in two partitions")
                partitionOfKey[key] = partition
            }
            read.append(try LineFile(path))
        }
        var first: Set<Int> = []
        let source = try LineFile(workspace(name))
        var number = 0
        while let line = source.next() {
            let key = Substring(decoding: line.prefix { $0 != 32 }, as: UTF8.self)
            let partition = try #require(partitionOfKey[key], "no line of \(key) was collected")
            var got = read[partition].next()
            if first.insert(partition).inserted, got.map({ String(decoding: $0, as: UTF8.self) }) == "host-0 before" {
                got = read[partition].next()
            }
            guard got == line else {
                let found = got.map { String(decoding: $0, as: UTF8.self) } ?? "the end"
                Issue.record(
                    "line \(number) of the file is \(String(decoding: line, as: UTF8.self)); partition \(partition) has \(found)"
                )
                return
            }
            number += 1
        }
        #expect(number == lines)
        for partition in 0..<8 { #expect(read[partition].next() == nil, "partition \(partition) has more lines") }
    }
}
