import CLinux
import Glibc
import Platform

/// The bounds of a listener.
package struct ListenerOptions: Sendable {
    /// Connections at once; one more is accepted and closed, so that its client hears of it.
    package var maxConnections = 1000
    /// Connections that the kernel keeps until they are accepted.
    package var backlog: Int32 = 256
    /// When the process or the machine has no descriptor left: how long until the next try, unless a connection closes.
    package var acceptRetry = Duration.seconds(1)
    package var connection = ConnectionOptions()

    package init() {}

    /// Descriptors that connections leave to the rest of the process when it may have `limit` of them.
    package static func reserve(of limit: Int) -> Int { max(256, limit / 4) }

    /// Lowers ``maxConnections`` so that connections cannot use up the descriptors that the log needs.
    /// - Parameter limit: descriptors that the process may have.
    /// - Returns: whether it had to be lowered. At least one connection is left.
    package mutating func keepReserve(of limit: Int) -> Bool {
        let most = max(1, limit - Self.reserve(of: limit))
        guard maxConnections > most else { return false }
        maxConnections = most
        return true
    }
}

/// Accepts connections, TCP or unix domain (its file is 0600), and hands each to a handler of its own.
///
/// It is bound when it is made, so that a port in use is known early, and refuses connections until ``start()``.
@safe
package final class Listener: @unchecked Sendable {  // mutable fields are touched on the loop's thread only
    package let endpoint: Endpoint
    /// What it is bound to: several where a name has several addresses. The port is the real one if 0 was asked for.
    package let addresses: [SocketAddress]
    private let loop: EventLoop
    private let options: ListenerOptions
    private let log: @Sendable (String) -> Void
    private let makeHandler: @Sendable (Connection) -> any ConnectionHandler
    private let sockets: [ListeningSocket]

    private var connectionCount = 0
    private var refusing = false
    /// There was no descriptor for a connection, and some have been waiting since.
    private var starved = false
    private var retry: (any ScheduledWork)?

    /// - Parameters:
    ///   - log: takes one line for each thing an operator should know (no descriptors left, too many connections).
    ///   - makeHandler: called on the loop's thread for each connection.
    package init(
        on endpoint: Endpoint, loop: EventLoop, options: ListenerOptions = ListenerOptions(),
        log: @escaping @Sendable (String) -> Void,
        makeHandler: @escaping @Sendable (Connection) -> any ConnectionHandler
    ) throws(SocketError) {
        self.endpoint = endpoint
        self.loop = loop
        self.options = options
        self.log = log
        self.makeHandler = makeHandler
        sockets = try ListeningSocket.bind(to: endpoint)
        addresses = sockets.compactMap { SocketAddress(of: $0.descriptor, peer: false) }
    }

    /// The port of a TCP listener, 0 for a unix domain socket.
    package var port: Int { addresses.first?.port ?? 0 }

    /// Accepts connections from now on. Once, before ``stop()``.
    package func start() throws(SocketError) {
        for socket in sockets {
            guard listen(socket.descriptor, options.backlog) == 0 else {
                throw ListeningSocket.error(endpoint, errno)
            }
        }
        loop.execute { [self] in
            for socket in sockets { watch(socket) }
        }
    }

    /// Accepts no more; the connections go on. A unix domain socket's file is removed.
    package func stop() {
        loop.execute { [self] in close() }
    }

    // MARK: On the loop's thread

    private func watch(_ socket: ListeningSocket) {
        socket.listener = self
        socket.number = loop.add(socket.descriptor, .readable, socket)
        if socket.number == nil { log(SocketError("watch \(endpoint)", errno: errno).description) }
    }

    fileprivate func close() {
        retry?.cancel()
        for socket in sockets {
            if let number = socket.number { loop.remove(number, socket.descriptor) }
            socket.close()
        }
        // Safety: the path lives through the call.
        if case .unix(let path) = endpoint { _ = unsafe unlink(path) }
    }

    /// Takes what waits, a bounded number at a time.
    fileprivate func acceptSome(from socket: ListeningSocket) {
        for _ in 0..<64 {
            guard let accepted = Descriptor(penstock_accept(socket.descriptor)) else {
                switch errno {
                case EAGAIN:
                    starved = false
                    return
                case EINTR, ECONNABORTED, EPROTO, ENETDOWN, EHOSTUNREACH, ENETUNREACH: continue
                default: return pause(SocketError("accept a connection on \(endpoint)", errno: errno))
                }
            }
            accept(accepted)
        }
    }

    private func accept(_ descriptor: consuming Descriptor) {
        guard connectionCount < options.maxConnections else {
            if !refusing {
                log("\(endpoint) has \(connectionCount) connections, the most it may: closing new ones until one ends")
            }
            refusing = true
            return
        }
        connectionCount += 1
        let connection = Connection(descriptor, loop: loop, options: options.connection) { [self] in released() }
        connection.begin(makeHandler(connection))
    }

    private func released() {
        connectionCount -= 1
        refusing = false
        if retry != nil { acceptAgain() }
    }

    /// No descriptor or memory is left: what waits in the backlog would wake the loop for ever.
    private func pause(_ error: SocketError) {
        guard retry == nil else { return }
        if !starved {
            log("\(error); accepting again when a connection closes. Raise the limit on open files (ulimit -n)")
        }
        starved = true
        for socket in sockets { setInterest(socket, []) }
        retry = loop.schedule(at: loop.clock.now() + options.acceptRetry) { [self] in acceptAgain() }
    }

    private func acceptAgain() {
        retry?.cancel()
        retry = nil
        for socket in sockets { setInterest(socket, .readable) }
    }

    private func setInterest(_ socket: ListeningSocket, _ interest: Readiness) {
        if let number = socket.number { loop.change(number, socket.descriptor, interest) }
    }
}

