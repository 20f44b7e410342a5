package import Broker
import Platform
package import Sockets

/// Serves a ``KafkaService`` to Kafka clients on one address.
///
/// Bound when it is made, so that a port in use is known early; accepts connections from ``start()`` on, which is to be
/// called when the log is ready.
package final class KafkaListener: @unchecked Sendable {  // mutable fields are touched on the loop's thread only
    private let loop: EventLoop
    private let options: KafkaServerOptions
    private let service: any KafkaService
    private let listener: Listener
    private let server: ConnectionTable

    /// - Parameters:
    ///   - log: takes one line for each connection that is closed for a reason an operator should know.
    package init(
        on endpoint: Endpoint, loop: EventLoop, service: any KafkaService,
        options: KafkaServerOptions = KafkaServerOptions(), log: @escaping @Sendable (String) -> Void
    ) throws(SocketError) {
        self.loop = loop
        self.options = options
        self.service = service
        let server = ConnectionTable(options: options, loop: loop, log: log)
        self.server = server
        listener = try Listener(on: endpoint, loop: loop, options: options.listener, log: log) { connection in
            server.add(connection, service)
        }
    }

    /// What it is bound to, with the real port if 0 was asked for.
    package var addresses: [SocketAddress] { listener.addresses }
    package var port: Int { listener.port }

    /// Accepts connections from now on. Once, before ``stop(_:)``.
    package func start() throws(SocketError) { try listener.start() }

    /// Accepts and reads no more, lets what is worked on be answered for ``KafkaServerOptions/drainTimeout`` (fetches
    /// that wait for data are not waited for), and closes the connections.
    /// - Parameter done: called on the loop's thread when the last connection has closed.
    package func stop(_ done: @escaping @Sendable () -> Void = {}) {
        listener.stop()
        loop.execute { [self] in
            server.stop(done)
            loop.schedule(at: loop.clock.now() + options.drainTimeout) { [self] in server.closeAll() }
        }
    }
}

/// The connections of a listener and what they share. Belongs to the loop's thread.
final class ConnectionTable: @unchecked Sendable {  // touched on the loop's thread only
    let options: KafkaServerOptions
    let budget: FrameBudget<KafkaConnection>
    private let limiter: LogLimiter
    private var connections: [UInt64: KafkaConnection] = [:]
    private var lastNumber: UInt64 = 0
    private var whenEmpty: (@Sendable () -> Void)?

    private let loop: EventLoop
    private var shortageTimer: (any ScheduledWork)?

    init(options: KafkaServerOptions, loop: EventLoop, log: @escaping @Sendable (String) -> Void) {
        self.options = options
        self.loop = loop
        budget = FrameBudget(limit: options.maxInFlightBytes) { $0.budgetAllows() }
        limiter = LogLimiter(limit: options.maxLogLinesPerMinute, clock: loop.clock, log: log)
    }

    func add(_ connection: Connection, _ service: any KafkaService) -> KafkaConnection {
        lastNumber += 1
        let added = KafkaConnection(connection, number: lastNumber, service: service, table: self)
        connections[lastNumber] = added
        return added
    }

    /// Somebody waits for room: those who hold it must use it, or are closed.
    func demandProgress() {
        guard shortageTimer == nil else { return }
        for connection in connections.values { connection.beginProgress() }
        shortageTimer = loop.schedule(at: loop.clock.now() + options.shortageGrace) { [self] in
            // What has come while the loop was busy elsewhere counts: it is read first.
            loop.execute { [self] in endGrace() }
        }
    }

    private func endGrace() {
        shortageTimer = nil
        guard budget.isShort else { return }
        for connection in connections.values { connection.closeIfSlow() }
        demandProgress()
    }

    func log(_ line: String) { limiter.write(line) }

    func remove(_ number: UInt64) {
        connections.removeValue(forKey: number)
        finishStop()
    }

    func stop(_ done: @escaping @Sendable () -> Void) {
        whenEmpty = done
        for connection in connections.values { connection.drain() }
        finishStop()
    }

    func closeAll() {
        for connection in connections.values { connection.close() }
    }

    private func finishStop() {
        guard connections.isEmpty, let whenEmpty else { return }
        self.whenEmpty = nil
        whenEmpty()
    }
}
