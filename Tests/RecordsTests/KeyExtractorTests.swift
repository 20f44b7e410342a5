import Records
import TestSupport
import Testing

@Suite("Keys by field number")
struct KeyExtractorTests {
    private func keys(_ text: String, _ number: Int, separator: Character? = nil) -> (keys: [String?], missing: Int) {
        var batch = EventBatch(block: Block(Array(text.utf8)))
        _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 1000, events: &batch.events)
        let missing = KeyExtractor.field(number, separator: separator?.asciiValue, in: &batch)
        return (batch.events.indices.map { batch.key($0).map { String(decoding: $0, as: UTF8.self) } }, missing)
    }

    @Test("fields are awk's: runs of blanks separate, leading ones are ignored")
    func awk() {
        let text = "a b c\n  a\t b\n\n \t \na\n"
        #expect(keys(text, 1) == (["a", "a", nil, nil, "a"], 2))
        #expect(keys(text, 2) == (["b", "b", nil, nil, nil], 3))
        #expect(keys(text, 3) == (["c", nil, nil, nil, nil], 4))
    }

    @Test("with a separator a field may be empty, which is a key and not a missing one")
    func separator() {
        let text = "a,,c\n,x\na\n\n,\n"
        #expect(keys(text, 1, separator: ",") == (["a", "", "a", nil, ""], 1))
        #expect(keys(text, 2, separator: ",") == (["", "x", nil, nil, ""], 2))
        #expect(keys(text, 3, separator: ",") == (["c", nil, nil, nil, nil], 4))
    }

    @Test("a carriage return at the end is not part of the last field")
    func carriageReturn() {
        #expect(keys("a b\r\n\r\nc\r\n", 1) == (["a", nil, "c"], 1))
        #expect(keys("a,b\r\nc,\r\n", 2, separator: ",") == (["b", ""], 0))
    }

    @Test("the parts of a split line share the key of the first")
    func continuations() {
        var batch = EventBatch(block: Block(Array("key abcdefghijklmnop\nother x\n".utf8)))
        _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 8, events: &batch.events)
        #expect(KeyExtractor.field(1, in: &batch) == 0)
        #expect(batch.events.indices.map { batch.key($0) } == ["key", "key", "key", "other"].map { Array($0.utf8) })
    }

    @Test("finds fields in lines longer than a scan", arguments: Seeds.some(100))
    func longLines(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<20).flatMap { _ in
            random.bytes(Int.random(in: 0...400, using: &random), from: Array("abcdefgh,\t\r ".utf8))
                + random.bytes(Int.random(in: 0...150, using: &random), from: Array("  ,".utf8))
                + random.bytes(Int.random(in: 0...150, using: &random), from: Array("x".utf8)) + Array("\r\n".utf8)
        }
        let separator: UInt8? = seed % 2 == 0 ? nil : 0x2c
        for number in [1, 2, 3, 7, 20, 60] {
            var batch = EventBatch(block: Block(bytes))
            _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 1000, events: &batch.events)
            let missing = KeyExtractor.field(number, separator: separator, in: &batch)
            let expected = batch.lines.map { Model.field(number, separator, of: $0.value) }
            #expect(batch.events.indices.map { batch.key($0) } == expected)
            #expect(missing == expected.count { $0 == nil })
        }
    }

    @Test("a part whose beginning is in another block, or of another file, does not take its neighbour's key")
    func foreignNeighbour() {
        let block = Block(Array("k one\nrest of another line\n".utf8))
        var batch = EventBatch(block: block)
        var state = LineCutter.State()
        let next = LineCutter.cut(block, from: 0, timestamp: 0, maxLine: 50, state: &state, events: &batch.events)
        #expect(next == block.count)
        batch.events[1].flags = .continuation
        #expect(KeyExtractor.field(1, in: &batch) == 0)
        #expect(batch.key(0) == [0x6b] && batch.key(1) == nil)
    }

    @Test("finds what the plain model finds on random bytes", arguments: Seeds.some(200))
    func random(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = random.text(Int.random(in: 0...500, using: &random))
        let number = Int.random(in: 1...4, using: &random)
        let separator: UInt8? = [0x2c, 0x20, 0x00].randomElement(using: &random).flatMap {
            random.next() % 3 == 0 ? nil : $0
        }
        var batch = EventBatch(block: Block(bytes))
        _ = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: 1000, events: &batch.events)

        let missing = KeyExtractor.field(number, separator: separator, in: &batch)

        let expected = batch.lines.map { Model.field(number, separator, of: $0.value) }
        #expect(batch.events.indices.map { batch.key($0) } == expected)
        #expect(missing == expected.count { $0 == nil })
    }
}
