import Broker
import CommitLog
import Foundation
import KafkaProtocol
import Platform
import Records
import Sockets
import TestSupport
import Testing

@testable import KafkaServer

/// A node on a directory of its own behind a listener.
final class NodeServer {
    let path = NSTemporaryDirectory() + "/server-\(UUID().uuidString)"
    let directory: DataDirectory
    let loop: EventLoop
    let node: Node
    let listener: KafkaListener
    let lines = Lock<[String]>([])

    init(options: KafkaServerOptions = KafkaServerOptions()) throws {
        let lines = self.lines
        let log: @Sendable (String) -> Void = { line in lines.withLockNotifying { $0.append(line) } }
        directory = try DataDirectory.open(path)
        loop = try EventLoop(name: "test")
        var brokerOptions = BrokerOptions()
        brokerOptions.groups.initialRebalanceDelay = .zero
        node = Node(
            directory: directory, options: brokerOptions, scheduler: loop,
            advertised: Node.Endpoint(host: "127.0.0.1", port: 0), log: log)
        try node.start()
        listener = try KafkaListener(
            on: .tcp(host: "127.0.0.1", port: 0), loop: loop, service: node, options: options, log: log)
        node.advertise(Node.Endpoint(host: "127.0.0.1", port: Int32(listener.port)))
        try listener.start()
    }

    deinit {
        node.stop()
        loop.stop()
        try? directory.close()
        try? FileManager.default.removeItem(atPath: path)
    }

    func connect() throws -> TestClient {
        TestClient(try ClientSocket.connect(to: .tcp(host: "127.0.0.1", port: listener.port), deadline: soon()))
    }
}

@Suite struct NodeServerTests {
    private func batch(_ values: [String]) throws -> ArraySlice<UInt8> {
        let records = values.enumerated().map { offset, value in
            Record(
                offset: Int64(offset), timestamp: Platform.Clock.system.wallMilliseconds(), key: nil,
                value: Array(value.utf8), headers: [])
        }
        let batch = try RecordBatch.encode(records)
        return batch.bytes.withUnsafeBytes { Array($0) }[...]
    }

    private func produce(_ values: [String], to topic: String, acks: Int16 = 1) throws -> ProduceRequest {
        var request = KafkaServerTests.produce(acks: acks, topic: topic)
        request.timeoutMs = 30_000
        request.topicData[0].partitionData[0].records = try batch(values)
        return request
    }

    private func create(_ topic: String, _ client: TestClient) throws {
        var wanted = CreateTopicsRequest.Topics()
        wanted.name = topic
        wanted.numPartitions = 1
        wanted.replicationFactor = 1
        var request = CreateTopicsRequest()
        request.topics = [wanted]
        request.timeoutMs = 30_000
        let response = try client.call(request, version: 4)
        #expect(response.topics.map(\.errorCode) == [.none])
    }

    private func fetch(_ topic: String, from offset: Int64, wait: Int32, minBytes: Int32 = 1) -> FetchRequest {
        var partition = FetchRequest.Partitions()
        partition.fetchOffset = offset
        partition.partitionMaxBytes = 1 << 20
        var wanted = FetchRequest.Topics()
        wanted.name = topic
        wanted.partitions = [partition]
        var request = FetchRequest()
        request.maxWaitMs = wait
        request.minBytes = minBytes
        request.maxBytes = 50 << 20
        request.topics = [wanted]
        return request
    }

    /// The values in a fetch's answer.
    private func values(_ response: FetchResponse) throws -> [String] {
        var values: [String] = []
        for partition in response.responses.flatMap(\.partitions) {
            var bytes: [UInt8] = []
            for case .bytes(let piece) in partition.records { bytes += piece }
            while !bytes.isEmpty {
                let header = try BatchHeader(parsing: bytes.span.bytes)
                let whole = Array(bytes[..<header.size])
                let (_, records) = try RecordBatch.decode(whole.span.bytes, limit: 1 << 20)
                values += records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
                bytes.removeFirst(header.size)
            }
        }
        return values
    }

    @Test("gives back what was produced, batch after batch, from the files", arguments: [Int16(1), -1])
    func roundTrip(acks: Int16) throws {
        let server = try NodeServer()
        let client = try server.connect()
        try create("lines", client)
        var expected: [String] = []
        for round in 0..<20 {
            let lines = (0..<50).map { "round \(round) line \($0)" }
            expected += lines
            let answer = try client.call(try produce(lines, to: "lines", acks: acks), version: 8)
            #expect(answer.responses[0].partitionResponses[0].errorCode == .none)
            #expect(answer.responses[0].partitionResponses[0].baseOffset == Int64(round * 50))
        }
        let response = try client.call(fetch("lines", from: 0, wait: 0), version: 11)
        #expect(try values(response) == expected)
    }

    @Test("wakes a fetch that waits as soon as something is produced")
    func longPoll() throws {
        let server = try NodeServer()
        let consumer = try server.connect()
        try create("lines", consumer)
        // Far longer than the test waits for anything: only the produce can end it.
        try consumer.send(fetch("lines", from: 0, wait: 300_000), version: 11, id: 8)
        let producer = try server.connect()
        _ = try producer.call(try produce(["at last"], to: "lines"), version: 7)
        let (id, response) = try FetchResponse.decode(frame: try consumer.receive(), version: 11)
        #expect(id == 8)
        #expect(try values(response) == ["at last"])
    }

    @Test("answers a fetch that nothing ends when its time is over")
    func longPollEnds() throws {
        let server = try NodeServer()
        let client = try server.connect()
        try create("lines", client)
        let response = try client.call(fetch("lines", from: 0, wait: 30), version: 11)
        #expect(try values(response) == [])
        #expect(response.responses[0].partitions[0].errorCode == .none)
    }

    @Test("keeps the order of pipelined produce requests")
    func pipelined() throws {
        let server = try NodeServer()
        let client = try server.connect()
        try create("lines", client)
        for number in Int32(0)..<100 {
            try client.send(try produce(["\(number)"], to: "lines", acks: -1), version: 7, id: number)
        }
        for number in Int32(0)..<100 {
            let (id, response) = try ProduceResponse.decode(frame: try client.receive(), version: 7)
            #expect(id == number)
            #expect(response.responses[0].partitionResponses[0].baseOffset == Int64(number))
        }
        let response = try client.call(fetch("lines", from: 0, wait: 0), version: 11)
        #expect(try values(response) == (0..<100).map(String.init))
    }

    @Test(
        "answers what real clients sent, one connection each, though half of it makes no sense here",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)))
    func wireVectors() throws {
        let server = try NodeServer()
        for request in WireRequest.all where request.isSpoken {
            // These wait for other members of their group.
            guard ![APIKey.joinGroup.rawValue, APIKey.syncGroup.rawValue].contains(request.key) else { continue }
            let client = try server.connect()
            try client.send(request.frame)
            #expect(try client.receiveID() == request.correlationId, "\(request.name)")
        }
        #expect(server.lines.withLock { $0 } == [])
    }
}