/// One bound socket of a listener.
final class ListeningSocket: ReadinessHandler {
    let descriptor: Int32
    private var owner: Descriptor?
    fileprivate var number: UInt64?
    /// While it is watched.
    fileprivate var listener: Listener?

    private init(_ owner: consuming Descriptor) {
        descriptor = owner.number
        self.owner = consume owner
    }

    fileprivate func close() {
        number = nil
        listener = nil
        owner = nil
    }

    func ready(_ readiness: Readiness) { listener?.acceptSome(from: self) }
    func loopStopped() { listener?.close() }

    /// A socket for each address of the endpoint that this machine has.
    static func bind(to endpoint: Endpoint) throws(SocketError) -> [ListeningSocket] {
        var wanted = try endpoint.addresses(listening: true, attempt: "listen on \(endpoint)")
        if case .unix(let path) = endpoint { try removeStale(path, wanted[0], endpoint) }
        let both = Set(wanted.map(\.family)).count > 1
        var bound: [ListeningSocket] = []
        var failure: Int32 = EADDRNOTAVAIL
        for index in wanted.indices {
            // All share the port that the first one got.
            if wanted[index].port == 0, let first = bound.first {
                wanted[index].port = SocketAddress(of: first.descriptor, peer: false)?.port ?? 0
            }
            do {
                bound.append(try bind(to: wanted[index], endpoint, onlyV6: both))
            } catch {
                // A family that this machine does not speak, or an address it does not have, does no harm beside another.
                guard [EADDRNOTAVAIL, EAFNOSUPPORT].contains(error.code) else { throw error }
                failure = error.code
            }
        }
        guard !bound.isEmpty else { throw error(endpoint, failure) }
        return bound
    }

    private static func bind(
        to address: SocketAddress, _ endpoint: Endpoint, onlyV6: Bool
    ) throws(SocketError) -> ListeningSocket {
        guard let descriptor = Descriptor(penstock_stream_socket(address.family)) else {
            throw error(endpoint, errno)
        }
        if address.family == AF_INET6 { _ = penstock_set_v6_only(descriptor.number, onlyV6 ? 1 : 0) }
        if address.family != AF_UNIX { _ = penstock_set_reuse_address(descriptor.number) }
        // Safety: the array lives through the call and has the length that is said.
        guard unsafe penstock_bind(descriptor.number, address.bytes, UInt32(address.bytes.count)) == 0 else {
            throw error(endpoint, errno)
        }
        // Before `listen` nobody can connect, so there is no moment with wider permissions.
        // Safety: the path lives through the call.
        if case .unix(let path) = endpoint, unsafe chmod(path, 0o600) != 0 { throw error(endpoint, errno) }
        return ListeningSocket(descriptor)
    }

    /// Removes the file of a unix domain socket that nobody listens on any more (its process was killed).
    private static func removeStale(
        _ path: String, _ address: SocketAddress, _ endpoint: Endpoint
    ) throws(SocketError) {
        var status = stat()
        // Safety: `status` outlives the call.
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw error(endpoint, EEXIST) }
        guard let probe = Descriptor(penstock_stream_socket(AF_UNIX)) else { throw error(endpoint, errno) }
        // Safety: as in `bind`.
        let result = unsafe penstock_connect(probe.number, address.bytes, UInt32(address.bytes.count))
        guard result != 0, errno == ECONNREFUSED else { throw error(endpoint, EADDRINUSE) }
        // Safety: as above.
        guard unsafe unlink(path) == 0 || errno == ENOENT else { throw error(endpoint, errno) }
    }

    static func error(_ endpoint: Endpoint, _ code: Int32) -> SocketError {
        SocketError("listen on \(endpoint)", errno: code, advice: advice(endpoint, code))
    }

    private static func advice(_ endpoint: Endpoint, _ code: Int32) -> String? {
        switch (code, endpoint) {
        case (EADDRINUSE, .tcp(_, let port)):
            "stop the process that has the port ('ss -ltnp sport = :\(port)' shows it), or listen on another"
        case (EADDRINUSE, .unix): "another process listens there"
        case (EADDRNOTAVAIL, _): "no interface of this machine has that address ('ip addr' shows them)"
        case (EACCES, .tcp(_, let port)) where port < 1024: "ports below 1024 need root or CAP_NET_BIND_SERVICE"
        case (EACCES, .unix): "the directory must be writable"
        case (EMFILE, _): "raise the limit on open files (ulimit -n)"
        case (EEXIST, _): "there is a file of that name that is not a socket"
        default: nil
        }
    }
}
