import Settings
import Testing

private struct RunFlags: Options {
    var files: [String] = []
    var data = "./data"
    var listen: String?
    var untilEof = false
    var timeout = Duration.seconds(20)
    var label: [String] = []

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument("files", &files, shown: "FILE", "What to run.")
        walker.option("data", &data, "Where.")
        walker.option("listen", &listen, "Which address.", example: "127.0.0.1:9092")
        walker.option("until_eof", &untilEof, "Stop at the end.")
        walker.option("timeout", &timeout, range: Duration.seconds(1)..., "How long.")
        walker.option("label", &label, "Any number.")
    }
}

private struct TopicFlags: Options {
    var topic = ""
    var count: Int?

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument("topic", &topic, shown: "TOPIC", .required, "Which.")
        walker.option("count", &count, "How many.")
        walker.check("topic", topic == "none" ? "expected a topic, found 'none'" : nil)
    }
}

private func read<Values: Options>(_ type: Values.Type, _ words: String...) -> (value: Values?, mistakes: [String]) {
    var reader = NodeReader(mistakes: Mistakes(file: "penstock run"))
    let value = FlagReader.read(type, from: words, &reader)
    return (value, reader.mistakes.all.map(\.message))
}

@Suite("the command line") struct FlagTests {
    @Test("flags, values, lists and arguments are read in any order")
    func all() throws {
        let read = read(
            RunFlags.self, "a", "--data", "/d", "--until-eof", "b", "--timeout=5s", "--label", "x", "--label=y", "--",
            "--c")
        #expect(read.mistakes == [])
        let value = try #require(read.value)
        #expect(value.files == ["a", "b", "--c"])
        #expect(value.data == "/d")
        #expect(value.listen == nil)
        #expect(value.untilEof)
        #expect(value.timeout == .seconds(5))
        #expect(value.label == ["x", "y"])
    }

    @Test("nothing at all gives the defaults")
    func defaults() {
        let value = read(RunFlags.self).value
        #expect(value?.data == "./data")
        #expect(value?.untilEof == false)
    }

    @Test("a negative number is a value, a lone dash an argument")
    func dashes() {
        #expect(read(TopicFlags.self, "t", "--count", "-1").value?.count == -1)
        #expect(read(RunFlags.self, "-").value?.files == ["-"])
        #expect(read(RunFlags.self, "--until-eof=false").value?.untilEof == false)
    }

    @Test(
        "mistakes are said in the style of the files",
        arguments: [
            (["--dta", "x"], "--dta: expected a known option, found '--dta'; did you mean '--data'?"),
            (["-x"], "-x: expected a known option, found '-x'"),
            (["--data"], "--data: expected text, found nothing"),
            (["--data", "--until-eof"], "--data: expected text, found nothing"),
            (["--data", "a", "--data", "b"], "--data: expected it once, found it again"),
        ])
    func mistakes(words: [String], message: String) {
        var reader = NodeReader(mistakes: Mistakes(file: ""))
        #expect(FlagReader.read(RunFlags.self, from: words, &reader) == nil)
        #expect(reader.mistakes.all.map(\.description) == [message])
    }

    @Test("a value of the wrong kind names its flag")
    func wrongKind() {
        var reader = NodeReader(mistakes: Mistakes(file: ""))
        _ = FlagReader.read(RunFlags.self, from: ["--timeout", "5", "--until-eof=maybe"], &reader)
        #expect(
            reader.mistakes.all.map(\.description) == [
                "--until-eof: expected true or false, found 'maybe'",
                "--timeout: expected a time with a unit (ns, us, ms, s, m, h, d), such as 250ms, found '5'",
            ])
    }

    @Test("an argument is named by its word")
    func argumentName() {
        var reader = NodeReader(mistakes: Mistakes(file: ""))
        _ = FlagReader.read(TopicFlags.self, from: ["none"], &reader)
        #expect(reader.mistakes.all.map(\.description) == ["TOPIC: expected a topic, found 'none'"])
    }

    @Test("an argument that is missing or too many is named")
    func arguments() {
        #expect(read(TopicFlags.self).mistakes == ["expected text, found nothing; it is required"])
        #expect(read(TopicFlags.self, "a", "b").mistakes == ["expected no further argument, found 'b'"])
    }

    @Test("the walk that reads also describes, with the defaults of the properties")
    func described() {
        let rows = RunFlags.described
        #expect(rows.map(\.flag) == ["--files", "--data", "--listen", "--until-eof", "--timeout", "--label"])
        #expect(rows.map(\.defaultText) == [nil, "./data", nil, "false", "20s", nil])
        #expect(rows[4].range == "at least 1s")
        #expect(rows[2].head.example == "127.0.0.1:9092")
        #expect(rows[0].head.argument == "FILE")
        #expect(Sample.described[6].kind == .section(Inner.described))
    }
}
