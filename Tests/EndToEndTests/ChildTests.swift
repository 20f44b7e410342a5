import Glibc
import Testing

@Suite("The harness that starts programs", .timeLimit(.minutes(20)))
struct ChildTests {
    @Test("What a program writes and how it ends arrive whole")
    func output() throws {
        let child = try Child("sh", ["-c", "cat; echo problem >&2; exit 3"], input: .bytes(Array("one\ntwo\n".utf8)))
        #expect(try child.end() == .exited(3))
        #expect(child.text(.output) == "one\ntwo\n")
        #expect(child.text(.errors) == "problem\n")
    }

    @Test("A line is seen when it is written, not when the program ends")
    func lines() throws {
        let child = try Child("sh", ["-c", "echo ready; read answer; echo got $answer"], input: .open)
        try child.line(on: .output, "ready") { $0 == "ready" }
        try child.write("it\n")
        #expect(try child.line(on: .output, "the answer") { $0.hasPrefix("got") } == "got it")
        #expect(try child.end() == .exited(0))
    }

    @Test("A program that ends without the line that a test waits for is a failure at once")
    func missingLine() throws {
        let child = try Child("sh", ["-c", "echo other"])
        #expect(throws: Trouble.self) { try child.line(on: .output, "ready") { $0 == "ready" } }
    }

    @Test("A killed program is told from one that exits")
    func killed() throws {
        let child = try Child("sh", ["-c", "echo ready; read answer"], input: .open)
        try child.line(on: .output, "ready") { $0 == "ready" }
        child.signal(SIGKILL)
        #expect(try child.end() == .killed(signal: SIGKILL))
    }

    @Test("A program that cannot be started is an error that names it")
    func absent() {
        #expect(throws: Trouble.self) { try Child("/no/such/program", []) }
    }
}
