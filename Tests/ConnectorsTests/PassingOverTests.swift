import CommitLog
import Glibc
import Pipelines
import Platform
import Records
import Settings
import TestSupport
import Testing

@testable import Connectors

/// What a start does where `log repair --positions NAME=end` was chosen.
@Suite("passing over what files have", .timeLimit(.minutes(20)))
struct PassingOverTests {
    let bench: Workbench
    init() throws { bench = try Workbench() }

    @Test("a tail begins behind what is there, also when it crashes at once, and reads whole what comes later")
    func tail() throws {
        bench.write("one\ntwo\n", to: "a.log")
        bench.write("whole\nbegin", to: "b.log")
        bench.write("", to: "empty.log")
        let tail = try TailRun(bench, paths: ["*.log"], passingOver: true)
        #expect(tail.committed.values.map(\.offset).sorted() == [8, 11])
        #expect(bench.notes(about: "begins at byte").count == 2)
        try bench.append("three\n", to: "a.log")
        try bench.append("ning\nnext\n", to: "b.log")
        try bench.append("first\n", to: "empty.log")
        try tail.restart()
        bench.write("x\ny\n", to: "c.log")
        bench.time.advance(by: .seconds(10))
        #expect(try tail.drain().sorted() == ["+ning", "first", "next", "three", "x", "y"])
    }

    @Test("a file that is found after the start is read from its beginning, one that could not be opened then, too")
    func later() throws {
        bench.write("a\n", to: "a.log")
        bench.write("b\n", to: "b.log")
        let faults = FaultyDisk()
        faults.change { $0.open = ("a.log", EACCES) }
        let tail = try TailRun(bench, paths: ["*.log"], disk: faults.disk, passingOver: true)
        #expect(try tail.drain() == [])
        faults.change { $0 = FaultyDisk.Plan() }
        bench.write("c\n", to: "c.log")
        bench.time.advance(by: .seconds(10))
        #expect(try tail.drain().sorted() == ["a", "c"])
    }

    @Test("with until-eof nothing is read of what grew since, and the rest comes with the next start")
    func untilEnd() throws {
        bench.write(String(repeating: "line\n", count: 100), to: "a.log")
        let tail = try TailRun(bench, paths: ["a.log"], untilEnd: true, passingOver: true)
        try bench.append("more\n", to: "a.log")
        #expect(try tail.drain() == [])
        try tail.restart()
        #expect(try tail.drain() == ["more"])
    }

    @Test(
        "what is remembered of bytes passed over is what reading them gives",
        arguments: [1, 255, 256, 1024, 1025, 5000])
    func fingerprint(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 / 7) }
        bench.write(bytes + [0, 1, 2], to: "a.log")
        let file = try Disk.real.open(bench.path("a.log"), .read)
        var read = Fingerprint()
        let half = size / 2
        read.advance(over: bytes.rawSpan.extracting(0..<half), from: 0)
        read.advance(over: bytes.rawSpan.extracting(half..<size), from: Int64(half))
        #expect(try Fingerprint(of: file, upTo: Int64(size)) == read)
        #expect(try Fingerprint(of: file, upTo: Int64(size) + 4) == nil, "it was cut meanwhile")
    }

    /// Collects what is there, with a run that it starts and `during` goes along with.
    private func collect(
        _ description: PipelineDescription, on bench: Workbench, during: () throws -> Void = {}
    ) throws {
        let runner = try Runner(
            [description], registry: builtins, context: bench.context(untilEnd: true, clock: .system))
        runner.start()
        try during()
        #expect(runner.wait())
    }

    @Test("all tails of a pipeline do so once, whether a channel is between", arguments: [false, true])
    func pipeline(channel: Bool) throws {
        var description = PipelineTests.describe(paths: [bench.path("a.log")], channel: channel)
        var other = TailOptions()
        other.paths = [bench.path("b.log")]
        description.sources.append(ComponentDescription(name: "other", type: "tail", options: other))
        for name in ["a", "b"] { bench.write("\(name) old\n", to: "\(name).log") }
        try collect(description, on: bench)
        for name in ["a", "b"] { try bench.append("\(name) missed\n", to: "\(name).log") }
        #expect(try bench.directory.settleDamagedPositions(passingOver: ["web"]) == [])
        #expect(bench.directory.positions(pipeline: "web").map(\.source) == [""], "the old positions are gone")
        try collect(description, on: bench)
        #expect(bench.directory.positions(pipeline: "web").map(\.source).sorted() == ["other", "tail"])
        for name in ["a", "b"] { try bench.append("\(name) new\n", to: "\(name).log") }
        try bench.crash()
        try collect(description, on: bench)
        #expect(try bench.values(of: "web").sorted() == ["a new", "a old", "b new", "b old"])
    }

    @Test("while where it begins cannot be committed nothing is read and the choice holds")
    func full() throws {
        let faults = FaultyDisk()
        let bench = try Workbench(dataDisk: faults.disk)
        bench.write("k old\n", to: "web.log")
        _ = try bench.directory.createTopic("web", partitions: 8, configuration: [:])
        _ = try bench.directory.producer(pipeline: "web")
        try bench.directory.settleDamagedPositions(passingOver: ["web"])
        faults.change { $0.writesLeft = 0 }
        let description = PipelineTests.describe(paths: [bench.path("web.log")])
        try collect(description, on: bench) {
            bench.waitForNote("No space left on device")
            try bench.append("k new\n", to: "web.log")
            #expect(bench.directory.passesOver(pipeline: "web"))
            faults.change { $0.writesLeft = nil }
        }
        #expect(!bench.directory.passesOver(pipeline: "web"))
        try collect(description, on: bench)
        #expect(try bench.values(of: "web") == ["k new"])
    }
}
