import CommitLog
import Foundation
import Pipelines
import Platform
import Records
import Settings
import TestSupport
import Testing

@testable import Connectors

@Suite("tail")
struct TailTests {
    let bench: Workbench
    init() throws { bench = try Workbench() }

    @Test("reads what is there from the beginning, then what comes")
    func reads() throws {
        bench.write("one\ntwo\n", to: "a.log")
        let tail = try TailRun(bench, paths: ["*.log"])
        #expect(try tail.drain() == ["one", "two"])
        try bench.append("three\n", to: "a.log")
        #expect(try tail.drain() == ["three"])
        bench.write("other\n", to: "b.log")
        bench.time.advance(by: .milliseconds(50))
        #expect(try tail.drain() == ["other"])
    }

    @Test("sees a change of a link's target and of a file in a folder that came later, at the latest by its rescan")
    func rescans() throws {
        let target = bench.root + "/elsewhere.txt"
        _ = FileManager.default.createFile(atPath: target, contents: Data("a\n".utf8))
        try FileManager.default.createSymbolicLink(atPath: bench.path("link.log"), withDestinationPath: target)
        let tail = try TailRun(bench, paths: ["*.log", "later/*.txt"])
        #expect(try tail.drain() == ["a"])
        let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: target))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data("b\n".utf8))
        #expect(try tail.drain() == ["b"])
        try FileManager.default.createDirectory(atPath: bench.path("later"), withIntermediateDirectories: false)
        bench.write("c\n", to: "later/x.txt")
        bench.time.advance(by: .seconds(10))
        #expect(try tail.drain() == ["c"])
    }

    @Test("keeps carriage returns, NUL, and bytes that are no text")
    func binary() throws {
        bench.write([0, 0xff, 13, 10, 10, 0x80, 10], to: "a.log")
        let tail = try TailRun(bench, paths: ["a.log"])
        guard case .batch(let batch) = try tail.source.next() else {
            Issue.record("nothing came")
            return
        }
        let block = batch.events.block
        let values = batch.events.events.map { event in
            block.bytes.withUnsafeBytes {
                Array($0[Int(event.value.start)..<Int(event.value.start + event.value.length)])
            }
        }
        #expect(values == [[0, 0xff, 13], [], [0x80]])
    }

    @Test("holds a line without its newline until it comes, or has rested long enough, and never repeats its beginning")
    func holds() throws {
        bench.write("whole\nbegin", to: "a.log")
        let tail = try TailRun(bench, paths: ["a.log"])
        #expect(try tail.drain() == ["whole"])
        try bench.append("ning\n", to: "a.log")
        #expect(try tail.drain() == ["beginning"])
        try bench.append("rest", to: "a.log")
        #expect(try tail.drain() == [])
        bench.time.advance(by: .seconds(5))
        #expect(try tail.drain() == ["rest"])
        try tail.restart()
        try bench.append("ing\nnext\n", to: "a.log")
        #expect(try tail.drain() == ["+ing", "next"])
        try bench.append("late", to: "a.log")
        _ = try tail.drain()
        bench.time.advance(by: .seconds(5))
        #expect(try tail.drain() == ["late"])
        try bench.append("\nafter\n", to: "a.log")
        #expect(try tail.drain() == ["after"])
    }

    @Test("with until-eof ends behind what was there at the start, and names what it holds")
    func untilEnd() throws {
        bench.write("one\ntwo\nrest", to: "a.log")
        bench.write("", to: "empty.log")
        let tail = try TailRun(bench, paths: ["*.log"], untilEnd: true)
        try bench.append(" of it\nmore\n", to: "a.log")
        var pull = try tail.step()
        while case .batch = pull { pull = try tail.step() }
        guard case .finished = pull else {
            Issue.record("not finished: \(pull)")
            return
        }
        #expect(tail.lines == ["one", "two"])
        #expect(bench.notes(about: "a.log").contains { $0.contains("4 bytes, from byte 8 on") })
    }

    @Test(
        "splits a line over max_line, across blocks and restarts, and loses no byte",
        arguments: [1000, 70_000, 300_000])
    func splits(maxLine: Int) throws {
        let long = String((0..<1_234_567).map { Character(UnicodeScalar(UInt8(97 + $0 % 23))) })
        bench.write("before\n" + long + "\nafter\n", to: "a.log")
        let tail = try TailRun(bench, paths: ["a.log"]) { options in
            options.maxLine = ByteCount(maxLine)
            options.block = .kibibytes(128)
        }
        var steps = 0
        while case .batch = try tail.step() {
            steps += 1
            if steps % 2 == 0 { try tail.restart() }
        }
        #expect(tail.lines.first == "before")
        #expect(tail.lines.last == "after")
        let parts = tail.lines.dropFirst().dropLast()
        #expect(parts.dropFirst().allSatisfy { $0.hasPrefix("+") })
        #expect(parts.map { $0.hasPrefix("+") ? String($0.dropFirst()) : $0 }.joined() == long)
        #expect(parts.allSatisfy { $0.utf8.count <= maxLine + 1 })
    }

    @Test("reads a 10 MB line whole and in parts of the longest line")
    func tenMegabytes() throws {
        let line = [UInt8](repeating: 120, count: 10_000_000)
        bench.write(line + [10], to: "a.log")
        let tail = try TailRun(bench, paths: ["a.log"])
        let lines = try tail.drain()
        #expect(lines.count == 10)
        #expect(lines.reduce(0) { $0 + $1.utf8.count } == 10_000_000 + 9)
    }

    @Test("takes turns between files: a large one does not keep a small one waiting")
    func fair() throws {
        let many = String(repeating: "line of the large file\n", count: 200_000)
        bench.write(many, to: "a.log")
        bench.write("small\n", to: "b.log")
        let tail = try TailRun(bench, paths: ["*.log"])
        var batches = 0
        while !tail.lines.contains("small") {
            guard case .batch = try tail.step() else { break }
            batches += 1
        }
        #expect(batches <= 2)
        try tail.drain()
        #expect(tail.lines.count == 200_001)
    }

    @Test("reads two paths to one file once")
    func links() throws {
        bench.write("once\n", to: "a.log")
        try FileManager.default.linkItem(atPath: bench.path("a.log"), toPath: bench.path("b.log"))
        try FileManager.default.createSymbolicLink(
            atPath: bench.path("c.log"), withDestinationPath: bench.path("a.log"))
        let tail = try TailRun(bench, paths: ["*.log", "a.log"])
        #expect(try tail.drain() == ["once"])
        try bench.append("more\n", to: "b.log")
        bench.time.advance(by: .seconds(10))
        #expect(try tail.drain() == ["more"])
    }

    @Test("leaves out what it is told to")
    func excludes() throws {
        bench.write("no\n", to: "a.log.gz")
        bench.write("no\n", to: "b.log")
        bench.write("yes\n", to: "c.log")
        let tail = try TailRun(bench, paths: ["*.log*"]) { $0.exclude = ["*.gz", bench.path("b.*")] }
        #expect(try tail.drain() == ["yes"])
    }

    @Test("never keeps more files open than it may, and loses nothing for it")
    func boundedDescriptors() throws {
        for number in 0..<20 { bench.write("first \(number)\n", to: "\(number).log") }
        let tail = try TailRun(bench, paths: ["*.log"]) { $0.maxOpenFiles = 3 }
        try tail.drain()
        for number in 0..<20 { try bench.append("second \(number)\n", to: "\(number).log") }
        try tail.drain()
        #expect(tail.source.files.values.count { $0.file != nil } <= 3)
        #expect(Set(tail.lines).count == 40 && tail.lines.count == 40)
    }
}
