import Foundation
import Pipelines
import Settings
import Testing

private struct TailSample: Options {
    var paths: [String] = []
    var maxLine = ByteCount(1_000_000)

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("paths", &paths, .required, "Files.", example: "[/var/log/*.log]")
        walker.option("max_line", &maxLine, range: 1..., "Longest line.")
    }
}

private struct TopicSample: Options {
    var topic = ""
    var linger = Duration.milliseconds(10)

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("topic", &topic, .required, "The topic.")
        walker.option("linger", &linger, "How long.")
    }
}

private struct NoOptions: Options {
    mutating func walk(_ walker: inout some OptionWalker) {}
}

private struct NeverMade: Error {}

private let registry = Registry(
    sources: [
        ComponentType("tail", "Files.", options: TailSample.self) { _, _ in throw NeverMade() },
        ComponentType("stdin", "The input.", options: NoOptions.self) { _, _ in throw NeverMade() },
    ],
    processors: [ComponentType("key", "Keys.", options: NoOptions.self) { _, _ in throw NeverMade() }],
    channels: [ComponentType("memory", "A queue.", options: NoOptions.self) { _, _ in throw NeverMade() }],
    sinks: [
        ComponentType("topic", "A topic.", options: TopicSample.self) { _, _ in throw NeverMade() },
        ComponentType("stdout", "The output.", options: NoOptions.self) { _, _ in throw NeverMade() },
    ])

/// Files in a directory of their own, removed at the end.
private final class Files {
    let directory: String

    init(_ texts: [String: String]) throws {
        directory = NSTemporaryDirectory() + "pipeline-files-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for (name, text) in texts { try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/" + name)) }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func read(_ names: [String]? = nil) -> (pipelines: [PipelineDescription], mistakes: [String]) {
        let paths = names.map { $0.map { directory + "/" + $0 } } ?? [directory]
        let files = PipelineFiles(at: paths, registry: registry, environment: { _ in nil })
        return (
            files.pipelines, files.mistakes.map { $0.description.replacingOccurrences(of: directory + "/", with: "") }
        )
    }
}

private func read(_ text: String) throws -> (pipelines: [PipelineDescription], mistakes: [String]) {
    try Files(["web.yaml": text]).read()
}

@Suite("pipeline files") struct PipelineFileTests {
    @Test("the short form names the pipeline after its file, source and sink after their types")
    func shortForm() throws {
        let read = try read(
            """
            source: { type: tail, paths: [/a/*.log] }
            processors: [{ type: key }]
            channel: { type: memory }
            sink: { type: topic, topic: web, linger: 5ms }
            """)
        #expect(read.mistakes == [])
        let pipeline = try #require(read.pipelines.first)
        #expect(read.pipelines.count == 1)
        #expect(pipeline.name == "web")
        #expect(pipeline.sources.map(\.name) == ["tail"])
        #expect((pipeline.sources.first?.options as? TailSample)?.paths == ["/a/*.log"])
        #expect(pipeline.processors.map(\.type) == ["key"])
        #expect(pipeline.channel?.type == "memory")
        #expect(pipeline.sinks.map(\.name) == ["topic"])
        #expect((pipeline.sinks.first?.options as? TopicSample)?.linger == .milliseconds(5))
    }

    @Test("the full form has names of its own, and both ways to write sources and sinks")
    func fullForm() throws {
        let read = try read(
            """
            pipelines:
              one:
                sources:
                  access: { type: tail, paths: [/a] }
                  error: { type: tail, paths: [/b] }
                sinks:
                  out: { type: topic, topic: t }
              two:
                source: { type: stdin }
                sink: { type: stdout }
            """)
        #expect(read.mistakes == [])
        #expect(read.pipelines.map(\.name) == ["one", "two"])
        #expect(read.pipelines.first?.sources.map(\.name) == ["access", "error"])
        #expect(read.pipelines.first?.sinks.map(\.name) == ["out"])
        #expect(read.pipelines.last?.sources.map(\.name) == ["stdin"])
    }

