package import Platform
import Records

/// Answers one line with some bytes on a unix domain socket: how a command asks the process that has the data directory.
///
/// Requests are answered one by one on a thread of its own, since an answer may wait for locks that the loop must not
/// wait for.
package final class ControlServer: Sendable {
    private let listener: Listener
    private let worker: Worker

    /// Requests longer than this are not answered.
    static let lineLimit = 4096

    /// Listens at once.
    /// - Parameters:
    ///   - path: the socket's file, made with mode 0600. One that a killed process has left is replaced.
    ///   - answer: gets the line without its end; called on any thread, by several at once.
    package init(
        path: String, loop: EventLoop, log: @escaping @Sendable (String) -> Void,
        answer: @escaping @Sendable (String) -> [UInt8]
    ) throws(SocketError) {
        var options = ListenerOptions()
        options.maxConnections = 16
        options.connection.idleTimeout = .seconds(30)
        let worker = Worker(answer: answer)
        self.worker = worker
        do {
            listener = try Listener(on: .unix(path: path), loop: loop, options: options, log: log) { _ in
                Handler(worker: worker)
            }
            try listener.start()
        } catch {
            worker.stop()
            throw error
        }
    }

    /// Removes the socket, and waits for the answers that are under way. Not on the loop's thread.
    package func stop() {
        listener.stop()
        worker.stop()
    }

    /// Asks such a server.
    /// - Parameter limit: the most bytes to take for an answer.
    package static func ask(
        path: String, _ line: String, timeout: Duration = .seconds(10), limit: Int = 64 << 20, clock: Clock = .system
    ) throws(SocketError) -> [UInt8] {
        let deadline = clock.now() + timeout
        let socket = try ClientSocket.connect(to: .unix(path: path), deadline: deadline, clock: clock)
        try socket.write(Array(line.utf8) + [UInt8(ascii: "\n")], deadline: deadline)
        return try socket.readToEnd(limit: limit, deadline: deadline)
    }

    /// The thread that answers. At most one request a connection waits here.
    private final class Worker: Sendable {
        private struct State {
            var requests: [(line: String, from: Connection)] = []
            var stopping = false
        }

        private let state = Lock(State())
        private let thread = Lock<Thread?>(nil)

        init(answer: @escaping @Sendable (String) -> [UInt8]) {
            let state = self.state
            thread.withLock {
                $0 = Thread(name: "control") {
                    while let (line, connection) = Self.next(state) {
                        connection.send([.bytes(answer(line))])
                        connection.finish(.local("answered"))
                    }
                }
            }
        }

        func submit(_ line: String, from connection: Connection) {
            state.withLockNotifying { $0.requests.append((line, connection)) }
        }

        func stop() {
            state.withLockNotifying { $0.stopping = true }
            thread.withLock { $0 }?.join()
        }

        private static func next(_ state: Lock<State>) -> (String, Connection)? {
            let next = state.wait { state -> (String, Connection)?? in
                if !state.requests.isEmpty { return .some(state.requests.removeFirst()) }
                return state.stopping ? .some(nil) : nil
            }
            return next ?? nil
        }
    }

    private final class Handler: ConnectionHandler, @unchecked Sendable {  // touched on the loop's thread only
        private let worker: Worker
        private var line: [UInt8] = []

        init(worker: Worker) { self.worker = worker }

        func received(_ bytes: ArraySlice<UInt8>, on connection: Connection) {
            let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
            line += bytes[..<(end ?? bytes.endIndex)]
            guard line.count <= ControlServer.lineLimit else {
                return connection.close(.local("the request is too long"))
            }
            guard end != nil else { return }
            connection.pauseReading()
            worker.submit(String(decoding: line, as: UTF8.self), from: connection)
        }

        func inputEnded(on connection: Connection) { connection.close(.peerClosed) }
        func closed(_ connection: Connection, _ reason: CloseReason) {}
    }
}
