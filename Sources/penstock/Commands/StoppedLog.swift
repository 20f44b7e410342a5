import Broker
import CommitLog
import Glibc
import KafkaClient
import KafkaServer
import Settings
import Sockets

/// A data directory that no process works on, opened for one command: a broker in this process, on a port of the
/// loopback interface that the kernel chooses.
enum StoppedLog {
    /// Opens the directory, calls `body` with a client of it, and closes it cleanly.
    ///
    /// A directory that is not there is not made: its name is misspelt, most likely.
    static func with<Result>(_ data: Directory, _ body: (KafkaClient) throws -> Result) throws -> Result {
        guard access(data.path, F_OK) == 0 else {
            throw Failure(
                "cannot open the data directory \(data.path): \(String(cString: strerror(errno))); "
                    + "`penstock run --data \(data.path)` makes it")
        }
        let directory = try DataDirectory.open(data.path)
        do {
            let result = try serving(directory, body)
            try directory.close()
            return result
        } catch {
            // The first error is the one to tell; a directory that is not closed cleanly is checked at the next start.
            try? directory.close()
            throw error
        }
    }

    private static func serving<Result>(
        _ directory: DataDirectory, _ body: (KafkaClient) throws -> Result
    ) throws -> Result {
        let loop = try EventLoop(name: "kafka")
        defer { loop.stop() }
        let log: @Sendable (String) -> Void = { Console.err.line($0) }
        var options = BrokerOptions()
        // Nobody else can join meanwhile.
        options.groups.initialRebalanceDelay = .zero
        let host = "127.0.0.1"
        let node = Broker.Node(
            directory: directory, options: options, scheduler: loop, advertised: .init(host: host, port: 0), log: log)
        try node.start()
        defer { node.stop() }
        let listener = try KafkaListener(on: .tcp(host: host, port: 0), loop: loop, service: node, log: log)
        node.advertise(.init(host: host, port: Int32(listener.port)))
        try listener.start()
        return try body(KafkaClient(bootstrap: [.tcp(host: host, port: listener.port)]))
    }
}
