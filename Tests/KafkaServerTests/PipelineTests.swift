import Broker
import KafkaProtocol
import Platform
import Sockets
import TestSupport
import Testing

@testable import KafkaServer

/// Answers that a test gives when it wants to.
final class Held<Response: Sendable>: Sendable {
    private let responds = Lock<[Respond<Response>]>([])

    func hold(_ respond: @escaping Respond<Response>) { responds.withLockNotifying { $0.append(respond) } }

    /// Waits until `count` are held, and takes them.
    func take(_ count: Int) throws -> [Respond<Response>] {
        try #require(
            responds.wait(until: soon()) { responds in
                guard responds.count >= count else { return nil }
                defer { responds.removeFirst(count) }
                return Array(responds.prefix(count))
            })
    }

    var count: Int { responds.withLock { $0.count } }
}

@Suite struct PipelineTests {
    @Test("answers pipelined produce requests in their order, in whatever order they are done")
    func order() throws {
        let held = Held<ProduceOutcome>()
        let server = try TestServer(StubService(produce: { _, respond in held.hold(respond) }))
        let client = try server.connect()
        for id in Int32(0)..<5 { try client.send(produce(acks: -1), version: 9, id: id) }
        let responds = try held.take(5)
        for index in [3, 0, 4, 2, 1] { responds[index](.response(ProduceResponse())) }
        #expect(try (0..<5).map { _ in try client.receiveID() } == [0, 1, 2, 3, 4])
    }

    @Test("takes up nothing behind a fetch that waits, and everything once it is answered")
    func serial() throws {
        let held = Held<FetchResponse>()
        let service = StubService(fetch: { _, respond in held.hold(respond) })
        let server = try TestServer(service)
        let client = try server.connect()
        try client.send(FetchRequest(), version: 11, id: 1)
        try client.send(MetadataRequest(), version: 1, id: 2)
        try client.send(produce(acks: 1), version: 7, id: 3)
        let respond = try held.take(1)[0]
        // Another connection's requests are not behind it.
        _ = try server.connect().call(HeartbeatRequest(), version: 1)
        #expect(service.seen.withLock { $0.apis } == [.fetch, .heartbeat])
        respond(FetchResponse())
        #expect(try (0..<3).map { _ in try client.receiveID() } == [1, 2, 3])
    }

