import Glibc
import Platform
import Settings
import Testing

@testable import penstock

@Suite("output") struct OutputTests {
    @Test("JSON keeps the order of its keys and escapes what must be escaped")
    func json() {
        let value = JSON.object([
            ("b", .string("a\"\\\n\u{1}é")), ("a", .array([.integer(-1), .number(1.5), .bool(true), .null])),
            ("never", .number(.infinity)), ("none", .string(orNull: nil)), ("empty", .object([])),
        ])
        #expect(
            value.text
                == #"{"b": "a\"\\\n\u0001é", "a": [-1, 1.5, true, null], "never": null, "none": null, "empty": {}}"#)
    }

    @Test("a table's columns are aligned, numbers at their right")
    func table() {
        var table = Table(["NAME", "COUNT", "WHERE"], numbers: [1])
        table.add(["a", "5", "x"])
        table.add(["longer", "12345", "y z"])
        #expect(table.text == "NAME    COUNT  WHERE\na           5  x\nlonger  12345  y z")
    }

    @Test("control characters in a table are written out: its rows and columns stay what they are")
    func tableControls() {
        var table = Table(["GROUP", "STATE"])
        table.add(["a\u{1b}[2J\nb", "Empty"])
        #expect(table.text == "GROUP        STATE\na\\x1b[2J\\nb  Empty")
    }

    @Test("a line of the log holds no control character, whatever clients call themselves")
    func logControls() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        let clock = Platform.Clock(now: { Instant(nanoseconds: 0) }, wallMilliseconds: { 0 })
        let log = Log(level: .info, screen: Screen(Console(descriptor: ends[1])), clock: clock)
        log.warning("client 'a\u{1b}]0;x\u{7}\0\u{7f}\u{9b}\r\nb\u{2028}é'", ["group": "c\td"])
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 1000)
        let count = read(ends[0], &bytes, bytes.count)
        close(ends[0])
        let line = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        #expect(line.hasSuffix(#"client 'a\x1b]0;x\x07\x00\x7f\x9b\r\nb\u2028é' group=c\td"# + "\n"), "\(line)")
    }

    @Test("the log's time is UTC, to the millisecond")
    func logTime() {
        #expect(Log.time(1_795_281_755_991) == "2026-11-21T17:22:35.991Z")
        #expect(Log.time(0) == "1970-01-01T00:00:00.000Z")
    }

    @Test("progress is a bar that fills, with its share and what it is of")
    func progress() {
        func bar(_ filled: Int) -> String {
            "[" + String(repeating: "#", count: filled) + String(repeating: " ", count: 40 - filled) + "]"
        }
        #expect(ProgressBar.text(done: 0, total: 10 << 20) == bar(0) + "   0 %  0 of 10 MiB")
        #expect(ProgressBar.text(done: 5 << 20, total: 10 << 20) == bar(20) + "  50 %  5 of 10 MiB")
        #expect(ProgressBar.text(done: (10 << 20) - 1, total: 10 << 20) == bar(39) + "  99 %  9 of 10 MiB")
        #expect(ProgressBar.text(done: 10 << 20, total: 10 << 20) == bar(40) + " 100 %  10 of 10 MiB")
        // A log that is written to meanwhile, and one of nothing.
        #expect(ProgressBar.text(done: 12 << 20, total: 10 << 20) == bar(40) + " 100 %  12 of 10 MiB")
        #expect(ProgressBar.text(done: 0, total: 0) == bar(40) + " 100 %  0 of 0 MiB")
    }

    @Test("sizes and times are short for people")
    func shown() {
        #expect(StatusReport.shown(bytes: 0) == "0 B")
        #expect(StatusReport.shown(bytes: 1023) == "1023 B")
        #expect(StatusReport.shown(bytes: 1536) == "1.5 KiB")
        #expect(StatusReport.shown(bytes: 5 << 40) == "5.0 TiB")
        #expect(StatusReport.shown(seconds: 119) == "119 s")
        #expect(StatusReport.shown(seconds: 7200) == "2 h")
    }

    @Test(
        "an address needs a host form and a port",
        arguments: [
            ("127.0.0.1:9092", "127.0.0.1:9092"), ("[::1]:9092", "[::1]:9092"), ("host:0", "host:0"),
            ("127.0.0.1", nil), ("host:70000", nil), ("::1:9092", nil), ("unix:/x", nil), ("", nil),
        ])
    func addresses(text: String, shown: String?) {
        #expect((try? Address.parse(text))??.description == shown)
    }
}
