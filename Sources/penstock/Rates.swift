import Pipelines
import Platform

/// Events and bytes per second, from the totals of two moments.
struct Rates: Sendable {
    private struct Look {
        var moment: Instant
        var events = 0
        var bytes: Int64 = 0
        var rate = StatusReport.Rate()
    }

    private let began: Instant
    private var last: [String: Look] = [:]

    /// - Parameter began: when the totals were zero.
    init(began: Instant) { self.began = began }

    /// The rates since the last call, by pipeline; if that was less than half a second ago, the rates of then.
    mutating func take(_ pipelines: [PipelineStatus], now: Instant) -> [String: StatusReport.Rate] {
        var rates: [String: StatusReport.Rate] = [:]
        for pipeline in pipelines {
            var look = last[pipeline.name] ?? Look(moment: began)
            let seconds = Double((now - look.moment).wholeNanoseconds) / 1e9
            if seconds >= 0.5 {
                look.rate = StatusReport.Rate(
                    events: Double(pipeline.events - look.events) / seconds,
                    bytes: Double(pipeline.bytes - look.bytes) / seconds)
                look.moment = now
                look.events = pipeline.events
                look.bytes = pipeline.bytes
                last[pipeline.name] = look
            }
            rates[pipeline.name] = look.rate
        }
        return rates
    }
}
