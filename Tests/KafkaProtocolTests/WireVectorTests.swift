import Foundation
import KafkaProtocol
import Records
import TestSupport
import Testing

/// Frames that real clients sent and accepted.
@Suite(.enabled(if: Shared.directory != nil, "\(Shared.missing)"))
struct WireVectorTests {
    @Test("covers the exchanges of six clients") func coverage() {
        #expect(Exchange.all.count > 90)
        #expect(Set(Exchange.all.map(\.api)).count >= 18)
    }

    @Test("reads a client's request as the client meant it, and writes the same bytes", arguments: Exchange.all)
    func request(_ exchange: Exchange) throws {
        let (header, body) = try RequestHeader.parse(exchange.requestFrame[4...])
        #expect(header.api == exchange.api)
        #expect(header.apiVersion == exchange.version)
        #expect(header.clientId == exchange.clientId)
        #expect(header.isSpoken)
        try check(exchange.api.request, exchange, header, body)
    }

    private func check<R: RequestMessage>(
        _: R.Type, _ exchange: Exchange, _ header: RequestHeader, _ body: ArraySlice<UInt8>
    ) throws {
        let request = try R(decoding: body, version: exchange.version)
        let json = try JSONSerialization.jsonObject(with: exchange.request)
        #expect(differences(request, json) == [])
        let frame = try request.frame(
            version: exchange.version, correlationId: header.correlationId, clientId: header.clientId)
        #expect(hex(frame) == hex(exchange.requestFrame))
    }

    @Test("reads an answer that a client accepted, and writes the same bytes", arguments: Exchange.all)
    func response(_ exchange: Exchange) throws {
        try check(exchange.api.response, exchange)
    }

    private func check<R: ResponseMessage>(_: R.Type, _ exchange: Exchange) throws {
        let (_, response) = try R.decode(frame: exchange.responseFrame[4...], version: exchange.version)
        let json = try JSONSerialization.jsonObject(with: exchange.response)
        #expect(differences(response, json).filter { !isNotOnTheWire($0, exchange) } == [])
        #expect(
            try hex(R.again(exchange.responseFrame[4...], version: exchange.version))
                == hex(exchange.responseFrame[4...]))
    }

    /// The JSON of answers also names fields that the version does not carry.
    private func isNotOnTheWire(_ difference: String, _ exchange: Exchange) -> Bool {
        let since: [String: Int16] = [
            "JoinGroup.protocolType": 7, "SyncGroup.protocolType": 5, "SyncGroup.protocolName": 5,
            "CreateTopics.topicId": 7, "Metadata.topicId": 10, "Metadata.leaderEpoch": 7, "Metadata.offlineReplicas": 5,
            "ListOffsets.leaderEpoch": 4, "DescribeConfigs.configType": 3, "CreateTopics.numPartitions": 5,
            "CreateTopics.replicationFactor": 5,
        ]
        let field = difference.prefix { $0 != ":" }.split(separator: ".").last ?? ""
        return exchange.version < since["\(exchange.api.name).\(field)"] ?? 0
    }

    @Test("refuses every proper prefix of a request", arguments: Exchange.all)
    func requestPrefixes(_ exchange: Exchange) throws {
        try refusesPrefixes(exchange.api.request, exchange)
    }

    private func refusesPrefixes<R: RequestMessage>(_: R.Type, _ exchange: Exchange) throws {
        let (_, body) = try RequestHeader.parse(exchange.requestFrame[4...])
        for end in body.indices {
            #expect(throws: WireError.self) { try R(decoding: body[..<end], version: exchange.version) }
        }
    }

    @Test("refuses every proper prefix of an answer", arguments: Exchange.all)
    func responsePrefixes(_ exchange: Exchange) throws {
        try refusesPrefixes(exchange.api.response, exchange)
    }

    private func refusesPrefixes<R: ResponseMessage>(_: R.Type, _ exchange: Exchange) throws {
        let frame = exchange.responseFrame[4...]
        for end in frame.indices {
            #expect(throws: WireError.self) { try R.decode(frame: frame[..<end], version: exchange.version) }
        }
    }

    @Test("takes or refuses damaged bytes, and what it takes it can write and read again", arguments: Exchange.all)
    func damage(_ exchange: Exchange) throws {
        var random = SeededGenerator(seed: UInt64(exchange.requestFrame.count) << 20 | UInt64(exchange.version))
        let body = try RequestHeader.parse(exchange.requestFrame[4...]).body
        for _ in 0..<200 {
            var damaged = Array(body)
            for _ in 0...Int.random(in: 0..<3, using: &random) where !damaged.isEmpty {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            try survives(exchange.api.request, damaged[...], version: exchange.version)
        }
    }

    @Test("takes or refuses a damaged answer", arguments: Exchange.all)
    func damagedAnswer(_ exchange: Exchange) throws {
        var random = SeededGenerator(seed: UInt64(exchange.responseFrame.count) << 20 | UInt64(exchange.version))
        for _ in 0..<100 {
            var damaged = Array(exchange.responseFrame.dropFirst(4))
            for _ in 0...Int.random(in: 0..<3, using: &random) {
                damaged[Int.random(in: 0..<damaged.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            try survives(exchange.api.response, damaged[...], version: exchange.version)
        }
    }

    private func survives<R: ResponseMessage>(_: R.Type, _ frame: ArraySlice<UInt8>, version: Int16) throws {
        guard (try? R.decode(frame: frame, version: version)) != nil else { return }
        let again = try R.again(frame, version: version)
        #expect(try R.again(again[...], version: version) == again)
    }

    private func survives<R: RequestMessage>(_: R.Type, _ body: ArraySlice<UInt8>, version: Int16) throws {
        guard let request = try? R(decoding: body, version: version) else { return }
        let frame = try request.frame(version: version, correlationId: 0, clientId: nil)
        let again = try RequestHeader.parse(frame[4...])
        let copy = try R(decoding: again.body, version: version)
        #expect("\(copy)" == "\(request)")
    }
}
