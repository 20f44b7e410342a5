import Broker
import CommitLog
import Connectors
import Glibc
import KafkaServer
import Pipelines
import Platform
import Settings
import Sockets

/// `penstock run`: the one place that puts the parts together. They are started bottom up and stopped top down.
final class Running: Sendable {
    private let options: RunOptions
    private let descriptions: [PipelineDescription]
    private let log: Log
    private let screen = Screen(.err)
    private let clock = Clock.system
    private let ending = Lock<Ending?>(nil)

    /// Why the process is to end.
    private enum Ending: Sendable {
        case signal(String)
        case finished
    }

    init(_ options: RunOptions, _ descriptions: [PipelineDescription]) {
        self.options = options
        self.descriptions = descriptions
        log = Log(level: options.logLevel, screen: screen)
    }

    /// Runs until a signal comes or, with `--until-eof`, until all is durable.
    /// - Returns: the exit code.
    func run() throws -> Int32 {
        let began = clock.now()
        OpenFiles.raiseLimit()
        let directory = try openDirectory()
        let house: House
        do {
            house = try House(directory, options: options, descriptions, log: log, began: began, clock: clock)
        } catch {
            try? directory.close()
            throw error
        }
        _ = Signals { name in self.end(.signal(name)) }
        do {
            try house.start()
        } catch {
            house.stop(by: clock.now())
            try? directory.close()
            throw error
        }
        welcome(house)
        if options.untilEof {
            _ = Thread(name: "until-eof") {
                house.wait()
                self.end(.finished)
            }
        }
        return try finish(house, directory, waitForEnd(house))
    }

    private func openDirectory() throws -> DataDirectory {
        let directory = try DataDirectory.open(options.data.path, options: options.log)
        log.info("data directory open", ["path": options.data.path, "recovery": directory.recovery.summary])
        for trouble in directory.recovery.troubles { log.warning(trouble) }
        return directory
    }

    private func end(_ reason: Ending) {
        ending.withLockNotifying { $0 = $0 ?? reason }
    }

    /// Waits for the end; meanwhile, on a terminal, shows how it goes.
    private func waitForEnd(_ house: House) -> Ending {
        guard screen.canRewrite, !descriptions.isEmpty else { return ending.wait { $0 } ?? .finished }
        var rates = Rates(began: clock.now())
        defer { screen.rewrite("") }
        while true {
            if let reason = ending.wait(until: clock.now() + .seconds(1), { $0 }) { return reason }
            let pipelines = house.pipelines
            screen.rewrite(RateLine.text(pipelines, rates.take(pipelines, now: clock.now())))
        }
    }

    private func finish(_ house: House, _ directory: DataDirectory, _ reason: Ending) throws -> Int32 {
        if case .signal(let name) = reason {
            log.info("\(name): stopping", ["timeout": options.shutdownTimeout.unitText])
        }
        let drained = house.stop(by: clock.now() + options.shutdownTimeout)
        let pipelines = house.pipelines
        let troubles = pipelines.flatMap { pipeline in
            let unread = options.untilEof ? pipeline.sources.flatMap(\.unread) : []
            return ((pipeline.reason.map { [$0] } ?? []) + unread).map { "\(pipeline.name): \($0)" }
        }
        try directory.close()
        for trouble in troubles { log.error("not finished: \(trouble)") }
        guard drained, troubles.isEmpty else {
            log.error("not everything became durable; the next start goes on where this one ended")
            return ExitCode.failed
        }
        let events = pipelines.reduce(0) { $0 + $1.events }
        log.info("stopped; everything that was read is durable", ["events": "\(events)"])
        return ExitCode.done
    }

    /// What a newcomer needs to know, once all is up.
    private func welcome(_ house: House) {
        let topics = descriptions.flatMap(\.topics)
        screen.line("Topics are kept in \(options.data.path).")
        guard let address = house.address else { return }
        screen.line("Kafka clients are served at \(address).")
        let topic = topics.first ?? "TOPIC"
        // As it was called, so that a line can be copied where the binary is not in PATH.
        let called = CommandLine.arguments.first ?? "penstock"
        let bootstrap = address == RunOptions.standardListen.description ? "" : " --bootstrap \(address)"
        if !topics.isEmpty { screen.line("Collected into: \(topics.joined(separator: ", ")).") }
        screen.line(
            """
            Read them:
              \(called) consume \(topic) --from-beginning --follow\(bootstrap)
              kcat -C -b \(address) -t \(topic)
            Watch it: \(called) status --data \(options.data.path)
            Stop it: Ctrl-C; the next start goes on exactly where this one ended.
            """)
    }
}

extension PipelineDescription {
    /// Topics that its sinks write to.
    var topics: [String] { sinks.compactMap { ($0.options as? TopicOptions)?.topic } }
}

/// The live line.
enum RateLine {
    static func text(_ pipelines: [PipelineStatus], _ rates: [String: StatusReport.Rate]) -> String {
        let events = Int(rates.values.reduce(0) { $0 + $1.events })
        let bytes = Int64(rates.values.reduce(0) { $0 + $1.bytes })
        let total = pipelines.reduce(0) { $0 + $1.events }
        let lag = pipelines.reduce(Int64(0)) { $0 + $1.lagBytes }
        let failed = pipelines.filter { $0.state == .failed }.map(\.name)
        let tail = failed.isEmpty ? "" : ", failed: \(failed.joined(separator: " "))"
        let speed = "\(events) lines/s, \(StatusReport.shown(bytes: bytes))/s"
        return "\(speed), behind \(StatusReport.shown(bytes: lag)), \(total) lines since the start\(tail)"
    }
}
