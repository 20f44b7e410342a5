import Records
import TestSupport
import Testing

@Suite("Cutting lines")
struct LineCutterTests {
    @Test("cuts as the plain model does, values, continuations and rest", arguments: Seeds.some(200))
    func oneBlock(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = random.text(Int.random(in: 0...400, using: &random))
        let maxLine = Int.random(in: 1...20, using: &random)
        let expected = Model.lines(bytes, maxLine: maxLine, whole: false)

        var batch = EventBatch(block: Block(bytes))
        let end = LineCutter.cut(batch.block, from: 0, timestamp: 5, maxLine: maxLine, events: &batch.events)

        #expect(batch.lines == expected.lines)
        #expect(Array(bytes[end...]) == expected.rest)
        #expect(batch.events.allSatisfy { $0.timestamp == 5 && $0.key.isNone })
    }

    @Test("block borders change nothing, wherever they fall", arguments: Seeds.some(200))
    func manyBlocks(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = random.text(Int.random(in: 0...600, using: &random))
        let maxLine = Int.random(in: 1...20, using: &random)
        var lines: [Model.Line] = []
        var state = LineCutter.State()
        var rest: [UInt8] = []
        var position = 0
        while position < bytes.count {
            let size = min(bytes.count - position, Int.random(in: 1...30, using: &random))
            var batch = EventBatch(block: Block(rest + bytes[position..<position + size]))
            position += size
            let end =
                position == bytes.count
                ? LineCutter.cutLast(
                    batch.block, from: 0, timestamp: 0, maxLine: maxLine, state: &state, events: &batch.events)
                : LineCutter.cut(
                    batch.block, from: 0, timestamp: 0, maxLine: maxLine, state: &state, events: &batch.events)
            rest = batch.block.array(Slice(start: UInt32(end), length: UInt32(batch.block.count - end)))
            #expect(rest.count <= maxLine)
            lines += batch.lines
        }
        #expect(lines == Model.lines(bytes, maxLine: maxLine, whole: true).lines)
        #expect(rest.isEmpty && state == LineCutter.State())
    }

    @Test("lines longer than a scan are cut as the plain model cuts them", arguments: Seeds.some(50))
    func longLines(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let bytes = (0..<30).flatMap { _ in
            random.bytes(Int.random(in: 0...300, using: &random), from: Array("ab \0".utf8)) + Array("\n".utf8)
        }
        for maxLine in [63, 64, 65, 127, 128, 200, 1000] {
            var batch = EventBatch(block: Block(bytes))
            let end = LineCutter.cut(batch.block, from: 0, timestamp: 0, maxLine: maxLine, events: &batch.events)
            #expect(end == bytes.count)
            #expect(batch.lines == Model.lines(bytes, maxLine: maxLine, whole: false).lines)
        }
    }

    @Test("goes on in a block that was filled further")
    func growing() {
        let block = Block(Array("one\ntw".utf8), room: 20)
        var batch = EventBatch(block: block)
        let rest = LineCutter.cut(block, from: 0, timestamp: 0, maxLine: 10, events: &batch.events)
        #expect(rest == 4)
        block.append(Array("o\n\r\nthree".utf8))
        let end = LineCutter.cut(block, from: rest, timestamp: 0, maxLine: 10, events: &batch.events)
        #expect(batch.lines.map(\.value) == ["one", "two", "\r"].map { Array($0.utf8) })
        #expect(end == 10)
    }

    @Test("a line of exactly the longest length is not split, one byte more is")
    func exactLength() {
        for (text, parts) in [("abcd\n", 1), ("abcde\n", 2), ("abcdefgh\n", 2), ("abcdefghi\n", 3)] {
            var events: [Event] = []
            _ = LineCutter.cut(Block(Array(text.utf8)), from: 0, timestamp: 0, maxLine: 4, events: &events)
            #expect(events.count == parts)
        }
    }

    @Test("a line of the longest length that has not ended yet waits for its end")
    func undecided() {
        var events: [Event] = []
        let end = LineCutter.cut(Block(Array("abcd".utf8)), from: 0, timestamp: 0, maxLine: 4, events: &events)
        #expect(end == 0 && events.isEmpty)
    }
}

@Suite("Looking at 64 bytes at once")
struct ByteScanTests {
    @Test("finds every byte, with the CPU's help and without", arguments: Seeds.some(50))
    func matches(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<50 {
            let bytes = seed % 2 == 0 ? random.text(64) : random.bytes(64, from: [0x0a, 0x0b, 0x8a, 0x09, 0x00, 0x80])
            for byte: UInt8 in [0x0a, 0x00, 0x20, 0xff, 0x80] {
                let expected = bytes.enumerated().reduce(into: UInt64(0)) { mask, element in
                    if element.element == byte { mask |= 1 << UInt64(element.offset) }
                }
                let found = ByteScan.matches(in: bytes.rawSpan, byte)
                let portable = ByteScan.portableMatches(in: bytes.rawSpan, byte)
                #expect(found == expected && portable == expected)
            }
        }
    }
}
