import Foundation
import Platform
import Records
import Testing

@testable import Sockets

@Suite struct ConnectionTests {
    @Test("echoes what is dripped byte by byte")
    func drip() throws {
        let pair = try Pair(.echo())
        let text = Array("one byte at a time, please".utf8)
        for byte in text {
            try pair.client.write([byte], deadline: soon())
            #expect(try pair.client.read(exactly: 1, deadline: soon()) == [byte])
        }
        pair.client.cancel()
        #expect(try pair.server.closeReason() == .peerClosed)
        #expect(pair.server.seen.withLock { $0.received } == text)
    }

    @Test("sends bytes and files in their order, with a descriptor and without", arguments: [true, false])
    func files(withDescriptor: Bool) throws {
        let file = try ScratchFile(count: 3_000_001, withDescriptor: withDescriptor)
        let head = [UInt8](repeating: 1, count: 100)
        let tail = [UInt8](repeating: 2, count: 200_000)
        let pieces: [OutputPiece] = [
            .bytes(head), file.span(), .bytes([]), .bytes(tail), file.span(17, 0), file.span(2_000_000, 5), .bytes([9]),
        ]
        let pair = try Pair(Recorder { _, connection in connection.send(pieces) })
        try pair.client.write([0], deadline: soon())
        let expected = head + file.bytes + tail + file.bytes[2_000_000..<2_000_005] + [9]
        let got = try pair.client.read(exactly: expected.count, deadline: soon())
        #expect(got == expected)
    }

    @Test(
        "sends a file that cannot be said to be in memory from the thread that may wait for the disk",
        .enabled(if: FileManager.default.fileExists(atPath: "/dev/shm"), "no file system in memory"))
    func coldFile() throws {
        // A file system in memory does not answer RWF_NOWAIT, so its files count as cold.
        let file = try ScratchFile(count: 2_000_000, in: "/dev/shm")
        let pair = try Pair(Recorder { _, connection in connection.send([.bytes([1]), file.span(), .bytes([2])]) })
        for _ in 0..<3 {
            try pair.client.write([0], deadline: soon())
            let got = try pair.client.read(exactly: file.bytes.count + 2, deadline: soon())
            #expect(got == [1] + file.bytes + [2])
        }
    }

    @Test("closes while the other thread is sending for it, and keeps the descriptor until it is done")
    func closeWhileSending() throws {
        let file = try ScratchFile(count: 8_000_000, in: "/dev/shm")
        let pair = try Pair(
            Recorder { _, connection in
                connection.send([file.span()])
                connection.close(.local("enough"))
            })
        try pair.client.write([0], deadline: soon())
        let got = (try? pair.client.readToEnd(limit: 9_000_000, deadline: soon())) ?? []
        #expect(got.count < file.bytes.count)
        #expect(try pair.server.closeReason() == .local("enough"))
    }

    @Test("closes when a file is shorter than was promised", arguments: [true, false])
    func shortFile(withDescriptor: Bool) throws {
        let file = try ScratchFile(count: 100, withDescriptor: withDescriptor)
        let pair = try Pair(Recorder { _, connection in connection.send([file.span(0, 200)]) })
        try pair.client.write([0], deadline: soon())
        #expect(try pair.client.readToEnd(limit: 1000, deadline: soon()) == file.bytes)
        let reason = try pair.server.closeReason()
        #expect("\(reason)".contains("ends before byte 200"), "\(reason)")
    }

    @Test("stops reading from a peer that does not take its answers, and goes on when it does")
    func backPressure() throws {
        var options = ConnectionOptions()
        options.outputHighWater = 256 << 10
        options.outputLowWater = 64 << 10
        options.sendBuffer = 64 << 10
        let most = Lock(0)
        // Ten bytes back for each that comes.
        let server = Recorder { bytes, connection in
            connection.send([.bytes([UInt8](repeating: 7, count: bytes.count * 10))])
            most.withLock { $0 = max($0, connection.pendingOutput) }
        }
        let pair = try Pair(server, options: options)
        let client = pair.client
        let count = 1 << 20
        let writer = Thread(name: "writer") {
            try? client.write([UInt8](repeating: 1, count: count), deadline: soon())
        }
        // The server is stuck once its output is over the mark; only then the client begins to read.
        let connection = try server.connection.wait()
        while try on(pair.loop, { connection.pendingOutput }) < options.outputHighWater {}
        let got = try client.read(exactly: count * 10, deadline: soon())
        writer.join()
        #expect(got == [UInt8](repeating: 7, count: count * 10))
        // One read's answer may come on top of the mark.
        #expect(most.withLock { $0 } <= options.outputHighWater + 10 * EventLoop.readSize)
        #expect(server.seen.withLock { $0.drained } > 0)
    }

