import CommitLog
import Foundation
import Pipelines
import Platform
import Settings
import TestSupport
import Testing

@testable import Connectors

@Suite("tail through rotation")
struct TailRotationTests {
    let bench: Workbench
    init() throws { bench = try Workbench() }

    @Test("drains a renamed file, whatever it is called now, and reads the new one from its beginning")
    func renamed() throws {
        bench.write("1\n2\n", to: "app.log")
        let tail = try TailRun(bench, paths: ["app.log"])
        #expect(try tail.drain() == ["1", "2"])
        try bench.append("3\n", to: "app.log")
        try bench.rename("app.log", "app.log.1")
        bench.write("5\n", to: "app.log")
        try bench.append("4\n", to: "app.log.1")
        bench.time.advance(by: .milliseconds(50))
        #expect(try tail.drain().sorted() == ["3", "4", "5"])
        try bench.append("4b\n", to: "app.log.1")
        #expect(try tail.drain() == ["4b"])
    }

    @Test("reads what was rotated before what replaced it, alive and after a restart", arguments: [false, true])
    func order(down: Bool) throws {
        bench.write("0\n", to: "app.log")
        let tail = try TailRun(bench, paths: ["app.log*"]) { $0.block = .kibibytes(64) }
        try tail.drain()
        let lines = (1...60_000).map { "\($0)" }
        for (part, start) in stride(from: 0, to: 60_000, by: 20_000).enumerated() {
            try bench.append(lines[start..<start + 20_000].map { $0 + "\n" }.joined(), to: "app.log")
            // Times of writing as they are apart in life.
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 1_000_000 + Double(part))],
                ofItemAtPath: bench.path("app.log"))
            guard part < 2 else { break }
            if FileManager.default.fileExists(atPath: bench.path("app.log.1")) {
                try bench.rename("app.log.1", "app.log.2")
            }
            try bench.rename("app.log", "app.log.1")
        }
        if down { try tail.restart() }
        bench.time.advance(by: .milliseconds(50))
        #expect(try tail.drain() == lines)
    }

    @Test("reads a renamed file once when a glob finds its new name too")
    func renamedInGlob() throws {
        bench.write("1\n", to: "app.log")
        let tail = try TailRun(bench, paths: ["app.log*"])
        try tail.drain()
        try bench.rename("app.log", "app.log.1")
        bench.write("2\n", to: "app.log")
        bench.time.advance(by: .milliseconds(50))
        #expect(try tail.drain() == ["2"])
        try tail.restart()
        #expect(try tail.drain() == [])
    }

    @Test("drains a removed file that its writer still holds, then forgets it")
    func removed() throws {
        bench.write("1\n", to: "app.log")
        let writer = try FileHandle(forWritingTo: URL(fileURLWithPath: bench.path("app.log")))
        try writer.seekToEnd()
        let tail = try TailRun(bench, paths: ["app.log"])
        try tail.drain()
        try writer.write(contentsOf: Data("2\n".utf8))
        try bench.remove("app.log")
        bench.time.advance(by: .milliseconds(50))
        #expect(try tail.drain() == ["2"])
        try writer.write(contentsOf: Data("3\n".utf8))
        #expect(try tail.drain() == ["3"])
        bench.time.advance(by: .seconds(6))
        try tail.drain()
        #expect(tail.source.files.isEmpty)
        #expect(tail.committed.isEmpty)
    }

    @Test(
        "finds a file again that was renamed while nobody looked, inside its globs and outside",
        arguments: [
            "app.log*", "app.log",
        ])
    func renamedWhileDown(glob: String) throws {
        bench.write("1\n2\n", to: "app.log")
        let tail = try TailRun(bench, paths: [glob])
        try tail.drain()
        try bench.append("3\n", to: "app.log")
        try bench.rename("app.log", "app.log.1")
        bench.write("4\n", to: "app.log")
        try tail.restart()
        #expect(try tail.drain().sorted() == ["3", "4"])
        try tail.restart()
        #expect(try tail.drain() == [])
    }

    @Test("finishes the copy when a file was copied and cut while nobody looked")
    func copiedWhileDown() throws {
        let first = (0..<200).map { "line number \($0)\n" }.joined()
        bench.write(first, to: "app.log")
        let tail = try TailRun(bench, paths: ["app.log"])
        try tail.drain()
        try bench.append("unread\n", to: "app.log")
        try FileManager.default.copyItem(atPath: bench.path("app.log"), toPath: bench.path("app.log.1"))
        try bench.truncate("app.log")
        try bench.append("new\n", to: "app.log")
        try tail.restart()
        #expect(try tail.drain().sorted() == ["new", "unread"])
        try tail.restart()
        #expect(try tail.drain() == [])
    }

    @Test("finishes the copy when a file is copied and cut while it is tailed")
    func copied() throws {
        bench.write((0..<200).map { "line number \($0)\n" }.joined(), to: "app.log")
        let tail = try TailRun(bench, paths: ["app.log"])
        try tail.drain()
        try bench.append("unread\n", to: "app.log")
        try FileManager.default.copyItem(atPath: bench.path("app.log"), toPath: bench.path("app.log.1"))
        try bench.truncate("app.log")
        try bench.append("new\n", to: "app.log")
        #expect(try tail.drain().sorted() == ["new", "unread"])
        #expect(tail.source.report.abandonedBytes == 0)
        try tail.restart()
        #expect(try tail.drain() == [])
    }

    @Test("begins a new generation when a file was cut, and counts what is known to be lost")
    func truncated() throws {
        bench.write("1\n2\n", to: "app.log")
        let tail = try TailRun(bench, paths: ["app.log"])
        try tail.drain()
        try bench.append("unread", to: "app.log")
        try tail.drain()
        try bench.truncate("app.log")
        try bench.append("3\n", to: "app.log")
        #expect(try tail.drain() == ["3"])
        let file = try #require(tail.source.report.files.first)
        #expect(file.abandonedBytes == 6)
        #expect(file.abandoned.map(\.from) == [4])
        #expect(!bench.notes(about: "6 bytes that were not read yet are lost").isEmpty)
        try tail.restart()
        #expect(try tail.drain() == [])
        #expect(tail.source.report.abandonedBytes == 6)
        #expect(tail.committed.values.map(\.generation) == [1])
    }

    @Test("notices that a file was cut and grew beyond the position again")
    func truncatedAndGrown() throws {
        bench.write("1\n2\n", to: "app.log")
        let tail = try TailRun(bench, paths: ["app.log"])
        try tail.drain()
        try bench.truncate("app.log")
        try bench.append("a\nb\nc\nd\n", to: "app.log")
        #expect(try tail.drain() == ["a", "b", "c", "d"])
        try tail.restart()
        try bench.truncate("app.log")
        try bench.append("e\nf\ng\nh\ni\n", to: "app.log")
        #expect(try tail.drain() == ["e", "f", "g", "h", "i"])
    }

    @Test("reads another file from its beginning when it has the inode of one that was read")
    func reusedInode() throws {
        bench.write("old 1\nold 2\n", to: "app.log")
        let tail = try TailRun(bench, paths: ["app.log"])
        try tail.drain()
        // The same inode with other content is what a reused inode looks like.
        try bench.truncate("app.log")
        try bench.append("new 1\nnew 2\nnew 3\n", to: "app.log")
        try tail.restart()
        #expect(try tail.drain() == ["new 1", "new 2", "new 3"])
        #expect(tail.committed.values.map(\.generation) == [1])
    }

    @Test("says that unread lines may be lost when a file went away while nobody looked")
    func goneWhileDown() throws {
        bench.write("1\n", to: "app.log")
        let tail = try TailRun(bench, paths: ["*.log"])
        try tail.drain()
        try bench.remove("app.log")
        bench.write("something else\n", to: "other.log")
        try tail.restart()
        #expect(try tail.drain() == ["something else"])
        #expect(bench.notes(about: "app.log: what was read up to byte 2 is gone").count == 1)
        #expect(tail.committed.count == 1)
    }

    @Test("hands on every line once and in order, whichever batch was the last that was committed")
    func everyBoundary() throws {
        let expected = (0..<3000).map { "line \($0) " + String(repeating: "x", count: $0 % 97) }
        bench.write(expected.map { $0 + "\n" }.joined(), to: "app.log")
        func run() throws -> TailRun {
            try TailRun(bench, paths: ["app.log"]) { $0.block = .kibibytes(64) }
        }
        let whole = try run()
        var boundaries = 0
        while case .batch = try whole.step() { boundaries += 1 }
        #expect(boundaries > 2)
        for stop in 0...boundaries {
            let tail = try run()
            for _ in 0..<stop { try tail.step() }
            // Handed on, never committed: it comes again.
            _ = try tail.source.next()
            try tail.restart()
            try tail.drain()
            #expect(tail.lines == expected)
        }
    }
}
