import Foundation
import Platform
import Records
import Testing

@testable import Sockets

/// A value that another thread sets and the test waits for, a minute at most.
final class Eventually<Value: Sendable>: Sendable {
    private let value = Lock<Value?>(nil)

    func set(_ new: Value) { value.withLockNotifying { if $0 == nil { $0 = new } } }

    func wait() throws -> Value {
        let deadline = Platform.Clock.system.now() + .seconds(60)
        return try #require(value.wait(until: deadline) { $0 }, "it did not happen within a minute")
    }
}

/// A deadline far enough for a busy machine.
func soon() -> Instant { Platform.Clock.system.now() + .seconds(60) }

/// Runs `body` on the loop's thread and gives back what it returned.
func on<T: Sendable>(_ loop: EventLoop, _ body: @escaping @Sendable () -> T) throws -> T {
    let result = Eventually<T>()
    loop.execute { result.set(body()) }
    return try result.wait()
}

/// Notes what a connection tells, and does what the test wants with what it gets.
final class Recorder: ConnectionHandler, Sendable {
    struct Seen: Sendable {
        var received: [UInt8] = []
        var inputEnded = false
        var drained = 0
        var reason: CloseReason?
    }

    let seen = Lock(Seen())
    let connection = Eventually<Connection>()
    private let onBytes: @Sendable (ArraySlice<UInt8>, Connection) -> Void

    init(_ onBytes: @escaping @Sendable (ArraySlice<UInt8>, Connection) -> Void = { _, _ in }) {
        self.onBytes = onBytes
    }

    static func echo() -> Recorder { Recorder { $1.send([.bytes(Array($0))]) } }

    func received(_ bytes: ArraySlice<UInt8>, on connection: Connection) {
        seen.withLockNotifying { $0.received += bytes }
        onBytes(bytes, connection)
    }

    func inputEnded(on connection: Connection) {
        seen.withLockNotifying { $0.inputEnded = true }
        connection.finish(.peerClosed)
    }

    func outputDrained(on connection: Connection) { seen.withLockNotifying { $0.drained += 1 } }
    func closed(_ connection: Connection, _ reason: CloseReason) { seen.withLockNotifying { $0.reason = reason } }

    func closeReason() throws -> CloseReason {
        try #require(seen.wait(until: soon()) { $0.reason }, "the connection did not close within a minute")
    }
}

/// A listener on a free port of the loopback, a client connected to it, and the server's end.
final class Pair {
    let loop: EventLoop
    let listener: Listener
    let client: ClientSocket
    let server: Recorder

    init(_ server: Recorder, options: ConnectionOptions = ConnectionOptions()) throws {
        loop = try EventLoop(name: "test")
        self.server = server
        var listenerOptions = ListenerOptions()
        listenerOptions.connection = options
        listener = try Listener(
            on: .tcp(host: "127.0.0.1", port: 0), loop: loop, options: listenerOptions, log: { _ in }
        ) { connection in
            server.connection.set(connection)
            return server
        }
        try listener.start()
        client = try ClientSocket.connect(to: .tcp(host: "127.0.0.1", port: listener.port), deadline: soon())
    }

    deinit { loop.stop() }
}

/// A file of pseudo-random bytes that disappears with the test.
final class ScratchFile: FileSpanSource, Sendable {
    let bytes: [UInt8]
    let descriptor: Int32?
    private let file: Int32

    init(count: Int, withDescriptor: Bool = true, in directory: String = NSTemporaryDirectory()) throws {
        var generator = Seeded(7)
        bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let path = directory + "/penstock-sockets-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        file = open(path, O_RDONLY)
        descriptor = withDescriptor ? file : nil
        unlink(path)
    }

    deinit { close(file) }

    func read(position: Int64, length: Int) throws -> [UInt8] {
        Array(bytes[min(bytes.count, Int(position))..<min(bytes.count, Int(position) + length)])
    }

    func span(_ position: Int64 = 0, _ length: Int? = nil) -> OutputPiece {
        .file(FileSpan(source: self, position: position, length: length ?? bytes.count))
    }
}

struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func temporaryPath(_ name: String) -> String {
    NSTemporaryDirectory() + "/penstock-\(UUID().uuidString.prefix(8))-\(name)"
}