    @Test("three mistakes in one file are all named with their places")
    func threeMistakes() throws {
        let read = try read(
            """
            source:
              type: tial
            processors:
              - { type: key, filed: 1 }
            sink: { type: topic, topic: web, linger: 5 moments }
            """)
        #expect(
            read.mistakes == [
                "web.yaml:2:9: source.type: expected one of tail, stdin, found 'tial'; did you mean 'tail'?",
                "web.yaml:4:18: processors[0].filed: expected one of type, found 'filed'",
                "web.yaml:5:42: sink.linger: expected a time with a unit (ns, us, ms, s, m, h, d), such as 250ms, "
                    + "found '5 moments'",
            ])
    }

    static let refused: [(yaml: String, mistakes: [String])] = [
        (
            "sink: {type: stdout}", ["web.yaml:1:1: source: expected source or sources, found nothing; it is required"]
        ),
        (
            "source: {type: stdin}\nsources: {a: {type: stdin}}\nsink: {type: stdout}",
            ["web.yaml:2:1: sources: expected either source or sources, found both"]
        ),
        (
            "source: {type: tail}\nsink: {type: stdout}",
            [
                "web.yaml:1:9: source.paths: expected list of text, for example [/var/log/*.log], found nothing; "
                    + "it is required"
            ]
        ),
        (
            "source: {type: stdin}\nsink: {}",
            ["web.yaml:2:7: sink.type: expected one of topic, stdout, found nothing; it is required"]
        ),
        (
            "source: {type: syslog}\nsink: {type: stdout}",
            [
                "web.yaml:1:16: source.type: expected one of tail, stdin, found 'syslog', which is not supported by this version"
            ]
        ),
        (
            "source: {type: stdin}\nchannel: {type: log}\nsink: {type: stdout}",
            ["web.yaml:2:17: channel.type: expected one of memory, found 'log', which is not supported by this version"]
        ),
        (
            "source: {type: stdin}\nsink: {type: stdout, when: 'x'}",
            ["web.yaml:2:22: sink.when: expected no condition, found one; routes are not supported by this version"]
        ),
        (
            "source: {type: stdin}\nsinks: {a: {type: stdout}, b: {type: kafka}}",
            [
                "web.yaml:2:28: sinks.b: expected one sink, found another; several are not supported by this version",
                "web.yaml:2:38: sinks.b.type: expected one of topic, stdout, found 'kafka', "
                    + "which is not supported by this version",
            ]
        ),
        (
            "pipelines:\n  p:\n    source: {type: stdin}\n    sink: {type: stdout}\nsorce: 1",
            ["web.yaml:5:1: sorce: expected one of pipelines, found 'sorce'"]
        ),
        (
            "source: {type: stdin}\nsink: {type: stdout}\nprocesors: []",
            [
                "web.yaml:3:1: procesors: expected one of source, sources, processors, channel, sink, sinks, "
                    + "found 'procesors'; did you mean 'processors'?"
            ]
        ),
        ("pipelines: {}", ["web.yaml:1:12: pipelines: expected at least one pipeline, found none"]),
        (
            "pipelines: {'a b': {source: {type: stdin}, sink: {type: stdout}}}",
            [
                "web.yaml:1:13: pipelines.a b: expected a pipeline's name of 1 to 100 letters, digits, '.', '_' and '-', "
                    + "found 'a b'"
            ]
        ),
        (
            "source: {type: stdin}\nsink: {type: stdout}\nprocessors: {type: key}",
            ["web.yaml:3:13: processors: expected a list of processors, found a map"]
        ),
        (
            "source: {type: stdin, type: stdin}\nsink: {type: stdout}",
            ["web.yaml:1:23: source.type: expected each key once, found 'type' again (first in line 1)"]
        ),
        (
            "source: [",
            [
                "web.yaml:2:1: expected YAML, found a mistake: did not find expected node content while parsing a flow node"
            ]
        ),
    ]

    @Test("what cannot be run is refused with its place", arguments: refused.indices)
    func refuses(index: Int) throws {
        let row = Self.refused[index]
        let read = try read(row.yaml)
        #expect(read.mistakes == row.mistakes)
    }

    private static let good = "source: {type: tail, paths: [/a]}\nsink: {type: stdout}"

    @Test("of a directory every *.yaml and *.yml is read, by name")
    func directory() throws {
        let files = try Files([
            "b.yml": Self.good, "a.yaml": Self.good, ".hidden.yaml": "x", "notes.txt": "x", "c.yaml": Self.good,
        ])
        let read = files.read()
        #expect(read.mistakes == [])
        #expect(read.pipelines.map(\.name) == ["a", "b", "c"])
    }

    @Test("a directory without pipelines is a mistake")
    func emptyDirectory() throws {
        let files = try Files(["notes.txt": "x"])
        let mistake = "expected at least one *.yaml or *.yml in the directory, found none"
        #expect(files.read().mistakes == ["\(files.directory): \(mistake)"])
    }

    @Test("a missing file is named, and the others are still checked")
    func missing() throws {
        let read = try Files(["bad.yaml": "source: 1"]).read(["none.yaml", "bad.yaml"])
        #expect(read.mistakes.first == "none.yaml: cannot read the file: No such file or directory")
        #expect(read.mistakes.contains("bad.yaml:1:9: source: expected a map of keys and values, found '1'"))
    }

    @Test("two pipelines of one name are refused, wherever they are")
    func duplicateNames() throws {
        let full = "pipelines:\n  a:\n    source: {type: tail, paths: [/a]}\n    sink: {type: stdout}"
        let read = try Files(["a.yaml": Self.good, "b.yaml": full]).read()
        #expect(
            read.mistakes == [
                "b.yaml:2:3: pipelines.a: expected a name of its own for each pipeline, found 'a' again "
                    + "(first in a.yaml:1:1)"
            ])
    }

    @Test("only one source may read stdin")
    func twoInputs() throws {
        let input = "source: {type: stdin}\nsink: {type: stdout}"
        let read = try Files(["a.yaml": input, "b.yaml": input]).read()
        #expect(
            read.mistakes == ["b.yaml:1:1: expected one source that reads stdin, found another beside that of 'a'"])
    }
}
