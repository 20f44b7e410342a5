import Pipelines
import Platform

/// What `penstock status` shows: one process at one moment.
struct StatusReport: Sendable {
    var version: String
    var processID: Int32
    var uptime: Duration
    /// nil: it serves no clients.
    var address: String?
    /// What is wrong with the data directory: what the start found, and why nothing is written any more, if so.
    var logProblems: [String]
    var pipelines: [PipelineStatus]
    /// By pipeline, per second, over the time since they were last looked at; empty at first.
    var rates: [String: Rate]

    struct Rate: Sendable {
        var events = 0.0
        /// As read from the sources.
        var bytes = 0.0
    }

    var json: JSON {
        .object([
            ("version", .string(version)), ("pid", .integer(Int(processID))),
            ("uptime_seconds", .integer(uptime.wholeMilliseconds / 1000)),
            ("address", .string(orNull: address)), ("log_problems", .array(logProblems.map { .string($0) })),
            ("pipelines", .array(pipelines.map(json))),
        ])
    }

    private func json(_ pipeline: PipelineStatus) -> JSON {
        let rate = rates[pipeline.name] ?? Rate()
        let abandoned = pipeline.files.flatMap(\.abandoned)
        return .object([
            ("name", .string(pipeline.name)), ("state", .string(pipeline.state.rawValue)),
            ("reason", .string(orNull: pipeline.reason)),
            ("abandoned_bytes", .integer(pipeline.abandonedBytes)),
            ("abandoned", .array(abandoned.map(json))),
            ("errors", .integer(pipeline.errors)),
            ("lag_bytes", .integer(pipeline.lagBytes)),
            (
                "rates",
                .object([("events_per_second", .number(rate.events)), ("bytes_per_second", .number(rate.bytes))])
            ),
            ("files", .array(pipeline.files.map(json))),
            ("sources", .array(pipeline.sources.map(json))),
            ("processors", .array(pipeline.processors.map { counted($0.name, [], $0.counters) })),
            ("sink", json(pipeline.sink)),
        ])
    }

    private func json(_ range: Abandoned) -> JSON {
        .object([
            ("path", .string(range.path)), ("from", .integer(range.from)), ("to", .integer(range.to)),
            ("cause", .string(range.cause)),
        ])
    }

    private func json(_ file: FileReport) -> JSON {
        .object([
            ("path", .string(file.path)), ("lag_bytes", .integer(file.lagBytes)),
            ("lag_seconds", .number(file.lagSeconds)), ("position", .integer(file.position)),
            ("abandoned_bytes", .integer(file.abandonedBytes)), ("errors", .integer(file.errors)),
        ])
    }

    private func json(_ source: SourceReport) -> JSON {
        .object([
            ("name", .string(source.name)), ("events", .integer(source.events)), ("bytes", .integer(source.bytes)),
            ("splits", .integer(source.splits)), ("problems", .array(source.problems.map { .string($0) })),
        ])
    }

    private func json(_ sink: SinkReport) -> JSON {
        let figures: [(String, JSON)] = [
            ("events", .integer(sink.events)), ("bytes", .integer(sink.bytes)), ("rounds", .integer(sink.rounds)),
            ("waiting_bytes", .integer(sink.waitingBytes)),
        ]
        return counted(sink.name, figures, sink.counters)
    }

    private func counted(_ name: String, _ figures: [(String, JSON)], _ counters: [String: Int]) -> JSON {
        let sorted = counters.sorted { $0.key < $1.key }.map { ($0.key, JSON.integer($0.value)) }
        return .object([("name", .string(name))] + figures + sorted)
    }
}

extension PipelineStatus {
    var errors: Int64 { files.reduce(0) { $0 + $1.errors } }
    var lagBytes: Int64 { files.reduce(0) { $0 + $1.lagBytes } }
    var events: Int { sources.reduce(0) { $0 + $1.events } }
    var bytes: Int64 { sources.reduce(0) { $0 + $1.bytes } }
}
