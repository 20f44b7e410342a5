import Settings
import Testing

@testable import penstock

private struct Sample: Options {
    var topic = ""
    var files: [String] = []
    var data = Directory.standard
    var wait = Duration.seconds(20)
    var deep = false

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument("topic", &topic, shown: "TOPIC", .required, "The topic.")
        walker.argument("files", &files, shown: "FILE", "Files.")
        walker.option("data", &data, "Where.")
        walker.option("wait", &wait, range: Duration.seconds(1)..., "How long.")
        walker.option("deep", &deep, "Whether.")
    }
}

@Suite("help") struct HelpTests {
    private let command = Command(
        "dig deep", Sample.self, summary: "Dig.", about: "Digs until there is nothing left.",
        examples: [(line: "penstock dig deep t", does: "Dig in t.")], exitCodes: [(code: 1, means: "found nothing")]
    ) { _ in 0 }

    @Test("a command's help has usage, options with their defaults, examples and exit codes")
    func text() {
        #expect(
            Help.text(of: command) == """
                Usage: penstock dig deep [OPTIONS] TOPIC [FILE]…

                Digs until there is nothing left.

                Arguments:
                  TOPIC  The topic.
                  FILE   Files.

                Options:
                  --data DIRECTORY  Where. (default ./penstock-data)
                  --wait TIME       How long. (at least 1s; default 20s)
                  --deep            Whether.
                  --help            Show this and stop.

                Examples:
                  penstock dig deep t
                      Dig in t.

                Exit codes:
                  0  done
                  1  found nothing
                  2  a mistake on the command line or in a file; nothing was started
                """)
    }

    @Test("no line of any help is wider than a screen", arguments: CommandTable.penstock.commands.map(\.name))
    func width(name: String) throws {
        let command = try #require(CommandTable.penstock.commands.first { $0.name == name })
        for line in Help.text(of: command).split(separator: "\n") where !line.hasPrefix("  penstock") {
            #expect(line.count <= 100, "\(line)")
        }
    }
}
