import Foundation
import Testing

@Suite("Bad input", .timeLimit(.minutes(20)))
struct BadInputTests {
    /// Two pipelines in one process: the given one, and one that must go on whatever happens to the other.
    private func besideGoodOne(
        _ workspace: Workspace, tail paths: [String], more: String = ""
    ) throws -> Penstock {
        try workspace.write("good.log", "")
        let good = try workspace.write("good.yaml", pipeline(tail: [workspace("good.log")], topic: "good"))
        let bad = try workspace.write("bad.yaml", pipeline(tail: paths, topic: "bad", more: more))
        return try Penstock(workspace, pipelines: [bad, good])
    }

    /// Expects that the good pipeline still collects.
    private func expectGoodOne(_ workspace: Workspace, _ penstock: Penstock) throws {
        let lines = Lines(count: 100)
        try workspace.append("good.log", lines.content)
        expectExactly(lines.all, in: try read(100, of: "good", from: penstock))
    }

    /// Waits until `count` records are in the topic, then reads all.
    private func read(_ count: Int, of topic: String, from penstock: Penstock) throws -> [Consumed] {
        let wait = try Child(
            "kcat", ["-C", "-b", penstock.address, "-t", topic, "-o", "beginning", "-c", "\(count)", "-q"])
        #expect(try wait.end() == .exited(0), "\(wait.tail)")
        return try Kcat.consume(topic, from: penstock.address)
    }

    @Test("A file that is not there yet is collected when it comes")
    func missingFile() throws {
        let workspace = try Workspace()
        let penstock = try besideGoodOne(workspace, tail: [workspace("absent.log")])
        try expectGoodOne(workspace, penstock)
        let lines = Lines(count: 100)
        try workspace.append("absent.log", lines.content)
        expectExactly(lines.all, in: try read(100, of: "bad", from: penstock))
        try penstock.stop()
    }

    @Test("A glob that matches nothing is said, and a file that matches later is collected")
    func emptyGlob() throws {
        let workspace = try Workspace()
        let penstock = try besideGoodOne(workspace, tail: [workspace("*.nothing")])
        try penstock.child.line(on: .errors, "the glob that matches nothing") { $0.contains("*.nothing") }
        try expectGoodOne(workspace, penstock)
        let lines = Lines(count: 100)
        try workspace.append("late.nothing", lines.content)
        expectExactly(lines.all, in: try read(100, of: "bad", from: penstock))
        try penstock.stop()
    }

    @Test("A directory in place of a file is said, and the files beside it are collected")
    func directory() throws {
        let workspace = try Workspace()
        try FileManager.default.createDirectory(atPath: workspace("app.d"), withIntermediateDirectories: true)
        let lines = Lines(count: 100)
        try workspace.write("app.log", lines.content)
        let penstock = try besideGoodOne(workspace, tail: [workspace("app.*")], more: "")
        try penstock.child.line(on: .errors, "the directory") { $0.contains("app.d") && $0.contains("directory") }
        expectExactly(lines.all, in: try read(100, of: "bad", from: penstock))
        try expectGoodOne(workspace, penstock)
        try penstock.stop()
    }

    @Test("A file that may not be read is said, and the files beside it are collected")
    func unreadable() throws {
        let workspace = try Workspace()
        let lines = Lines(count: 100)
        try workspace.write("open.txt", lines.content)
        try workspace.write("secret.txt", "nobody may know\n")
        chmod(workspace("secret.txt"), 0)
        let file = try workspace.write("bad.yaml", pipeline(tail: [workspace("*.txt")], topic: "bad"))
        // Root may read everything, so root lets somebody else try, with a binary that they can reach.
        var command = [Surroundings.penstock]
        if Surroundings.isRoot {
            // Copied by a program of its own: a copy that is open for writing anywhere cannot be run.
            try Child("cp", [Surroundings.penstock, workspace("penstock")]).end()
            command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", workspace("penstock")]
            for path in ["", "penstock", "bad.yaml", "open.txt"] { chmod(workspace(path), 0o777) }
        }
        let child = try Child(
            command[0], Array(command.dropFirst()) + ["run", file, "--data", workspace("data"), "--until-eof"],
            directory: workspace.path)
        let ending = try child.end()
        #expect(child.text(.errors).contains("secret.txt"), "\(child.tail)")
        #expect(child.text(.errors).contains("Permission denied"), "\(child.tail)")
        #expect(ending != .exited(0), "it is not done: a file was not read")
        if Surroundings.isRoot { try Child("chown", ["-R", "0:0", workspace("data")]).end() }
        let penstock = try Penstock(
            workspace, pipelines: [try workspace.write("none.yaml", pipeline(tail: [workspace("none")], topic: "none"))]
        )
        expectExactly(lines.all, in: try Kcat.consume("bad", from: penstock.address))
        try penstock.stop()
    }

