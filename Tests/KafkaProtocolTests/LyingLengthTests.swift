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
}
