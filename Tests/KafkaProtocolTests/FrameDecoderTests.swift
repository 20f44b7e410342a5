import KafkaProtocol
import Testing

@Suite struct FrameDecoderTests {
    private let frames: [[UInt8]] = [[], [1], Array(repeating: 7, count: 300), [2, 3], Array(0...255)]

    private var stream: [UInt8] {
        frames.flatMap { frame in
            let size = UInt32(frame.count)
            return [
                UInt8(truncatingIfNeeded: size >> 24), UInt8(truncatingIfNeeded: size >> 16),
                UInt8(truncatingIfNeeded: size >> 8), UInt8(truncatingIfNeeded: size),
            ] + frame
        }
    }

    @Test("cuts the same frames however the bytes are dripped", arguments: [1, 2, 3, 5, 7, 64, 1000])
    func dripped(by step: Int) throws {
        var decoder = FrameDecoder()
        var found: [[UInt8]] = []
        var rest = stream[...]
        while !rest.isEmpty {
            decoder.feed(rest.prefix(step))
            rest = rest.dropFirst(step)
            while let frame = try decoder.next() { found.append(Array(frame)) }
        }
        #expect(found == frames)
        #expect(decoder.buffered == 0)
    }

    @Test("refuses a size above the limit as soon as it stands, and again afterwards")
    func tooLarge() {
        var decoder = FrameDecoder(limit: 10)
        decoder.feed([0, 0, 0, 11] as [UInt8])
        for _ in 0..<2 { #expect(throws: WireError.frameSize(11, limit: 10)) { try decoder.next() } }
    }

    @Test("refuses a negative size")
    func negative() {
        var decoder = FrameDecoder()
        decoder.feed([0xff, 0xff, 0xff, 0xff] as [UInt8])
        #expect(throws: WireError.frameSize(-1, limit: FrameDecoder.defaultLimit)) { try decoder.next() }
    }

    @Test("holds no more than what arrived, whatever the size announces")
    func announced() throws {
        var decoder = FrameDecoder()
        decoder.feed([0x06, 0x00, 0x00, 0x00, 1, 2, 3] as [UInt8])
        #expect(try decoder.next() == nil)
        #expect(decoder.buffered == 7)
    }
}
