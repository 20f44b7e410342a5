import Settings

enum Colour: String, OptionChoice, CaseIterable { case red, green, blue }

struct Inner: Options {
    var field: Int?
    var regex: String?

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("field", &field, range: 1..., "A field number.")
        walker.option("regex", &regex, "An expression.")
        walker.exactlyOne(of: ["field", "regex"])
    }
}

struct Sample: Options {
    var paths: [String] = []
    var size = ByteCount.mebibytes(1)
    var pause = Duration.milliseconds(10)
    var count = 8
    var colour = Colour.red
    var loud = false
    var key: Inner?
    var headers: [String: String] = [:]

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("paths", &paths, .required, "Files to read.", example: "[/var/log/*.log]")
        walker.option("size", &size, range: 1...ByteCount.mebibytes(64), "How large.")
        walker.option("pause", &pause, range: Duration.zero..., "How long.")
        walker.option("count", &count, range: 1...1000, "How many.")
        walker.option("colour", &colour, "Which.")
        walker.option("loud", &loud, "Whether.")
        walker.option("key", &key, "What to key by.")
        walker.option("headers", &headers, "On each.")
        walker.check("count", count == 13 ? "expected a lucky number, found '13'" : nil)
    }
}

/// Reads `text` as a section of `Sample`: the value, and one line per mistake.
func readSample(_ text: String, environment: [String: String] = [:]) -> (value: Sample?, mistakes: [String]) {
    readSample(Array(text.utf8), environment: environment)
}

func readSample(_ bytes: [UInt8], environment: [String: String] = [:]) -> (value: Sample?, mistakes: [String]) {
    var reader = NodeReader(mistakes: Mistakes(file: "a.yaml"))
    let node = YAMLDocument.read(bytes, environment: { environment[$0] }, &reader)
    let value = node.flatMap { Sample.read(section: $0, &reader) }
    return (reader.mistakes.isEmpty ? value : nil, reader.mistakes.all.map(\.description))
}