    @Test("reads nothing while reading is paused, and everything afterwards, the end included")
    func pause() throws {
        let server = Recorder { bytes, connection in
            if bytes.contains(UInt8(ascii: "!")) { connection.pauseReading() }
        }
        let pair = try Pair(server)
        try pair.client.write(Array("stop!".utf8), deadline: soon())
        _ = server.seen.wait(until: soon()) { $0.received.count == 5 ? true : nil }
        try pair.client.write(Array("more".utf8), deadline: soon())
        pair.client.finishWriting()
        let connection = try server.connection.wait()
        #expect(try on(pair.loop) { connection.isClosed } == false)
        #expect(server.seen.withLock { $0.received.count } == 5)
        connection.resumeReading()
        #expect(try server.closeReason() == .peerClosed)
        #expect(server.seen.withLock { $0.received } == Array("stop!more".utf8))
    }

    @Test("still reads what a peer left behind that closed while reading was paused")
    func unreadInput() throws {
        let path = temporaryPath("s")
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let server = Recorder { bytes, connection in
            if bytes.contains(UInt8(ascii: "!")) { connection.pauseReading() }
        }
        let listener = try Listener(on: .unix(path: path), loop: loop, log: { _ in }) { connection in
            server.connection.set(connection)
            return server
        }
        try listener.start()
        var client: ClientSocket? = try ClientSocket.connect(to: .unix(path: path), deadline: soon())
        try client?.write(Array("stop!".utf8), deadline: soon())
        _ = server.seen.wait(until: soon()) { $0.received.count == 5 ? true : nil }
        try client?.write(Array("last words".utf8), deadline: soon())
        client = nil
        // The loop hears of the end (a unix socket hangs up at once), and must neither close nor spin.
        let connection = try server.connection.wait()
        #expect(try on(loop) { connection.isClosed } == false)
        connection.resumeReading()
        #expect(try server.closeReason() == .peerClosed)
        #expect(server.seen.withLock { $0.received } == Array("stop!last words".utf8))
    }

    @Test("answers a peer that has said all it has to say")
    func halfClose() throws {
        let pair = try Pair(.echo())
        try pair.client.write(Array("question".utf8), deadline: soon())
        pair.client.finishWriting()
        #expect(try pair.client.readToEnd(limit: 100, deadline: soon()) == Array("question".utf8))
        #expect(try pair.server.closeReason() == .peerClosed)
    }

    @Test("delivers its last bytes before it closes, though input is left unread")
    func finish() throws {
        let answer = [UInt8](repeating: 5, count: 3_000_000)
        let pair = try Pair(
            Recorder { _, connection in
                connection.send([.bytes(answer)])
                connection.finish(.local("done"))
            })
        try pair.client.write([UInt8](repeating: 0, count: 300_000), deadline: soon())
        #expect(try pair.client.readToEnd(limit: 4_000_000, deadline: soon()) == answer)
        pair.client.cancel()
        #expect(try pair.server.closeReason() == .local("done"))
    }

    @Test("closes a connection on which nothing moves")
    func idle() throws {
        var options = ConnectionOptions()
        options.idleTimeout = .milliseconds(30)
        let pair = try Pair(.echo(), options: options)
        #expect(try pair.client.readToEnd(limit: 1, deadline: soon()) == [])
        #expect(try pair.server.closeReason() == .idle(.milliseconds(30)))
    }

    @Test("is not killed by a peer that goes away while it is written to")
    func brokenPipe() throws {
        let file = try ScratchFile(count: 1 << 20)
        let loop = try EventLoop(name: "test")
        defer { loop.stop() }
        let server = Recorder { _, connection in
            connection.send((0..<64).map { _ in file.span() })
        }
        let listener = try Listener(on: .tcp(host: "127.0.0.1", port: 0), loop: loop, log: { _ in }) { _ in server }
        try listener.start()
        var client: ClientSocket? = try ClientSocket.connect(
            to: .tcp(host: "127.0.0.1", port: listener.port), deadline: soon())
        try client?.write([0], deadline: soon())
        _ = try client?.read(exactly: 1000, deadline: soon())
        client = nil
        _ = try server.closeReason()
    }

    @Test("closes its connections when the loop stops")
    func loopStops() throws {
        let pair = try Pair(.echo())
        try pair.client.write([1], deadline: soon())
        _ = try pair.client.read(exactly: 1, deadline: soon())
        pair.loop.stop()
        #expect(try pair.server.closeReason() == .loopStopped)
        #expect(try pair.client.readToEnd(limit: 1, deadline: soon()) == [])
    }
}
