import KafkaProtocol
import Records
import Testing

@Suite struct MessageTests {
    @Test("writes and reads an empty message of every version", arguments: APIKey.allCases)
    func defaults(_ api: APIKey) throws {
        for version in api.versions {
            try roundTrip(api.request, version)
            try roundTrip(api.response, version)
        }
    }

    private func roundTrip<R: RequestMessage>(_: R.Type, _ version: Int16) throws {
        let frame = try R().frame(version: version, correlationId: 3, clientId: "me")
        let (header, body) = try RequestHeader.parse(frame[4...])
        #expect(header == RequestHeader(apiKey: R.api.rawValue, apiVersion: version, correlationId: 3, clientId: "me"))
        let again = try R(decoding: body, version: version)
        #expect(try again.frame(version: version, correlationId: 3, clientId: "me") == frame)
    }

    private func roundTrip<R: ResponseMessage>(_: R.Type, _ version: Int16) throws {
        let frame = try R().whole(version: version, correlationId: 5)
        #expect(try R.again(frame[...], version: version) == frame)
    }

    @Test("refuses a version that is not spoken", arguments: APIKey.allCases)
    func unspoken(_ api: APIKey) {
        let version = api.versions.upperBound + 1
        func decode<R: RequestMessage>(_: R.Type) throws { _ = try R(decoding: [], version: version) }
        #expect(throws: WireError.unsupportedVersion(api, version)) { try decode(api.request) }
    }

    @Test("ignores what librdkafka leaves behind the last field of a Metadata request")
    func strayBytes() throws {
        // Sent in version 13; 12 has the same layout.
        var frame = bytes("000000180003000d00000003000772646b61666b610000000000010000")
        frame[7] = 12
        let (header, body) = try RequestHeader.parse(frame[4...])
        let request = try MetadataRequest(decoding: body, version: header.apiVersion)
        #expect(request.topics == nil)
        #expect(!request.allowAutoTopicCreation)
        #expect(!request.includeTopicAuthorizedOperations)
        let written = try request.frame(
            version: 12, correlationId: header.correlationId, clientId: header.clientId)
        #expect(written.count == frame.count - 3)
    }

    @Test("answers an ApiVersions request of an unknown version in version 0, its body unread")
    func apiVersionsFallback() throws {
        let (header, _) = try RequestHeader.parse(bytes("001200ff000000070001780102030405")[...])
        #expect(header.api == .apiVersions)
        #expect(!header.isSpoken)
        #expect(header.clientId == "x")
        var response = ApiVersionsResponse()
        response.errorCode = .unsupportedVersion
        var versions = ApiVersionsResponse.ApiKeys()
        versions.apiKey = APIKey.apiVersions.rawValue
        versions.maxVersion = APIKey.apiVersions.advertisedVersions.upperBound
        response.apiKeys = [versions]
        let frame = try response.frame(version: 0, correlationId: header.correlationId)
        guard case .bytes(let written) = frame[0] else { return }
        #expect(hex(written) == "0000001000000007002300000001001200000004")
    }

    @Test("names a key that is not spoken, and reads its header")
    func unknownKey() throws {
        let (header, _) = try RequestHeader.parse(bytes("270f000000000001ffff")[...])
        #expect(header.api == nil)
        #expect(header.apiKey == 9999)
        #expect(!header.isSpoken)
    }

    @Test("takes an empty topic list of Metadata 0 for all topics, and one of version 1 for none")
    func metadataTopics() throws {
        #expect(try MetadataRequest(decoding: bytes("00000000")[...], version: 0).topics == nil)
        #expect(try MetadataRequest(decoding: bytes("00000000")[...], version: 1).topics == [])
        #expect(try MetadataRequest(decoding: bytes("ffffffff")[...], version: 1).topics == nil)
    }

    @Test("skips tagged fields that it does not know, wherever they stand")
    func unknownTags() throws {
        // Heartbeat 4: group "g", generation 1, member "m", no instance, one tag 9 of 2 bytes.
        let request = try HeartbeatRequest(
            decoding: bytes("0267 00000001 026d 00 01 09 02 abcd".filter { $0 != " " })[...], version: 4)
        #expect(request.groupId == "g")
        #expect(request.memberId == "m")
        #expect(request.groupInstanceId == nil)
    }

    @Test("passes spans of files through a Fetch response and counts them in its size")
    func fileSpans() throws {
        final class File: FileSpanSource {
            var descriptor: Int32? { nil }
            func read(position: Int64, length: Int) throws -> [UInt8] { [] }
        }
        var partition = FetchResponse.Partitions()
        partition.records = [.file(FileSpan(source: File(), position: 10, length: 1000)), .bytes([1, 2, 3])]
        var topic = FetchResponse.Responses()
        topic.partitions = [partition, FetchResponse.Partitions()]
        var response = FetchResponse()
        response.responses = [topic]
        for version in FetchResponse.versions {
            let pieces = try response.frame(version: version, correlationId: 1)
            #expect(pieces.count == 3)
            guard case .bytes(let first) = pieces[0], case .file(let span) = pieces[1] else { continue }
            #expect(span.length == 1000)
            let size = first.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            #expect(size == pieces.reduce(0) { $0 + $1.length } - 4)
            let flat =
                Array(first.dropFirst(4)) + Array(repeating: 0, count: 1000)
                + Array(pieces.dropFirst(2).flatMap { if case .bytes(let b) = $0 { b } else { [UInt8]() } })
            let read = try FetchResponse.decode(frame: flat[...], version: version).response
            #expect(read.responses[0].partitions[0].records.first?.length == 1003)
            #expect(read.responses[0].partitions[1].records.isEmpty)
        }
    }
}
