import Broker
import KafkaProtocol
import Platform
import Sockets
import TestSupport
import Testing

@testable import KafkaServer

@Suite struct RequestTests {
    @Test(
        "answers every request that real clients sent and whose version is spoken, by its correlation id",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)))
    func wireVectors() throws {
        let server = try TestServer(StubService())
        let client = try server.connect()
        let spoken = WireRequest.all.filter(\.isSpoken)
        #expect(spoken.count > 50)
        for request in spoken {
            try client.send(request.frame)
            if request.key == APIKey.produce.rawValue, acks(of: request) == 0 { continue }
            #expect(try client.receiveID() == request.correlationId, "\(request.name)")
        }
    }

    private func acks(of request: WireRequest) -> Int16? {
        guard let (header, body) = try? RequestHeader.parse(request.frame[4...]) else { return nil }
        return try? ProduceRequest(decoding: body, version: header.apiVersion).acks
    }

    @Test(
        "closes the connection on every request that is not spoken, and says which in one line",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)))
    func notSpoken() throws {
        let foreign = WireRequest.all.filter { !$0.isSpoken && $0.key != APIKey.apiVersions.rawValue }
        #expect(foreign.count > 20)
        for request in foreign {
            let server = try TestServer(StubService())
            let client = try server.connect()
            try client.send(request.frame)
            #expect(try client.rest() == [], "\(request.name)")
            let line = try server.line()
            #expect(line.contains(" is not known") || line.contains(" is not spoken"), "\(line)")
            #expect(line.contains("127.0.0.1:"), "\(line)")
        }
    }

    @Test("answers a version of ApiVersions that it does not know in version 0, with the range it knows")
    func apiVersionsFallback() throws {
        let server = try TestServer(StubService())
        let client = try server.connect()
        // Version 5: its body is not to be read, so it may hold anything.
        try client.send(bytes("00000015" + "0012" + "0005" + "00000007" + "0004" + "6a617661" + "ffffffffffff00"))
        let answer = try client.receive()
        #expect(Array(answer) == bytes("00000007" + "0023" + "00000001" + "0012" + "0000" + "0004"))
        let next = try client.call(ApiVersionsRequest.named("java"), version: 4)
        #expect(next.errorCode == .none)
        #expect(next.apiKeys.contains { $0.apiKey == 0 && $0.minVersion == 0 && $0.maxVersion == 11 })
        #expect(server.lines.withLock { $0 } == [])
    }

    @Test("refuses a client software name that Kafka refuses", arguments: ["", "-a", "a b", "a.", "ä"])
    func clientName(name: String) throws {
        let server = try TestServer(StubService())
        let response = try server.connect().call(ApiVersionsRequest.named(name), version: 3)
        #expect(response.errorCode == .invalidRequest)
        #expect(response.apiKeys.isEmpty)
    }

    @Test("tells the service who asks")
    func context() throws {
        let service = StubService()
        let server = try TestServer(service)
        _ = try server.connect().call(HeartbeatRequest(), version: 3)
        _ = try server.connect().call(MetadataRequest(), version: 9)
        let contexts = service.seen.withLock { $0.contexts }
        #expect(contexts.map(\.version) == [3, 9])
        #expect(contexts.map(\.clientID) == ["tester", "tester"])
        #expect(contexts.map(\.clientHost) == ["127.0.0.1", "127.0.0.1"])
        #expect(contexts[0].connection != contexts[1].connection)
    }

    @Test("answers requests that come byte by byte")
    func dripped() throws {
        let server = try TestServer(StubService())
        let client = try server.connect()
        for id in Int32(1)...2 {
            for byte in try MetadataRequest().frame(version: 12, correlationId: id, clientId: "drip") {
                try client.send([byte])
            }
            #expect(try client.receiveID() == id)
        }
    }
}

extension ApiVersionsRequest {
    static func named(_ name: String) -> ApiVersionsRequest {
        var request = ApiVersionsRequest()
        request.clientSoftwareName = name
        request.clientSoftwareVersion = "1.0"
        return request
    }
}
