import Foundation
import Platform
import Records
import Testing

@testable import Sockets

@Suite struct ListenerTests {
    private func listener(_ endpoint: Endpoint, _ loop: EventLoop, _ options: ListenerOptions = ListenerOptions())
        throws -> Listener
    {
        try Listener(on: endpoint, loop: loop, options: options, log: { _ in }) { _ in Recorder.echo() }
    }

    @Test("says which port is in use, and what to do")
    func portInUse() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let first = try listener(.tcp(host: "127.0.0.1", port: 0), loop)
        try first.start()
        let error = try #require(throws: SocketError.self) {
            _ = try self.listener(.tcp(host: "127.0.0.1", port: first.port), loop)
        }
        #expect(
            "\(error)".hasPrefix("cannot listen on 127.0.0.1:\(first.port): Address already in use; stop the process"))
    }

    @Test(
        "leaves descriptors for the log", arguments: [(1024, 768), (2000, 1000), (600, 344), (100, 1), (1 << 20, 1000)])
    func descriptorReserve(limit: Int, connections: Int) {
        var options = ListenerOptions()
        #expect(options.keepReserve(of: limit) == (connections < 1000))
        #expect(options.maxConnections == connections)
        #expect(limit < 257 || options.maxConnections + ListenerOptions.reserve(of: limit) <= limit)
    }

    @Test("refuses connections until it is started, and again after it is stopped")
    func starts() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let listener = try listener(.tcp(host: "127.0.0.1", port: 0), loop)
        let endpoint = Endpoint.tcp(host: "127.0.0.1", port: listener.port)
        #expect(throws: SocketError.self) { try ClientSocket.connect(to: endpoint, deadline: soon()) }
        try listener.start()
        let client = try ClientSocket.connect(to: endpoint, deadline: soon())
        try client.write([1], deadline: soon())
        #expect(try client.read(exactly: 1, deadline: soon()) == [1])
        listener.stop()
        try on(loop) {}
        #expect(throws: SocketError.self) { try ClientSocket.connect(to: endpoint, deadline: soon()) }
        try client.write([2], deadline: soon())
        #expect(try client.read(exactly: 1, deadline: soon()) == [2])
    }

    @Test("listens on every address of a name, with one port")
    func name() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let listener = try listener(.tcp(host: "localhost", port: 0), loop)
        try listener.start()
        #expect(Set(listener.addresses.map(\.port)).count == 1)
        for address in listener.addresses {
            _ = try ClientSocket.connect(to: try Endpoint(parsing: address.description), deadline: soon())
        }
    }

    @Test("an unknown address of this machine is refused with advice")
    func foreignAddress() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let error = try #require(throws: SocketError.self) {
            _ = try self.listener(.tcp(host: "192.0.2.1", port: 9092), loop)
        }
        #expect("\(error)".hasPrefix("cannot listen on 192.0.2.1:9092: Cannot assign requested address; no interface"))
    }

    @Test("makes its unix socket private, replaces one that a killed process left, and never one in use")
    func unix() throws {
        let path = temporaryPath("u")
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let first = try listener(.unix(path: path), loop)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        // Bound but not started: to a second process it looks like one that was killed.
        let second = try listener(.unix(path: path), loop)
        try second.start()
        let error = try #require(throws: SocketError.self) { _ = try self.listener(.unix(path: path), loop) }
        #expect(error.code == EADDRINUSE)
        _ = try ClientSocket.connect(to: .unix(path: path), deadline: soon())
        second.stop()
        try on(loop) {}
        #expect(!FileManager.default.fileExists(atPath: path))
        _ = first
    }

    @Test("never removes a file that is no socket")
    func noSocket() throws {
        let path = temporaryPath("f")
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        #expect(throws: SocketError.self) { try self.listener(.unix(path: path), loop) }
        #expect(FileManager.default.contents(atPath: path) == Data("precious".utf8))
    }

    @Test("closes the connection that is one too many, and accepts again when one ends")
    func tooMany() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        var options = ListenerOptions()
        options.maxConnections = 1
        let listener = try listener(.tcp(host: "127.0.0.1", port: 0), loop, options)
        try listener.start()
        let endpoint = Endpoint.tcp(host: "127.0.0.1", port: listener.port)
        let first = try ClientSocket.connect(to: endpoint, deadline: soon())
        try first.write([1], deadline: soon())
        #expect(try first.read(exactly: 1, deadline: soon()) == [1])
        let second = try ClientSocket.connect(to: endpoint, deadline: soon())
        #expect(try second.readToEnd(limit: 1, deadline: soon()) == [])
        first.finishWriting()
        _ = try first.readToEnd(limit: 1, deadline: soon())
        first.cancel()
        // The server's end closes a moment after ours: until then the next one may still be refused.
        var answered = false
        while !answered {
            let third = try ClientSocket.connect(to: endpoint, deadline: soon())
            try? third.write([3], deadline: soon())
            answered = (try? third.read(exactly: 1, deadline: soon())) == [3]
        }
    }

    @Test(
        "reads addresses as people write them",
        arguments: [
            ("127.0.0.1:9092", Endpoint.tcp(host: "127.0.0.1", port: 9092)),
            ("[::1]:80", .tcp(host: "::1", port: 80)), (":0", .tcp(host: "", port: 0)),
            ("*:1", .tcp(host: "", port: 1)), ("logs.example.org:65535", .tcp(host: "logs.example.org", port: 65535)),
            ("unix:/run/x.sock", .unix(path: "/run/x.sock")),
        ])
    func endpoints(text: String, expected: Endpoint) throws {
        #expect(try Endpoint(parsing: text) == expected)
    }

    @Test(
        "refuses addresses without a port, with a bad one, or IPv6 without brackets",
        arguments: ["localhost", "localhost:", "a:65536", "a:-1", "::1:9092", ""])
    func badEndpoints(text: String) {
        #expect(throws: SocketError.self) { try Endpoint(parsing: text) }
    }
}

