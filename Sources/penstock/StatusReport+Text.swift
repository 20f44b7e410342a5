import Pipelines
import Platform

extension StatusReport {
    /// For people: a line about the process, a table of pipelines, a table of files, what is wrong.
    var text: String {
        let serving = address.map { "serves \($0)" } ?? "serves no clients"
        let head =
            "penstock \(version), process \(processID), up \(Self.shown(seconds: uptime.wholeMilliseconds / 1000)), \(serving)"
        var parts = [head, pipelines.isEmpty ? "No pipelines." : pipelineTable]
        if pipelines.contains(where: { !$0.files.isEmpty }) { parts.append(fileTable) }
        let troubles = logProblems.map { "log: \($0)" } + pipelines.flatMap(troubles)
        if !troubles.isEmpty { parts.append(troubles.joined(separator: "\n")) }
        return parts.joined(separator: "\n\n")
    }

    private var pipelineTable: String {
        var table = Table(
            ["PIPELINE", "STATE", "EVENTS", "EVENTS/S", "BYTES/S", "LAG", "ABANDONED", "ERRORS"],
            numbers: [2, 3, 4, 5, 6, 7])
        for pipeline in pipelines {
            let rate = rates[pipeline.name] ?? Rate()
            table.add([
                pipeline.name, pipeline.state.rawValue, "\(pipeline.events)", "\(Int(rate.events))",
                Self.shown(bytes: Int64(rate.bytes)), Self.shown(bytes: pipeline.lagBytes),
                Self.shown(bytes: pipeline.abandonedBytes), "\(pipeline.errors)",
            ])
        }
        return table.text
    }

    private var fileTable: String {
        var table = Table(["PIPELINE", "LAG", "BEHIND", "ABANDONED", "ERRORS", "FILE"], numbers: [1, 2, 3, 4])
        for pipeline in pipelines {
            for file in pipeline.files {
                table.add([
                    pipeline.name, Self.shown(bytes: file.lagBytes), Self.shown(seconds: Int64(file.lagSeconds)),
                    Self.shown(bytes: file.abandonedBytes), "\(file.errors)", file.path,
                ])
            }
        }
        return table.text
    }

    private func troubles(_ pipeline: PipelineStatus) -> [String] {
        let reason = pipeline.reason.map { ["\(pipeline.name): \(pipeline.state.rawValue): \($0)"] } ?? []
        return reason + pipeline.sources.flatMap(\.problems).map { "\(pipeline.name): \($0)" }
            + pipeline.files.flatMap(\.abandoned).map { range in
                "\(pipeline.name): abandoned bytes \(range.from) to \(range.to) of \(range.path): \(range.cause)"
            }
    }

    /// `1.5 MiB`
    static func shown(bytes: Int64) -> String {
        var value = Double(bytes)
        for unit in ["B", "KiB", "MiB", "GiB"] {
            if value < 1024 { return unit == "B" ? "\(bytes) B" : "\(oneDecimal(value)) \(unit)" }
            value /= 1024
        }
        return "\(oneDecimal(value)) TiB"
    }

    /// `42 s`, `3 m`, `5 h`, `9 d`
    static func shown(seconds: Int64) -> String {
        if seconds < 120 { return "\(seconds) s" }
        if seconds < 7200 { return "\(seconds / 60) m" }
        if seconds < 172_800 { return "\(seconds / 3600) h" }
        return "\(seconds / 86_400) d"
    }

    private static func oneDecimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
