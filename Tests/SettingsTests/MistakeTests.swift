import Settings
import Testing

@Suite("mistakes in a file") struct MistakeTests {
    struct Case: CustomTestStringConvertible {
        var yaml: String
        var mistakes: [String]
        var testDescription: String { yaml }
    }

    static let one: [Case] = [
        Case(
            yaml: "pths: [a]\npaths: [b]",
            mistakes: [
                "a.yaml:1:1: pths: expected one of paths, size, pause, count, colour, loud, key, headers, "
                    + "found 'pths'; did you mean 'paths'?"
            ]),
        Case(
            yaml: "paths: [a]\npaths: [b]",
            mistakes: ["a.yaml:2:1: paths: expected each key once, found 'paths' again (first in line 1)"]),
        Case(
            yaml: "paths: a", mistakes: ["a.yaml:1:8: paths: expected a list, found 'a'; write [a] for a list of one"]),
        Case(yaml: "paths:", mistakes: ["a.yaml:1:7: paths: expected a list, found nothing"]),
        Case(yaml: "paths: [a, [b]]", mistakes: ["a.yaml:1:12: paths[1]: expected text, found a list"]),
        Case(
            yaml: "size: 1MiB",
            mistakes: [
                "a.yaml:1:1: paths: expected list of text, for example [/var/log/*.log], found nothing; it is required"
            ]),
        Case(
            yaml: "paths: [a]\nsize: 64MX",
            mistakes: [
                "a.yaml:2:7: size: expected a size with a unit (B, kB, KiB, MB, MiB, GB, GiB, TB, TiB), such as 64MiB, "
                    + "found '64MX'"
            ]),
        Case(
            yaml: "paths: [a]\npause: 10 fortnights",
            mistakes: [
                "a.yaml:2:8: pause: expected a time with a unit (ns, us, ms, s, m, h, d), such as 250ms, "
                    + "found '10 fortnights'"
            ]),
        Case(
            yaml: "paths: [a]\nsize: 65MiB",
            mistakes: ["a.yaml:2:7: size: expected a value from 1B to 64MiB, found '65MiB'"]),
        Case(yaml: "paths: [a]\ncount: 0", mistakes: ["a.yaml:2:8: count: expected a value from 1 to 1000, found '0'"]),
        Case(yaml: "paths: [a]\ncount: lots", mistakes: ["a.yaml:2:8: count: expected a whole number, found 'lots'"]),
        Case(
            yaml: "paths: [a]\ncount: 99999999999999999999",
            mistakes: ["a.yaml:2:8: count: expected a whole number of at most 64 bits, found '99999999999999999999'"]),
        Case(
            yaml: "paths: [a]\nsize: 9999999999TiB",
            mistakes: ["a.yaml:2:7: size: expected at most 9223372036854775807B, found '9999999999TiB'"]),
        Case(yaml: "paths: [a]\ncount: 13", mistakes: ["a.yaml:2:8: count: expected a lucky number, found '13'"]),
        Case(
            yaml: "paths: [a]\ncolour: gren",
            mistakes: ["a.yaml:2:9: colour: expected one of red, green, blue, found 'gren'; did you mean 'green'?"]),
        Case(yaml: "paths: [a]\nloud: yes", mistakes: ["a.yaml:2:7: loud: expected true or false, found 'yes'"]),
        Case(yaml: "paths: [a]\nkey: {field: 0}", mistakes: ["a.yaml:2:14: key.field: expected at least 1, found '0'"]),
        Case(
            yaml: "paths: [a]\nkey: {}", mistakes: ["a.yaml:2:6: key: expected exactly one of field, regex, found none"]
        ),
        Case(
            yaml: "paths: [a]\nkey: {field: 1, regex: x}",
            mistakes: ["a.yaml:2:17: key.regex: expected exactly one of field, regex, found 'field' and 'regex'"]),
        Case(yaml: "paths: [a]\nkey: 1", mistakes: ["a.yaml:2:6: key: expected a map of keys and values, found '1'"]),
        Case(yaml: "paths: [a]\nheaders: {a: [1]}", mistakes: ["a.yaml:2:14: headers.a: expected text, found a list"]),
        Case(yaml: "[a]", mistakes: ["a.yaml:1:1: expected a map of keys and values, found a list"]),
        Case(yaml: "", mistakes: ["a.yaml:1:1: expected a map of keys and values, found nothing"]),
    ]

    @Test("each kind is named with its place, what was expected and what was found", arguments: one)
    func oneMistake(_ row: Case) {
        let read = readSample(row.yaml)
        #expect(read.mistakes == row.mistakes)
        #expect(read.value == nil)
    }

    @Test("all are reported at once, sorted by place")
    func allAtOnce() {
        let read = readSample("count: x\nsize: 1\nkey: {feild: 1}\npaths: [a]\nloud: maybe")
        #expect(
            read.mistakes.map { $0.prefix { $0 != " " } } == [
                "a.yaml:1:8:", "a.yaml:2:7:", "a.yaml:3:6:", "a.yaml:3:7:", "a.yaml:5:7:",
            ])
    }

    @Test("a thousand are listed, the rest is counted")
    func bounded() {
        let read = readSample("paths: [" + String(repeating: "[],", count: 1_500) + "]")
        #expect(read.mistakes.count == 1_001)
        #expect(read.mistakes.last == "a.yaml: and 500 more mistakes")
    }

    @Test("what was found is shown on one line and cut at 60 characters")
    func shownSafely() {
        let read = readSample("paths: [a]\ncount: \"1\\n\\e\(String(repeating: "x", count: 99))\"")
        let shown = "1\\n\\u{1b}" + String(repeating: "x", count: 57) + "…"
        #expect(read.mistakes == ["a.yaml:2:8: count: expected a whole number, found '\(shown)'"])
    }

    @Test("a section without mistakes is read whole")
    func correct() throws {
        let read = readSample(
            """
            paths: [/a, "b c"]
            size: 64 kB
            pause: 7d
            count: 9
            colour: blue
            loud: true
            key: { field: 2 }
            headers: { app: web, empty: "" }
            """)
        #expect(read.mistakes == [])
        let value = try #require(read.value)
        #expect(value.paths == ["/a", "b c"])
        #expect(value.size.bytes == 64_000)
        #expect(value.pause == .seconds(7 * 86_400))
        #expect(value.count == 9)
        #expect(value.colour == .blue)
        #expect(value.loud)
        #expect(value.key?.field == 2)
        #expect(value.headers == ["app": "web", "empty": ""])
    }

    @Test(
        "what was meant is guessed only when it is near",
        arguments: [("toipc", "topic"), ("Topic", "topic"), ("tpc", nil), ("xyz", nil), ("sorce", "source")])
    func suggestions(word: String, meant: String?) {
        #expect(Suggestion.nearest(to: word, in: ["topic", "source", "sink"]) == meant)
    }
}