    @Test("two hundred fetches that wait take no thread each, and all are answered")
    func manyWait() throws {
        let held = Held<FetchResponse>()
        let server = try TestServer(StubService(fetch: { _, respond in held.hold(respond) }))
        let clients = try (0..<200).map { _ in try server.connect() }
        let before = threadCount()
        for (id, client) in clients.enumerated() { try client.send(FetchRequest(), version: 4, id: Int32(id)) }
        let responds = try held.take(clients.count)
        #expect(threadCount() < before + 100)  // other tests have threads too
        for respond in responds { respond(FetchResponse()) }
        for (id, client) in clients.enumerated() { #expect(try client.receiveID() == Int32(id)) }
    }

    @Test("tells the service when a client goes that waits for a fetch, and only then")
    func goneConsumer() throws {
        let service = StubService(fetch: { _, _ in })
        let server = try TestServer(service)
        let idle = try server.connect()
        _ = try idle.call(MetadataRequest(), version: 1)
        idle.socket.finishWriting()
        #expect(try idle.rest() == [])
        let consumer = try server.connect()
        try consumer.send(FetchRequest(), version: 4, id: 1)
        consumer.socket.finishWriting()
        #expect(try consumer.rest() == [])
        let closed = try #require(service.seen.wait(until: soon()) { $0.closed.isEmpty ? nil : $0.closed })
        #expect(closed == [try #require(service.seen.withLock { $0.contexts.last?.connection })])
    }

    @Test("sends nothing for acks=0, and the next answer is the next request's")
    func silence() throws {
        let server = try TestServer(StubService())
        let client = try server.connect()
        for id in Int32(0)..<10 { try client.send(produce(acks: 0, records: 100), version: 7, id: id) }
        try client.send(MetadataRequest(), version: 1, id: 99)
        #expect(try client.receiveID() == 99)
    }

    @Test("carries out everything that a producer with acks=0 sent before it closed")
    func goneProducer() throws {
        let held = Held<ProduceOutcome>()
        let service = StubService(produce: { _, respond in held.hold(respond) })
        var options = KafkaServerOptions()
        options.maxPipelinedRequests = 4
        let server = try TestServer(service, options: options)
        do {
            let client = try server.connect()
            for id in Int32(0)..<40 { try client.send(produce(acks: 0, records: 1000), version: 7, id: id) }
            client.socket.finishWriting()
            for _ in 0..<40 { try held.take(1)[0](.silence) }
            #expect(try client.rest() == [])
        }
        #expect(service.seen.withLock { $0.produced.count } == 40)
    }

    @Test("closes the connection of a producer with acks=0 whose append failed, with the reason in the log")
    func failedSilently() throws {
        let server = try TestServer(StubService(produce: { $1(.close(reason: "the disk is full")) }))
        let client = try server.connect()
        try client.send(produce(acks: 0), version: 7, id: 1)
        #expect(try client.rest() == [])
        let line = try server.line()
        #expect(line.contains("(client 'tester')") && line.hasSuffix("Produce version 7: the disk is full"), "\(line)")
    }

    @Test("works on a bounded number of requests of one connection at a time")
    func requestBound() throws {
        let held = Held<ProduceOutcome>()
        var options = KafkaServerOptions()
        options.maxPipelinedRequests = 8
        let service = StubService(produce: { _, respond in held.hold(respond) })
        let server = try TestServer(service, options: options)
        let client = try server.connect()
        let sender = Thread(name: "sender") {
            for id in Int32(0)..<500 { try? client.send(produce(acks: 1, records: 2000), version: 7, id: id) }
        }
        for id in Int32(0)..<500 {
            let respond = try held.take(1)[0]
            #expect(held.count < 8)
            respond(.response(ProduceResponse()))
            #expect(try client.receiveID() == id)
        }
        sender.join()
    }

    @Test("takes a bounded number of requests from one connection before it is another's turn, and all in the end")
    func turns() throws {
        let service = StubService()
        let server = try TestServer(service)
        let clients = try (0..<2).map { _ in try server.connect() }
        for client in clients { _ = try client.call(MetadataRequest(), version: 1) }
        service.seen.withLock { $0 = StubService.Seen() }
        // Both have sent all before the loop looks.
        let waits = Lock(false)
        let sent = Lock(false)
        server.loop.execute {
            waits.withLockNotifying { $0 = true }
            _ = sent.wait(until: soon()) { $0 ? true : nil }
        }
        #expect(waits.wait(until: soon()) { $0 ? true : nil } == true)
        let frame = try MetadataRequest().frame(version: 1, correlationId: 8, clientId: "x")
        for client in clients {
            try client.send(Array((0..<1500).map { _ in frame }.joined()))
            client.socket.finishWriting()
        }
        sent.withLockNotifying { $0 = true }
        for client in clients {
            for _ in 0..<1500 { #expect(try client.receiveID() == 8) }
            #expect(try client.rest() == [])
        }
        let order = service.seen.withLock { $0.contexts.map(\.connection) }
        #expect(order.count == 3000)
        // Whoever came first has not ended before the other was half through.
        let end = try #require(order.lastIndex { $0 == order[0] })
        #expect(end > 1500 + 750)
    }

    @Test("answers what it works on before it stops, and refuses newcomers")
    func stop() throws {
        let producing = Held<ProduceOutcome>()
        let fetching = Held<FetchResponse>()
        let server = try TestServer(
            StubService(
                produce: { _, respond in producing.hold(respond) }, fetch: { _, respond in fetching.hold(respond) }))
        let producer = try server.connect()
        let consumer = try server.connect()
        try producer.send(produce(acks: -1), version: 7, id: 5)
        try consumer.send(FetchRequest(), version: 4, id: 6)
        let append = try producing.take(1)[0]
        _ = try fetching.take(1)
        let stopped = Lock(false)
        server.listener.stop { stopped.withLockNotifying { $0 = true } }
        // A fetch has nothing to lose, so nobody waits for it.
        #expect(try consumer.rest() == [])
        #expect(throws: SocketError.self) { try server.connect() }
        append(.response(ProduceResponse()))
        #expect(try producer.receiveID() == 5)
        #expect(try producer.rest() == [])
        producer.socket.cancel()
        consumer.socket.cancel()
        #expect(stopped.wait(until: soon()) { $0 ? true : nil } == true)
    }

    private func threadCount() -> Int { TestFile.names(in: "/proc/self/task").count }
}