@Suite struct ClientSocketTests {
    @Test("says that nothing listens")
    func refused() throws {
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let listener = try Listener(on: .tcp(host: "127.0.0.1", port: 0), loop: loop, log: { _ in }) { _ in
            Recorder.echo()
        }
        let endpoint = Endpoint.tcp(host: "127.0.0.1", port: listener.port)
        let error = try #require(throws: SocketError.self) {
            _ = try ClientSocket.connect(to: endpoint, deadline: soon())
        }
        #expect("\(error)" == "cannot connect to \(endpoint): Connection refused; nothing listens there")
    }

    @Test("gives up at its deadline when nothing comes")
    func timeout() throws {
        let pair = try Pair(Recorder())
        let error = try #require(throws: SocketError.self) {
            _ = try pair.client.read(exactly: 4, deadline: pair.loop.clock.now() + .milliseconds(20))
        }
        #expect(error.isTimeout)
    }

    @Test("says how much came when the peer ends in the middle")
    func truncated() throws {
        let pair = try Pair(
            Recorder { _, connection in
                connection.send([.bytes([1, 2, 3])])
                connection.finish(.local("enough"))
            })
        try pair.client.write([0], deadline: soon())
        let error = try #require(throws: SocketError.self) {
            _ = try pair.client.read(exactly: Int(Int32.max), deadline: soon())
        }
        #expect("\(error)".hasSuffix("the peer closed the connection after 3 of 2147483647 bytes"))
    }
}

@Suite struct ControlServerTests {
    @Test("answers a line with bytes of any size, to several at once")
    func answers() throws {
        let path = temporaryPath("c")
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let server = try ControlServer(path: path, loop: loop, log: { _ in }) { line in
            Array(String(repeating: line, count: 100_000).utf8)
        }
        let answers = Lock<[Int]>([])
        let askers = (0..<8).map { number in
            Thread(name: "asker") {
                let answer = try? ControlServer.ask(path: path, "status \(number)")
                let right = answer == Array(String(repeating: "status \(number)", count: 100_000).utf8)
                answers.withLock { $0.append(right ? 1 : 0) }
            }
        }
        for asker in askers { asker.join() }
        #expect(answers.withLock { $0 } == [Int](repeating: 1, count: 8))
        server.stop()
    }

    @Test("closes on a request without end")
    func tooLong() throws {
        let path = temporaryPath("c")
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let server = try ControlServer(path: path, loop: loop, log: { _ in }) { _ in [1] }
        let client = try ClientSocket.connect(to: .unix(path: path), deadline: soon())
        try? client.write([UInt8](repeating: 65, count: 1 << 20), deadline: soon())
        #expect((try? client.readToEnd(limit: 10, deadline: soon())) ?? [] == [])
        server.stop()
    }
}
