import CommitLog
import Foundation
import Glibc
import Pipelines
import Platform
import Settings
import TestSupport
import Testing

@testable import Connectors

@Suite("tail and what goes wrong")
struct TailFailureTests {
    let bench: Workbench
    init() throws { bench = try Workbench() }

    @Test(
        "says once that a file cannot be opened or read, reads the others, and reads it once it can",
        arguments: [false, true])
    func unreadable(open: Bool) throws {
        bench.write("a\n", to: "a.log")
        bench.write("b\n", to: "b.log")
        let faults = FaultyDisk()
        faults.change { plan in
            if open { plan.open = ("a.log", EACCES) } else { plan.read = ("a.log", EIO) }
        }
        let tail = try TailRun(bench, paths: ["*.log"], disk: faults.disk)
        #expect(try tail.drain() == ["b"])
        bench.time.advance(by: .seconds(10))
        #expect(try tail.drain() == [])
        #expect(bench.notes(about: "a.log").count == 1)
        #expect(tail.source.report.problems.count == 1)
        faults.change { $0 = FaultyDisk.Plan() }
        bench.time.advance(by: .seconds(10))
        #expect(try tail.drain() == ["a"])
        #expect(tail.source.report.problems.isEmpty)
    }

    @Test("loses nothing when reads bring fewer bytes than were asked for", arguments: [1, 7, 1000])
    func shortReads(limit: Int) throws {
        let lines = (0..<300).map { "line \($0)" }
        bench.write(lines.map { $0 + "\n" }.joined(), to: "a.log")
        let faults = FaultyDisk()
        faults.change { $0.readLimit = limit }
        let tail = try TailRun(bench, paths: ["a.log"], disk: faults.disk)
        #expect(try tail.drain() == lines)
    }

    @Test("says that a glob finds nothing, and reads the file when it comes")
    func emptyGlob() throws {
        let tail = try TailRun(bench, paths: ["none-*.log", "missing.log"])
        #expect(try tail.drain() == [])
        #expect(bench.notes(about: "no such file yet").count == 2)
        bench.write("here\n", to: "missing.log")
        bench.time.advance(by: .milliseconds(50))
        #expect(try tail.drain() == ["here"])
        #expect(tail.source.report.problems.count == 1)
    }

    @Test("leaves files out that are no text, if it is told to, and says so")
    func binaryFiles() throws {
        bench.write([1, 0, 2, 10], to: "wtmp.log")
        bench.write("text\n", to: "text.log")
        let tail = try TailRun(bench, paths: ["*.log"]) { $0.skipBinary = true }
        #expect(try tail.drain() == ["text"])
        #expect(bench.notes(about: "wtmp.log: left out").count == 1)
    }
}
