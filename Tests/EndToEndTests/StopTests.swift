import Foundation
import Testing

@Suite("Stopping and going on", .timeLimit(.minutes(20)))
struct StopTests {
    @Test("Ctrl-C and SIGTERM end with 0, and the next start goes on exactly there", arguments: [SIGINT, SIGTERM])
    func resume(signal: Int32) throws {
        let workspace = try Workspace()
        try workspace.write("app.log", "")
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        var lines: [[UInt8]] = []
        for turn in 0..<4 {
            let more = Lines(count: 30_000, first: turn * 30_000)
            try workspace.append("app.log", more.content)
            lines += more.all
            let penstock = try Penstock(workspace, pipelines: [file])
            penstock.child.signal(signal)
            #expect(try penstock.child.end(within: .seconds(30)) == .exited(0), "\(penstock.child.tail)")
        }
        try Penstock.collect(workspace, pipeline: file)
        let penstock = try Penstock(workspace, pipelines: [file])
        expectExactly(lines, in: try Kcat.consume("app", from: penstock.address))
        try penstock.stop()
    }

    @Test("--until-eof ends with 0 when everything is durable, names a line without its end, and reads it when it ends")
    func untilEnd() throws {
        let workspace = try Workspace()
        let lines = Lines(count: 1000)
        try workspace.write("app.log", lines.content + Array("host-1 half".utf8))
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let result = try Penstock.command(
            ["run", file, "--data", workspace("data"), "--until-eof"], in: workspace)
        #expect(result.ending == .exited(0), "\(result.errors)")
        #expect(result.errors.contains("app.log") && result.errors.contains("11"), "\(result.errors)")
        try workspace.append("app.log", Array(" a line\n".utf8))
        try Penstock.collect(workspace, pipeline: file)
        let penstock = try Penstock(workspace, pipelines: [file])
        expectExactly(
            lines.all + [Array("host-1 half a line".utf8)], in: try Kcat.consume("app", from: penstock.address))
        try penstock.stop()
    }

    @Test("Standard input is collected, its last line too")
    func standardInput() throws {
        let workspace = try Workspace()
        let lines = Lines(count: 5000)
        let file = try workspace.write(
            "stdin.yaml",
            """
            source: { type: stdin }
            sink: { type: topic, topic: app, key: { field: 1 } }

            """)
        let result = try Penstock.command(
            ["run", file, "--data", workspace("data"), "--until-eof"], in: workspace,
            input: .bytes(lines.content + Array("host-9 last".utf8)))
        #expect(result.ending == .exited(0), "\(result.errors)")
        let penstock = try Penstock(
            workspace,
            pipelines: [try workspace.write("none.yaml", pipeline(tail: [workspace("none.log")], topic: "none"))])
        expectExactly(
            lines.all + [Array("host-9 last".utf8)], in: try Kcat.consume("app", from: penstock.address))
        try penstock.stop()
    }

    @Test("Status names every file, how far it is behind, and what was abandoned")
    func status() throws {
        let workspace = try Workspace()
        try workspace.write("app.log", Lines(count: 2000).content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let penstock = try Penstock(workspace, pipelines: [file])
        let wait = try Child(
            "kcat", ["-C", "-b", penstock.address, "-t", "app", "-o", "beginning", "-c", "2000", "-q"])
        try wait.end()
        let result = try Penstock.command(["status", "--data", penstock.data, "--json"])
        #expect(result.ending == .exited(0), "\(result.errors)")
        struct Answer: Decodable {
            struct File: Decodable {
                var path: String
                var lag_bytes: Int
                var lag_seconds: Double
            }
            struct Pipeline: Decodable {
                var name: String
                var state: String
                var abandoned_bytes: Int
                var files: [File]
            }
            var pipelines: [Pipeline]
        }
        let answer = try JSONDecoder().decode(Answer.self, from: Data(result.output.utf8))
        #expect(answer.pipelines.map(\.name) == ["app"])
        #expect(answer.pipelines.first?.abandoned_bytes == 0)
        #expect(answer.pipelines.first?.files.map(\.path) == [workspace("app.log")])
        #expect(answer.pipelines.first?.files.first?.lag_bytes == 0)
        try penstock.stop()
    }
}
