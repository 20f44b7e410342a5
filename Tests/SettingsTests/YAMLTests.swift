import Foundation
import Settings
import Testing

@Suite("YAML") struct YAMLTests {
    @Test("variables are put into values, with defaults and a literal form")
    func variables() throws {
        let read = readSample(
            "paths: ['${HOME}/x', \"${NONE:-a b}\", '$${HOME}', $5, '${EMPTY}', a$]\ncount: ${COUNT}",
            environment: ["HOME": "/root", "COUNT": "12", "EMPTY": ""])
        #expect(read.mistakes == [])
        #expect(read.value?.paths == ["/root/x", "a b", "${HOME}", "$5", "", "a$"])
        #expect(read.value?.count == 12)
    }

    @Test("a variable adds no structure, whatever it holds")
    func variableIsText() {
        let read = readSample("paths: ['${X}']", environment: ["X": "a]\ncount: 5"])
        #expect(read.value?.paths == ["a]\ncount: 5"])
        #expect(read.value?.count == 8)
    }

    @Test(
        "a variable that cannot be put in is a mistake with its place",
        arguments: [
            (
                "paths: [ok, '${NOT_SET}']",
                "a.yaml:1:13: expected the environment variable NOT_SET to be set, found it unset; "
                    + "${NOT_SET:-default} gives it a default"
            ),
            ("paths: ['${A']", "a.yaml:1:9: expected '}' after '${', found none; write $${ for a literal ${"),
            (
                "paths: ['${1A}']",
                "a.yaml:1:9: expected ${NAME} or ${NAME:-default}, found '${1A}'; write $${ for a literal ${"
            ),
            (
                "paths: ['${}']",
                "a.yaml:1:9: expected ${NAME} or ${NAME:-default}, found '${}'; write $${ for a literal ${"
            ),
        ])
    func badVariable(yaml: String, mistake: String) {
        #expect(readSample(yaml).mistakes == [mistake])
    }

    @Test("variables cannot make a text of any size")
    func expansionIsBounded() {
        let big = String(repeating: "x", count: 1 << 20)
        let read = readSample("paths: [" + String(repeating: "'${X}',", count: 20) + "]", environment: ["X": big])
        #expect(read.mistakes.count == 4)
        #expect(read.mistakes.first?.contains("found too much after variables were put in") == true)
    }

    static let hostile: [(name: String, bytes: [UInt8], mistake: String)] = [
        (
            "deep lists", Array(("paths: " + String(repeating: "[", count: 100_000)).utf8),
            "expected at most 32 levels of nesting, found more"
        ),
        (
            "deep maps", Array(String(repeating: "{a: ", count: 50_000).utf8),
            "expected at most 32 levels of nesting, found more"
        ),
        (
            "deep block lists", Array(String(repeating: "- ", count: 50_000).utf8),
            "expected at most 32 levels of nesting, found more"
        ),
        ("an alias", Array("count: &a 5\npaths: [*a]".utf8), "found the alias '*a'; write the value out"),
        (
            "an alias bomb",
            Array("a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\npaths: [*c]".utf8), "found the alias '*a'"
        ),
        ("a merge key", Array("d: &d {count: 1}\n<<: *d\npaths: [a]".utf8), "found the alias '*d'"),
        (
            "invalid UTF-8", Array("paths:\n- a".utf8) + [0xFF, 0xFE],
            "a.yaml:2:4: expected UTF-8 text, found the byte 0xff"
        ),
        ("cut UTF-8", Array("# ".utf8) + [0xE2, 0x82], "a.yaml:1:3: expected UTF-8 text, found the byte 0xe2"),
        ("NUL", Array("paths: [a".utf8) + [0] + Array("]".utf8), "a.yaml:1:10: expected text, found a NUL byte"),
        ("a control character", Array("paths: [\u{1}]".utf8), "control characters are not allowed"),
        (
            "a scalar of 10 MB", Array("paths: [\"".utf8) + [UInt8](repeating: 0x61, count: 10_000_000),
            "expected at most 1MiB, found 10000009 bytes"
        ),
        (
            "too many values", Array(("paths: [" + String(repeating: "a,", count: 200_000)).utf8),
            "expected at most 100000 values, found more"
        ),
        ("a tag", Array("paths: !!python/object [a]".utf8), "expected a value without a tag"),
        ("two documents", Array("paths: [a]\n---\npaths: [b]".utf8), "expected one document in a file, found a second"),
        ("a list as key", Array("? [a]\n: b".utf8), "expected a key, found a value; keys are plain text"),
        ("an open bracket", Array("paths: [a\ncount: 5".utf8), "expected YAML, found a mistake"),
        ("a tab", Array("a:\n\t- b".utf8), "expected YAML, found a mistake"),
        ("an open quote", Array("paths: [\"a]".utf8), "expected YAML, found a mistake"),
        ("UTF-16", [0xFE, 0xFF, 0, 0x61], "expected UTF-8 text, found the byte 0xfe"),
        ("an undefined alias", Array("*x".utf8), "found the alias '*x'"),
        ("a directive", Array("%YAML 9.9\n---\na: b".utf8), "expected YAML, found a mistake"),
    ]

    @Test("hostile bytes are refused in words", arguments: hostile.indices)
    func refuses(index: Int) {
        let row = Self.hostile[index]
        let read = readSample(row.bytes)
        #expect(read.value == nil)
        #expect(read.mistakes.contains { $0.contains(row.mistake) }, "\(row.name): \(read.mistakes)")
    }

    @Test("every prefix and every replaced byte of a document is read or refused, never trapped on")
    func neverTraps() {
        let text = Array(
            "paths: [a, \"b\\x41\", 'c']\nkey: {field: 1}\nheaders: {a: |\n  x\n b: ${H:-y}}\n# end\n".utf8)
        for end in 0...text.count { _ = readSample(Array(text[..<end])) }
        for position in text.indices {
            for byte in [0, 9, 10, 0x22, 0x26, 0x2A, 0x3A, 0x5B, 0x7B, 0x7D, 0x80, 0xC3, 0xFF] as [UInt8] {
                var changed = text
                changed[position] = byte
                let read = readSample(changed)
                #expect((read.value == nil) == !read.mistakes.isEmpty)
            }
        }
    }

    @Test("a file that cannot be read is a mistake that says why")
    func unreadable() {
        let missing = NSTemporaryDirectory() + "penstock-none-\(UUID().uuidString)"
        var reader = NodeReader(mistakes: Mistakes(file: missing))
        #expect(SettingsFile.read(missing, &reader) == nil)
        #expect(SettingsFile.read("/", &reader) == nil)
        #expect(
            reader.mistakes.all.map(\.description) == [
                "\(missing): cannot read the file: No such file or directory",
                "\(missing): cannot read the file: Is a directory",
            ])
    }

    @Test("a file without an end is read no further than the limit")
    func endless() throws {
        var reader = NodeReader(mistakes: Mistakes(file: "/dev/zero"))
        let bytes = try #require(SettingsFile.read("/dev/zero", limit: .kibibytes(64), &reader))
        #expect(bytes.count > 64 << 10)
        #expect(bytes.count <= 128 << 10)
    }
}
