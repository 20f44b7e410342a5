import Broker
import KafkaProtocol
import Platform
import Sockets
import Testing

@testable import KafkaServer

@Suite struct FrameBudgetTests {
    final class Holder {
        var held = 0
        var mayGrow = true
    }

    private func change(_ budget: FrameBudget<Holder>, _ holder: Holder, to held: Int) {
        let difference = held - holder.held
        holder.held = held
        holder.mayGrow = budget.change(by: difference, of: holder, holdingAfter: held)
    }

    @Test("lets one holder over the limit at a time, and the others in their order")
    func overdraft() {
        let budget = FrameBudget<Holder>(limit: 100) { $0.mayGrow = true }
        let holders = (0..<4).map { _ in Holder() }
        for holder in holders.prefix(3) { change(budget, holder, to: 40) }
        // 120 of 100: the third goes over, alone.
        #expect(holders.map(\.mayGrow) == [true, true, true, true])
        change(budget, holders[3], to: 10)
        change(budget, holders[0], to: 50)
        #expect(holders.map(\.mayGrow) == [false, true, true, false])
        change(budget, holders[2], to: 500)
        #expect(holders[2].mayGrow)
        // It is done: there is room again for all.
        change(budget, holders[2], to: 0)
        #expect(holders.map(\.mayGrow) == [true, true, true, true])
        #expect(budget.used == 100)
    }

    @Test("the next in line may go over the limit when the one before it is done or gone")
    func succession() {
        let budget = FrameBudget<Holder>(limit: 100) { $0.mayGrow = true }
        let holders = (0..<3).map { _ in Holder() }
        for holder in holders { change(budget, holder, to: 150) }
        #expect(holders.map(\.mayGrow) == [true, false, false])
        change(budget, holders[0], to: 0)
        #expect(holders.map(\.mayGrow) == [true, true, false])
        change(budget, holders[1], to: 0)
        budget.forget(holders[1])
        #expect(holders.map(\.mayGrow) == [true, true, true])
        change(budget, holders[2], to: 0)
        #expect(budget.used == 0)
    }

    @Test("requests of many connections that together are larger than the budget all become whole")
    func noDeadlock() throws {
        var options = KafkaServerOptions()
        options.maxInFlightBytes = 256 << 10
        options.freeBytes = 1 << 10
        let held = Lock(0)
        let service = StubService(produce: { request, respond in
            held.withLock { $0 += request.topicData[0].partitionData[0].records?.count ?? 0 }
            respond(.response(ProduceResponse()))
        })
        let server = try TestServer(service, options: options)
        let clients = try (0..<12).map { _ in try server.connect() }
        let frame = try produce(acks: 1, records: 300 << 10).frame(version: 7, correlationId: 3, clientId: "big")
        // Every request begins to arrive before any of them can end.
        for client in clients { try client.send(Array(frame.prefix(60_000))) }
        let senders = clients.map { client in
            Thread(name: "sender") { try? client.send(Array(frame.dropFirst(60_000))) }
        }
        for client in clients { #expect(try client.receiveID() == 3) }
        for sender in senders { sender.join() }
        #expect(held.withLock { $0 } == 12 * 300 << 10)
    }

    @Test("half requests that do not grow are closed when another request waits for their room")
    func hoarders() throws {
        var options = KafkaServerOptions()
        options.maxInFlightBytes = 256 << 10
        options.freeBytes = 1 << 10
        options.frameTimeout = .seconds(600)
        options.firstRequestTimeout = .seconds(600)
        options.shortageGrace = .milliseconds(300)
        options.slowestRequest = 1
        let server = try TestServer(StubService(), options: options)
        let hoard: [UInt8] = [0x03, 0, 0, 0] + [UInt8](repeating: 0, count: 60_000)
        let hoarders = try (0..<12).map { _ in try server.connect() }
        for hoarder in hoarders { try hoarder.send(hoard) }
        let honest = try server.connect()
        let frame = try produce(acks: 1, records: 200 << 10).frame(version: 7, correlationId: 3, clientId: "big")
        let sender = Thread(name: "sender") { try? honest.send(frame) }
        #expect(try honest.receiveID() == 3)
        sender.join()
        #expect(try server.line().contains("a request came too slowly (0 bytes in 0.3 seconds) while others waited"))
    }

    @Test("half requests are left alone while there is room for others")
    func noShortage() throws {
        var options = KafkaServerOptions()
        options.shortageGrace = .zero
        let server = try TestServer(StubService(), options: options)
        let frame = try produce(acks: 1, records: 200 << 10).frame(version: 7, correlationId: 3, clientId: "big")
        let slow = try server.connect()
        try slow.send(Array(frame.prefix(100_000)))
        for _ in 0..<3 { _ = try server.connect().call(MetadataRequest(), version: 1) }
        try slow.send(Array(frame.dropFirst(100_000)))
        #expect(try slow.receiveID() == 3)
    }

    @Test("a connection that closes gives back what its half request held")
    func givesBack() throws {
        var options = KafkaServerOptions()
        options.maxInFlightBytes = 64 << 10
        options.freeBytes = 0
        let server = try TestServer(StubService(), options: options)
        let frame = try produce(acks: 1, records: 200 << 10).frame(version: 7, correlationId: 3, clientId: "big")
        let hoarders = try (0..<3).map { _ in try server.connect() }
        for hoarder in hoarders { try hoarder.send(Array(frame.prefix(60_000))) }
        let honest = try server.connect()
        let sender = Thread(name: "sender") { try? honest.send(frame) }
        for hoarder in hoarders { hoarder.socket.cancel() }
        #expect(try honest.receiveID() == 3)
        sender.join()
    }
}
