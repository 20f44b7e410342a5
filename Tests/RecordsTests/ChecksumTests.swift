import Records
import TestSupport
import Testing

/// One bit at a time, straight from the definition.
private func slow(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    var crc = UInt32.max
    for byte in bytes {
        crc ^= UInt32(byte)
        for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0x82f6_3b78 : crc >> 1 }
    }
    return ~crc
}

@Suite("CRC-32C")
struct ChecksumTests {
    @Test("has the check value that its standard names")
    func checkValue() {
        let digits = Array("123456789".utf8)
        #expect(crc32c(digits.rawSpan) == 0xe306_9283)
        #expect(crc32cPortable(digits.rawSpan) == 0xe306_9283)
        let nothing: [UInt8] = []
        #expect(crc32c(nothing.rawSpan) == 0)
    }

    @Test("is the same by instruction, by tables and by definition, at every short length and alignment")
    func shortLengths() {
        var random = SeededGenerator(seed: 7)
        let bytes = random.bytes(320)
        for start in 0..<16 {
            for end in start...bytes.count {
                let part = bytes[start..<end]
                let expected = crc32cPortable(part.rawSpan)
                #expect(crc32c(part.rawSpan) == expected)
                if end % 16 == 0 { #expect(slow(part) == expected) }
            }
        }
    }

    @Test(
        "is the same around the lengths at which stretches are joined", arguments: [768, 1536, 12_288, 24_576, 65_536])
    func longLengths(_ around: Int) {
        var random = SeededGenerator(seed: UInt64(around))
        let bytes = random.bytes(around + 64)
        for start in 0..<9 {
            for end in (around - 20)..<(around + 20) {
                let part = bytes[start..<end]
                #expect(crc32c(part.rawSpan) == crc32cPortable(part.rawSpan))
            }
        }
        #expect(slow(bytes[...]) == crc32c(bytes.rawSpan))
    }

    @Test("continues where it was left", arguments: [0, 1, 7, 8, 255, 767, 4096, 12_289, 30_000])
    func continues(_ cut: Int) {
        var random = SeededGenerator(seed: 3)
        let bytes = random.bytes(30_000)
        let (head, tail) = (bytes[..<cut], bytes[cut...])
        let first = crc32c(head.rawSpan)
        #expect(crc32c(tail.rawSpan, continuing: first) == crc32c(bytes.rawSpan))
        #expect(crc32cPortable(tail.rawSpan, continuing: first) == crc32c(bytes.rawSpan))
    }
}
