import Broker
import Foundation
import KafkaProtocol
import Platform
import Sockets
import TestSupport
import Testing

@testable import KafkaServer

/// A deadline far enough for a busy machine.
func soon() -> Instant { Platform.Clock.system.now() + .seconds(60) }

/// A listener on a free port of the loopback, serving `service`.
final class TestServer {
    let loop: EventLoop
    let listener: KafkaListener
    let lines = Lock<[String]>([])

    init(_ service: any KafkaService, options: KafkaServerOptions = KafkaServerOptions()) throws {
        loop = try EventLoop(name: "test")
        let lines = self.lines
        listener = try KafkaListener(
            on: .tcp(host: "127.0.0.1", port: 0), loop: loop, service: service, options: options
        ) { line in lines.withLockNotifying { $0.append(line) } }
        try listener.start()
    }

    deinit { loop.stop() }

    func connect() throws -> TestClient {
        TestClient(try ClientSocket.connect(to: .tcp(host: "127.0.0.1", port: listener.port), deadline: soon()))
    }

    /// The first log line, waited for.
    func line() throws -> String { try #require(lines.wait(until: soon()) { $0.first }) }
}

/// A client that speaks frames.
struct TestClient: Sendable {
    let socket: ClientSocket

    init(_ socket: ClientSocket) { self.socket = socket }

    func send(_ bytes: [UInt8]) throws { try socket.write(bytes, deadline: soon()) }

    func send(_ request: some RequestMessage, version: Int16, id: Int32, client: String = "tester") throws {
        try send(try request.frame(version: version, correlationId: id, clientId: client))
    }

    /// The next answer, without its size.
    func receive() throws -> ArraySlice<UInt8> {
        let size = try socket.read(exactly: 4, deadline: soon()).reduce(0) { $0 << 8 | Int($1) }
        return try socket.read(exactly: size, deadline: soon())[...]
    }

    /// The correlation id of the next answer.
    func receiveID() throws -> Int32 { try receive().prefix(4).reduce(0) { $0 << 8 | Int32($1) } }

    func call<Request: RequestMessage>(
        _ request: Request, version: Int16, id: Int32 = 1
    ) throws -> Request.Response {
        try send(request, version: version, id: id)
        let (answered, response) = try Request.Response.decode(frame: try receive(), version: version)
        #expect(answered == id)
        return response
    }

    /// Everything until the server closes.
    func rest() throws -> [UInt8] {
        do {
            return try socket.readToEnd(limit: 64 << 20, deadline: soon())
        } catch {
            // A server that closes with unread bytes before it resets the connection: also an end.
            if error.code == ECONNRESET { return [] }
            throw error
        }
    }
}

func produce(acks: Int16, records: Int = 0, topic: String = "t") -> ProduceRequest {
    var partition = ProduceRequest.PartitionData()
    partition.records = [UInt8](repeating: 0x55, count: records)[...]
    var data = ProduceRequest.TopicData()
    data.name = topic
    data.partitionData = [partition]
    var request = ProduceRequest()
    request.acks = acks
    request.topicData = [data]
    return request
}

/// What real clients sent: each line of `vectors/wire`.
struct WireRequest: Sendable, CustomTestStringConvertible {
    let name: String
    let key: Int16
    let version: Int16
    /// With its size in front.
    let frame: [UInt8]

    var testDescription: String { name }
    var isSpoken: Bool { APIKey(rawValue: key)?.versions.contains(version) ?? false }
    var correlationId: Int32 { frame[8..<12].reduce(0) { $0 << 8 | Int32($1) } }

    static let all: [WireRequest] = Shared.names(in: "vectors/wire").flatMap { file -> [WireRequest] in
        let text = (try? Shared.bytes("vectors/wire/" + file)) ?? []
        return text.split(separator: UInt8(ascii: "\n")).compactMap { line in
            guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any],
                let key = object["key"] as? Int, let version = object["version"] as? Int,
                let hex = object["request_frame"] as? String
            else { return nil }
            let name = "\(file): \(object["api"] ?? key) \(version)"
            return WireRequest(name: name, key: Int16(key), version: Int16(version), frame: bytes(hex))
        }
    }
}

/// Bytes from hexadecimal digits.
func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.utf8.map { $0 < 0x3a ? $0 - 0x30 : ($0 | 0x20) - 0x57 }
    return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
