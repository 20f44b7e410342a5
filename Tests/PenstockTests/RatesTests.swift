import Pipelines
import Platform
import Testing

@testable import penstock

@Suite("rates") struct RatesTests {
    private func pipeline(events: Int, bytes: Int64) -> PipelineStatus {
        var source = SourceReport(name: "s")
        source.events = events
        source.bytes = bytes
        return PipelineStatus(name: "p", sources: [source])
    }

    private func second(_ number: Double) -> Instant { Instant(nanoseconds: Int64(number * 1e9)) }

    @Test("rates are over the time since the last look, and stay for half a second")
    func rates() {
        var rates = Rates(began: second(0))
        let first = rates.take([pipeline(events: 100, bytes: 1000)], now: second(2))["p"]
        #expect(first?.events == 50)
        #expect(first?.bytes == 500)
        #expect(rates.take([pipeline(events: 900, bytes: 9000)], now: second(2.1))["p"]?.events == 50)
        #expect(rates.take([pipeline(events: 300, bytes: 1000)], now: second(4))["p"]?.events == 100)
        #expect(rates.take([pipeline(events: 300, bytes: 1000)], now: second(5))["p"]?.events == 0)
    }
}
