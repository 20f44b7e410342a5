import CommitLog
import Foundation
import Glibc
import Pipelines
import Platform
import Records
import Settings
import TestSupport
import Testing

@testable import Connectors

@Suite("stdin and stdout", .timeLimit(.minutes(20)))
struct StreamTests {
    let bench: Workbench
    init() throws { bench = try Workbench() }

    private func pipe() -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        #expect(Glibc.pipe(&ends) == 0)
        return (ends[0], ends[1])
    }

    private func write(_ text: String, to descriptor: Int32) {
        let bytes = Array(text.utf8)
        #expect(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
    }

    /// Pulls until the source is idle or has ended.
    private func pull(_ source: StdinSource) throws -> (lines: [String], ended: Bool) {
        var lines: [String] = []
        while true {
            switch try source.next() {
            case .batch(let batch): lines += TailRun.values(batch)
            case .idle: return (lines, false)
            case .finished: return (lines, true)
            }
        }
    }

    @Test("stdin hands on whole lines as they come, and the last one without its newline")
    func stdin() throws {
        let (read, write) = pipe()
        let source = StdinSource(StdinOptions(), bench.component("stdin"), input: read)
        #expect(try pull(source) == ([], false))
        self.write("one\ntw", to: write)
        #expect(try pull(source) == (["one"], false))
        self.write("o\r\n\nrest", to: write)
        #expect(try pull(source) == (["two\r", ""], false))
        close(write)
        #expect(try pull(source) == (["rest"], true))
        #expect(try pull(source) == ([], true))
        close(read)
    }

    @Test("stdin splits long lines over many reads and loses nothing")
    func longLines() throws {
        let (read, write) = pipe()
        var options = StdinOptions()
        options.maxLine = ByteCount(300_000)
        let source = StdinSource(options, bench.component("stdin"), input: read)
        let long = String((0..<1_000_000).map { Character(UnicodeScalar(UInt8(97 + $0 % 25))) })
        let bytes = Array((long + "\nend\n").utf8)
        let writer = Thread(name: "writer") {
            var done = 0
            while done < bytes.count {
                done += bytes.withUnsafeBytes { Glibc.write(write, $0.baseAddress! + done, bytes.count - done) }
            }
            close(write)
        }
        var lines: [String] = []
        var ended = false
        while !ended {
            let (more, end) = try pull(source)
            lines += more
            ended = end
        }
        writer.join()
        #expect(lines.last == "end")
        #expect(lines.dropLast().allSatisfy { $0.utf8.count <= 300_001 })
        #expect(lines.dropLast().map { $0.hasPrefix("+") ? String($0.dropFirst()) : $0 }.joined() == long)
        close(read)
    }

    @Test("stdout writes every value and a newline, then commits the positions")
    func stdout() throws {
        let (read, write) = pipe()
        bench.write("one\n\u{0}two\n", to: "a.log")
        let tail = try TailRun(bench, paths: ["a.log"])
        let sink = StdoutSink(bench.component("stdout"), descriptor: write)
        try sink.start(longestEvent: 0)
        guard case .batch(let batch) = try tail.source.next() else {
            Issue.record("nothing came")
            return
        }
        sink.take(batch)
        #expect(sink.report.waitingBytes == 9)
        try sink.advance()
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = Glibc.read(read, &bytes, 100)
        #expect(bytes.prefix(count) == Array("one\n\u{0}two\n".utf8)[...])
        #expect(bench.directory.positions(pipeline: "test").map(\.position.offset) == [9])
        #expect(sink.report.events == 2 && sink.report.waitingBytes == 0)
        close(read)
        close(write)
    }
}
