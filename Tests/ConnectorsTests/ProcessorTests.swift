import Pipelines
import Records
import Settings
import Testing

@testable import Connectors

@Suite("key and filter")
struct ProcessorTests {
    static func batch(_ lines: [String]) -> EventBatch {
        let bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
        let block = Block(capacity: max(1, bytes.count))
        _ = block.fill { free in
            free.copyBytes(from: bytes)
            return bytes.count
        }
        var batch = EventBatch(block: block)
        _ = LineCutter.cut(block, from: 0, timestamp: 1, maxLine: 1000, events: &batch.events)
        return batch
    }

    static func text(_ slice: Slice, in batch: EventBatch) -> String? {
        guard !slice.isNone else { return nil }
        return batch.block.bytes.withUnsafeBytes {
            String(decoding: $0[Int(slice.start)..<Int(slice.start + slice.length)], as: UTF8.self)
        }
    }

    static func values(_ batch: EventBatch) -> [String] { batch.events.map { text($0.value, in: batch) ?? "-" } }
    static func keys(_ batch: EventBatch) -> [String?] { batch.events.map { text($0.key, in: batch) } }

    @Test("filter keeps what matches, or drops it, in order")
    func filter() throws {
        var options = FilterOptions()
        options.match = PatternText(text: "^[ab]")
        var batch = Self.batch(["a1", "x", "b1", "", "a2"])
        let keep = try FilterProcessor(options)
        keep.process(&batch)
        #expect(Self.values(batch) == ["a1", "b1", "a2"])
        #expect(keep.counters["dropped"] == 2)
        options = FilterOptions()
        options.drop = PatternText(text: "1$")
        let drop = try FilterProcessor(options)
        drop.process(&batch)
        #expect(Self.values(batch) == ["a2"])
    }

    @Test("key takes the first group of a regular expression, or the whole match")
    func regexKey() throws {
        var options = KeyOptions()
        options.regex = PatternText(text: "user=(\\w+)")
        var batch = Self.batch(["x user=anna y", "nobody", "user=ben"])
        let key = try KeyProcessor(options)
        key.process(&batch)
        #expect(Self.keys(batch) == ["anna", nil, "ben"])
        #expect(key.counters["without_key"] == 1)
        options.regex = PatternText(text: "[0-9]+")
        var numbers = Self.batch(["a 17 b", "18"])
        try KeyProcessor(options).process(&numbers)
        #expect(Self.keys(numbers) == ["17", "18"])
    }

    @Test("a group that took no part in the match gives no key")
    func unsetGroup() throws {
        var options = KeyOptions()
        options.regex = PatternText(text: "(a)|b")
        var batch = Self.batch(["a", "b"])
        try KeyProcessor(options).process(&batch)
        #expect(Self.keys(batch) == ["a", nil])
    }

    @Test("key takes a field, by blanks or by a separator")
    func fieldKey() throws {
        var options = KeyOptions()
        options.field = 2
        var batch = Self.batch(["  one  two three", "one"])
        try KeyProcessor(options).process(&batch)
        #expect(Self.keys(batch) == ["two", nil])
        options.separator = ";"
        var separated = Self.batch(["a;b;c", "a;;c"])
        try KeyProcessor(options).process(&separated)
        #expect(Self.keys(separated) == ["b", ""])
    }

    @Test("a pattern that would take for ever counts as no match, and is counted")
    func limits() throws {
        let pattern = try Pattern("^(a+)+$")
        var batch = Self.batch([String(repeating: "a", count: 60) + "!", "aaa"])
        #expect(pattern.filter(&batch, keepingMatches: true) == 1)
        #expect(Self.values(batch) == ["aaa"])
        #expect(pattern.exhausted == 1)
    }

    @Test("a pattern that does not compile is refused with its place")
    func refused() {
        #expect(throws: ScalarProblem.self) { try PatternText.parse("a(b") }
        do {
            _ = try PatternText.parse("a(b")
        } catch {
            #expect(error.message.contains("missing closing parenthesis at byte 3"))
        }
    }
}
