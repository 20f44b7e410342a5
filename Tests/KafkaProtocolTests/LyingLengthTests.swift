import KafkaProtocol
import Testing

/// Lengths and counts that promise more than there is.
@Suite struct LyingLengthTests {
    @Test(
        "refuses a count or length that the remaining bytes cannot cover",
        arguments: [
            ("7fffffff", Int16(1)), ("00000002 0001", 1), ("00000001 7fff", 1), ("fffffffe", 1),
            ("ffffffff0f", 9), ("ffffffffff", 9), ("808080808080", 9), ("8000", 9),
        ])
    func refused(digits: String, version: Int16) {
        let body = bytes(digits.filter { $0 != " " })
        #expect(throws: WireError.self) { try MetadataRequest(decoding: body[...], version: version) }
    }

    @Test("refuses more array elements than the limit, though the bytes are there")
    func elementLimit() {
        let names = Array(repeating: [UInt8]([0, 1, 0x78]), count: 11).flatMap { $0 }
        let body = [0, 0, 0, 11] + names + [1]
        #expect(throws: WireError.tooManyElements(limit: 10)) {
            try DescribeGroupsRequest(decoding: body[...], version: 0, elementLimit: 10)
        }
        #expect(throws: Never.self) { try DescribeGroupsRequest(decoding: body[...], version: 0, elementLimit: 11) }
    }

    @Test("refuses null for what may not be null")
    func null() {
        #expect(throws: WireError.self) {
            try HeartbeatRequest(decoding: bytes("ffff00000001 0000".filter { $0 != " " })[...], version: 0)
        }
        #expect(throws: WireError.self) { try DescribeGroupsRequest(decoding: bytes("ffffffff")[...], version: 0) }
    }

    @Test("refuses to write a string that the old form has no length for")
    func longString() {
        var request = HeartbeatRequest()
        request.groupId = String(repeating: "x", count: 32_768)
        #expect(throws: WireError.self) { try request.frame(version: 0, correlationId: 0, clientId: nil) }
        #expect(throws: Never.self) { try request.frame(version: 4, correlationId: 0, clientId: nil) }
    }

    @Test(
        "refuses a string that is longer than the old form could say, in the flexible form too",
        arguments: [(UInt8(0x78), 32_767, true), (0x78, 32_768, false), (0xFF, 10_922, true), (0xFF, 10_923, false)])
    func longStringRead(byte: UInt8, count: Int, isTaken: Bool) throws {
        // A byte that is not UTF-8 becomes three.
        let body = [2] + varint(count + 1) + [UInt8](repeating: byte, count: count) + [0, 0]
        let request = try? DescribeGroupsRequest(decoding: body[...], version: 5)
        #expect((request != nil) == isTaken)
    }

    @Test("takes bytes that are longer than a string may be")
    func longBytes() throws {
        let body = varint(100_001) + [UInt8](repeating: 0x78, count: 100_000)
        var reader = FieldReader(body[...], version: 4, isFlexible: true)
        var value: [UInt8] = []
        try reader.walk(&value)
        #expect(value.count == 100_000)
    }

    private func varint(_ value: Int) -> [UInt8] {
        [UInt8(value & 0x7F) | 0x80, UInt8(value >> 7 & 0x7F) | 0x80, UInt8(value >> 14)]
    }
}
