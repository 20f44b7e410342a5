import Broker
import KafkaProtocol
import Platform
import Sockets
import TestSupport
import Testing

@testable import KafkaServer

@Suite struct BadClientTests {
    @Test(
        "closes on bytes that are no Kafka, with one line that says why",
        arguments: [
            ("7fffffff", "the frame announces 2147483647 bytes, at most 104857600 are taken"),
            ("ffffffff", "the frame announces -1 bytes"),
            ("80000000", "the frame announces -2147483648 bytes"),
            ("00000000", "the message ends too early"),
            ("00000004" + "00030001", "the message ends too early"),
            ("0000000e" + "00030001" + "00000001" + "ffff" + "7fffffff", "the message ends too early"),
            ("0000000a" + "03e70000" + "00000001" + "ffff", "API key 999 is not known"),
            ("474554202f20485454502f312e310d0a0d0a", "the frame announces 1195725856 bytes"),
            ("16030102000100", "the frame announces 369295618 bytes"),
        ])
    func garbage(hex: String, reason: String) throws {
        let server = try TestServer(StubService())
        let client = try server.connect()
        try client.send(bytes(hex))
        #expect(try client.rest() == [])
        let line = try server.line()
        #expect(line.hasPrefix("closed the connection of 127.0.0.1:") && line.contains(reason), "\(line)")
    }

    @Test("closes a connection whose request does not become whole in time")
    func halfARequest() throws {
        var options = KafkaServerOptions()
        options.frameTimeout = .milliseconds(50)
        let server = try TestServer(StubService(), options: options)
        let client = try server.connect()
        try client.send(bytes("00000064" + "0003"))
        #expect(try client.rest() == [])
        #expect(try server.line().hasSuffix("a request was not whole after 0.05 seconds"))
    }

    @Test("closes a connection that sends no whole request in time, and none that has sent one")
    func silent() throws {
        var options = KafkaServerOptions()
        options.firstRequestTimeout = .milliseconds(50)
        options.listener.connection.idleTimeout = nil
        let server = try TestServer(StubService(), options: options)
        // It connects first, so that its time would be over first; on a busy machine it may be closed for good reason.
        let talker = try server.connect()
        let spoke = (try? talker.call(MetadataRequest(), version: 1)) != nil
        let silent = try server.connect()
        #expect(try silent.rest() == [])
        #expect(try server.line().hasSuffix("no whole request came within 0.05 seconds"))
        if spoke { _ = try talker.call(MetadataRequest(), version: 1) }
    }

    @Test("does not mistake a stream of whole requests for one that never becomes whole")
    func stream() throws {
        var options = KafkaServerOptions()
        options.frameTimeout = .seconds(1)
        let server = try TestServer(StubService(), options: options)
        let client = try server.connect()
        let frame = try MetadataRequest().frame(version: 1, correlationId: 1, clientId: "x")
        // Each write ends in the middle of a request.
        try client.send(Array(frame.prefix(7)))
        // The time is over when it is for one who began later and sends no more.
        let silent = try server.connect()
        try silent.send(Array(frame.prefix(7)))
        while server.lines.withLock({ $0.isEmpty }) {
            try client.send(Array(frame[7...] + frame[..<7]))
            #expect(try client.receiveID() == 1)
        }
        #expect(try silent.rest() == [])
        try client.send(Array(frame[7...]))
        #expect(try client.receiveID() == 1)
    }

    @Test("does not let a client's name begin a line of its own in the log")
    func nameInLog() throws {
        let server = try TestServer(StubService())
        let client = try server.connect()
        try client.send(
            MetadataRequest(), version: 1, id: 1, client: "a\nerror \u{1b}[31mb" + String(repeating: "c", count: 500))
        _ = try client.receiveID()
        try client.send(bytes("ffffffff"))
        _ = try client.rest()
        let line = try server.line()
        #expect(line.contains("(client 'a?error ?[31mbccc") && line.utf8.count < 300, "\(line)")
    }

    @Test("is quiet about a client that leaves in the middle of a request")
    func leaves() throws {
        let server = try TestServer(StubService())
        let client = try server.connect()
        try client.send(bytes("00000064" + "0003"))
        client.socket.finishWriting()
        #expect(try client.rest() == [])
        #expect(server.lines.withLock { $0 } == [])
    }

    @Test("writes a bounded number of lines about bad clients in a minute")
    func logBound() throws {
        var options = KafkaServerOptions()
        options.maxLogLinesPerMinute = 3
        let server = try TestServer(StubService(), options: options)
        for _ in 0..<20 {
            let client = try server.connect()
            try client.send(bytes("ffffffff"))
            _ = try client.rest()
        }
        #expect(server.lines.withLock { $0.count } <= 6)  // a minute may end meanwhile
    }

    @Test(
        "survives hostile bytes: each connection is answered or closed, and its neighbour notices nothing",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)), arguments: UInt64(0)..<8)
    func hostile(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let server = try TestServer(StubService())
        let neighbour = try server.connect()
        let frames = WireRequest.all.map(\.frame)
        for round in 0..<150 {
            let client = try server.connect()
            let hostile = mutate(frames, &random)
            // The server may close while we still write.
            try? client.socket.write(hostile, deadline: soon())
            client.socket.finishWriting()
            #expect(throws: Never.self, "seed \(seed), round \(round)") { try client.rest() }
            let response = try neighbour.call(MetadataRequest(), version: 5, id: Int32(round))
            #expect(response.throttleTimeMs == 0)
        }
    }

    /// A few frames of real clients, damaged.
    private func mutate(_ frames: [[UInt8]], _ random: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...4, using: &random) { bytes += frames.randomElement(using: &random) ?? [] }
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[place] = [0, 0x7f, 0x80, 0xff].randomElement(using: &random) ?? 0
            case 2: bytes.remove(at: place)
            default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
            }
            if bytes.isEmpty { bytes = [0] }
        }
        return bytes
    }
}
