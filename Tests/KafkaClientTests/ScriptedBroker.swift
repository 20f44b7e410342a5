import KafkaProtocol
import Platform
import Records
import Sockets

/// A broker that answers as a test says, on a port of its own.
final class ScriptedBroker: Sendable {
    /// What it does with one request.
    enum Reply: Sendable {
        case answer(@Sendable (Int16) throws -> any ResponseMessage)
        /// Bytes as they are.
        case bytes([UInt8])
        case silence
        case hangUp
    }

    typealias Script = @Sendable (RequestHeader, ArraySlice<UInt8>) throws -> Reply

    let port: Int
    private let loop: EventLoop
    private let listener: Listener
    private let log: Lock<[RequestHeader]>

    init(_ script: @escaping Script) throws {
        loop = try EventLoop(name: "scripted")
        let log = Lock([RequestHeader]())
        self.log = log
        listener = try Listener(on: .tcp(host: "127.0.0.1", port: 0), loop: loop, log: { _ in }) { _ in
            Handler(log, script)
        }
        try listener.start()
        port = listener.port
    }

    deinit { loop.stop() }

    var endpoint: Endpoint { .tcp(host: "127.0.0.1", port: port) }

    /// The headers of all requests, in order.
    var requests: [RequestHeader] { log.withLock { $0 } }

    func count(of api: APIKey) -> Int { requests.count { $0.api == api } }

    private final class Handler: ConnectionHandler, @unchecked Sendable {  // the loop's thread only
        private var decoder = FrameDecoder()
        private let log: Lock<[RequestHeader]>
        private let script: Script

        init(_ log: Lock<[RequestHeader]>, _ script: @escaping Script) {
            self.log = log
            self.script = script
        }

        func received(_ bytes: ArraySlice<UInt8>, on connection: Connection) {
            decoder.feed(bytes)
            do {
                while let frame = try decoder.next() { try answer(frame, connection) }
            } catch {
                connection.close(.local("\(error)"))
            }
        }

        func inputEnded(on connection: Connection) { connection.close(.peerClosed) }

        func closed(_ connection: Connection, _ reason: CloseReason) {}

        private func answer(_ frame: ArraySlice<UInt8>, _ connection: Connection) throws {
            let (header, body) = try RequestHeader.parse(frame)
            log.withLock { $0.append(header) }
            switch try script(header, body) {
            case .answer(let make):
                let message = try make(header.apiVersion)
                connection.send(try message.frame(version: header.apiVersion, correlationId: header.correlationId))
            case .bytes(let bytes): connection.send([.bytes(bytes)])
            case .silence: break
            case .hangUp: connection.close(.local("scripted"))
            }
        }
    }
}

extension ScriptedBroker.Reply {
    static func message(_ message: some ResponseMessage) -> Self { .answer { _ in message } }

    /// Offers everything that is spoken here, up to `limit` for one API.
    static func versions(limiting api: APIKey? = nil, to limit: Int16 = 0) -> Self {
        var response = ApiVersionsResponse()
        response.apiKeys = APIKey.allCases.map { key in
            var range = ApiVersionsResponse.ApiKeys()
            range.apiKey = key.rawValue
            range.minVersion = key == api ? min(limit, key.versions.lowerBound) : key.versions.lowerBound
            range.maxVersion = key == api ? limit : key.versions.upperBound
            return range
        }
        return .message(response)
    }

    /// One broker at `port`, which leads all partitions of one topic.
    /// - Parameter offline: those whose only replica is not there.
    static func metadata(port: Int, topic: String = "t", partitions: Int32 = 1, offline: Set<Int32> = []) -> Self {
        var broker = MetadataResponse.Brokers()
        broker.nodeId = 1
        broker.host = "127.0.0.1"
        broker.port = Int32(port)
        var described = MetadataResponse.Topics()
        described.name = topic
        described.partitions = (0..<partitions).map { index in
            var partition = MetadataResponse.Partitions()
            partition.partitionIndex = index
            partition.leaderId = offline.contains(index) ? -1 : 1
            partition.replicaNodes = [1]
            partition.offlineReplicas = offline.contains(index) ? [1] : []
            return partition
        }
        var response = MetadataResponse()
        response.brokers = [broker]
        response.controllerId = 1
        response.topics = [described]
        return .message(response)
    }
}
