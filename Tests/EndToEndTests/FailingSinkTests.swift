import Glibc
import Testing

@Suite("A sink that fails", .timeLimit(.minutes(20)))
struct FailingSinkTests {
    @Test("It is said and tried again, the pipeline beside it goes on, and the next start writes every line")
    func full() throws {
        let workspace = try Workspace()
        let lines = Lines(count: 2000)
        try workspace.write("app.log", lines.content)
        let good = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let bad = try workspace.write(
            "out.yaml",
            """
            source: { type: tail, paths: [\(workspace("app.log"))] }
            sink: { type: stdout }

            """)
        let data = ["--data", workspace("data")]
        let child = try Child(
            Surroundings.penstock,
            ["run", good, bad, "--until-eof", "--shutdown-timeout", "1s"] + data, directory: workspace.path,
            outputFile: "/dev/full")
        let said = try child.line(on: .errors, "that the sink cannot write") { $0.contains("pipeline=out") }
        #expect(said.contains("standard output: No space left on device") && said.contains("tries again"), "\(said)")
        child.signal(SIGINT)
        #expect(try child.end() == .exited(1), "\(child.tail)")
        #expect(child.text(.errors).contains("next start goes on"), "\(child.tail)")

        let again = try Penstock.command(["run", good, bad, "--until-eof"] + data, in: workspace)
        #expect(again.ending == .exited(0), "\(again.errors)")
        // By bytes: to Swift, CR and LF together are one character.
        #expect(again.output.utf8.split(separator: 10, omittingEmptySubsequences: false).count - 1 == lines.all.count)
        let penstock = try Penstock(workspace, pipelines: [])
        expectExactly(lines.all, in: try Kcat.consume("app", from: penstock.address))
        try penstock.stop()
    }
}
