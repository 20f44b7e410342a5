import Broker
import CommitLog
import Connectors
import Glibc
import KafkaServer
import Pipelines
import Platform
import Settings
import Sockets

/// Everything that works on one open data directory: broker, pipelines, listener, control socket.
final class House: Sendable {
    private let node: Broker.Node
    private let loop: EventLoop
    private let listener: KafkaListener?
    private let encoders: EncoderPool
    private let runner: Runner
    private let control = Lock<ControlServer?>(nil)
    private let rates: Lock<Rates>
    private let options: RunOptions
    private let log: Log
    private let clock: Clock
    private let began: Instant
    /// Where clients connect; nil: they are not served.
    let address: String?

    /// Binds the listener and makes every component; nothing is started.
    init(
        _ directory: DataDirectory, options: RunOptions, _ descriptions: [PipelineDescription], log: Log,
        began: Instant,
        clock: Clock
    ) throws {
        self.options = options
        self.log = log
        self.clock = clock
        self.began = began
        rates = Lock(Rates(began: began))
        loop = try EventLoop(clock: clock)
        node = Broker.Node(
            directory: directory, options: options.broker, clock: clock, scheduler: loop,
            advertised: Broker.Node.Endpoint(host: "", port: 0), log: { log.warning($0) })
        listener = try Self.bind(options, loop, node, log)
        address = listener.map { Self.advertised(options, port: $0.port) }.map(\.description)
        if let listener {
            let told = Self.advertised(options, port: listener.port)
            node.advertise(Broker.Node.Endpoint(host: told.host, port: Int32(told.port)))
        }
        encoders = EncoderPool(threads: max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))) - 1))
        let context = PipelineContext(
            directory: directory,
            topic: { [node] name, partitions, configuration in
                try node.topic(forPipeline: name, partitions: partitions, configuration: configuration)
            },
            encoders: encoders, budget: ByteBudget(total: options.memory.bytes), clock: clock,
            untilEnd: options.untilEof, log: { log.write($0) })
        runner = try Runner(descriptions, registry: builtins, context: context)
    }

    private static func bind(
        _ options: RunOptions, _ loop: EventLoop, _ node: Broker.Node, _ log: Log
    ) throws -> KafkaListener? {
        guard let address = options.listen ?? (options.untilEof ? nil : RunOptions.standardListen) else { return nil }
        var server = KafkaServerOptions()
        let files = OpenFiles.limit
        if server.listener.keepReserve(of: files) {
            log.warning(
                "at most \(server.listener.maxConnections) Kafka connections: the log needs open files, too, and the "
                    + "limit is \(files) (ulimit -n)")
        }
        return try KafkaListener(on: address.endpoint, loop: loop, service: node, options: server) { log.warning($0) }
    }

    /// What clients are told: not "every interface", which they could not connect to.
    private static func advertised(_ options: RunOptions, port: Int) -> Address {
        if let told = options.advertise { return told }
        let host = (options.listen ?? RunOptions.standardListen).host
        guard ["", "0.0.0.0", "::"].contains(host) else { return Address(host: host, port: port) }
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return Address(host: "localhost", port: port) }
        return Address(host: name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }, port: port)
    }

    /// How long clients may be kept out for the pipelines to make their topics.
    private static let patience = Duration.seconds(5)

    /// Starts everything, the listener last: it accepts when the log is ready and the pipelines' topics are there.
    func start() throws {
        try node.start()
        let server = try ControlServer(
            path: options.data.controlSocket, loop: loop, log: { [log] in log.warning($0) },
            answer: { [weak self] line in Array((self?.answer(line) ?? "").utf8) })
        control.withLock { $0 = server }
        runner.start()
        guard let listener else { return }
        runner.waitUntilStarted(until: clock.now() + Self.patience)
        try listener.start()
    }

    /// Waits until every pipeline has ended by itself.
    func wait() { _ = runner.wait() }

    /// Brings home what was read, lets requests that are worked on be answered meanwhile, then stops everything.
    /// - Returns: false if `deadline` came before all that was read was in the log.
    @discardableResult
    func stop(by deadline: Instant) -> Bool {
        let closed = Lock(listener == nil)
        runner.stop(by: deadline)
        listener?.stop { closed.withLockNotifying { $0 = true } }
        let drained = runner.wait(until: deadline)
        _ = closed.wait(until: max(deadline, clock.now() + .milliseconds(100))) { $0 ? true : nil }
        node.stop()
        encoders.stop()
        control.withLock { $0 }?.stop()
        loop.stop()
        return drained
    }

    var pipelines: [PipelineStatus] { runner.status() }

    /// What the control socket is asked.
    private func answer(_ line: String) -> String {
        let pipelines = runner.status()
        let now = clock.now()
        let report = StatusReport(
            version: Penstock.version, processID: getpid(), uptime: now - began, address: address,
            logProblems: node.directory.recovery.troubles + (node.directory.stopReason.map { [$0] } ?? []),
            pipelines: pipelines, rates: rates.withLock { $0.take(pipelines, now: now) })
        switch line {
        case "status json": return report.json.text + "\n"
        case "status": return report.text + "\n"
        default: return "unknown request\n"
        }
    }
}

extension Log {
    func write(_ note: PipelineNote) {
        let level: Level =
            switch note.level {
            case .info: .info
            case .warning: .warning
            case .error: .error
            }
        if note.component.isEmpty { return write(level, note.message, ["pipeline": note.pipeline]) }
        write(level, note.message, ["pipeline": note.pipeline, "component": note.component])
    }
}