    @Test("Lines of any bytes arrive as they are: NUL, CR, bytes that are no UTF-8, and empty lines")
    func binaryLines() throws {
        let workspace = try Workspace()
        var generator = Seeded(seed: 3)
        var lines: [[UInt8]] = [[], [0], [13], [0xff, 0xfe, 0], Array("\u{feff}text".utf8)]
        for length in 0..<500 {
            lines.append((0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next()) }.filter { $0 != 10 })
        }
        try workspace.write("app.log", Array(lines.joined(separator: [10])) + [10])
        let file = try workspace.write(
            "app.yaml", pipeline(tail: [workspace("app.log")], topic: "app", key: nil, partitions: 1))
        try Penstock.collect(workspace, pipeline: file)
        let penstock = try Penstock(workspace, pipelines: [file])
        let values = try Kcat.consume("app", from: penstock.address).map(\.value)
        let same = values == lines
        #expect(same, "\(values.count) of \(lines.count) lines, or different ones")
        try penstock.stop()
    }

    @Test("A line of 10 MB is split, nothing of it is lost, and the lines round it stay whole")
    func longLine() throws {
        let workspace = try Workspace()
        var generator = Seeded(seed: 4)
        let long = (0..<10_000_000).map { _ in UInt8(ascii: "a") + UInt8(generator.next() % 26) }
        let content = Array("host-1 before\n".utf8) + long + Array("\nhost-1 after\n".utf8)
        try workspace.write("app.log", content)
        let file = try workspace.write(
            "app.yaml", pipeline(tail: [workspace("app.log")], topic: "app", key: nil, partitions: 1))
        try Penstock.collect(workspace, pipeline: file)
        let penstock = try Penstock(workspace, pipelines: [file])
        let values = try Kcat.consume(
            "app", from: penstock.address, options: ["-X", "fetch.message.max.bytes=4000000"]
        ).map(\.value)
        #expect(values.first == Array("host-1 before".utf8))
        #expect(values.last == Array("host-1 after".utf8))
        let middle = values.dropFirst().dropLast()
        #expect(middle.count >= 10)
        #expect(middle.allSatisfy { $0.count <= 1_000_000 })
        let same = Array(middle.joined()) == long
        #expect(same, "the parts put together are the line")
        try penstock.stop()
    }

    @Test("A port in use is said with its address, and nothing is started")
    func portInUse() throws {
        let workspace = try Workspace()
        let first = try besideGoodOne(workspace, tail: [workspace("absent.log")])
        let second = try Penstock.command(
            ["run", workspace("good.yaml"), "--data", workspace("other"), "--listen", first.address], in: workspace)
        #expect(second.ending != .exited(0))
        #expect(second.errors.contains(first.address), "\(second.errors)")
        #expect(second.errors.contains("in use"), "\(second.errors)")
        try expectGoodOne(workspace, first)
        try first.stop()
    }

    @Test("A data directory that another process works on is left alone, and said")
    func lockedDirectory() throws {
        let workspace = try Workspace()
        let first = try besideGoodOne(workspace, tail: [workspace("absent.log")])
        let second = try Penstock.command(
            ["run", workspace("good.yaml"), "--data", first.data, "--until-eof"], in: workspace)
        #expect(second.ending != .exited(0))
        #expect(second.errors.contains(first.data), "\(second.errors)")
        #expect(second.errors.contains("lock") || second.errors.contains("in use"), "\(second.errors)")
        try expectGoodOne(workspace, first)
        try first.stop()
    }

    @Test("A data directory of a newer version is left as it is, and said")
    func newerVersion() throws {
        let workspace = try Workspace()
        try workspace.write("app.log", Lines(count: 10).content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        try Penstock.collect(workspace, pipeline: file)
        let meta = String(decoding: try workspace.read("data/meta.properties"), as: UTF8.self)
        let newer = meta.split(separator: "\n").map { line in
            line.hasPrefix("penstock.format=") ? "penstock.format=999" : String(line)
        }
        try #require(newer.contains("penstock.format=999"), "the version is not where the test expects it: \(meta)")
        try workspace.write("data/meta.properties", newer.joined(separator: "\n") + "\n")
        let result = try Penstock.command(["run", file, "--data", workspace("data"), "--until-eof"], in: workspace)
        #expect(result.ending != .exited(0))
        #expect(result.errors.contains("999") && result.errors.contains("newer"), "\(result.errors)")
    }
}
