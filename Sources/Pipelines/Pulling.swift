package import Platform

/// Asks several sources in turn, so that none is starved.
struct Pulling {
    private let sources: [any EventSource]
    private var finished: Set<Int> = []
    private var turn = 0

    init(_ sources: [any EventSource]) { self.sources = sources }

    mutating func next() throws -> Pull {
        var until: Instant?
        for _ in 0..<sources.count {
            let index = turn
            turn = (turn + 1) % sources.count
            if finished.contains(index) { continue }
            switch try sources[index].next() {
            case .batch(let batch): return .batch(batch)
            case .idle(let moment): until = earlier(until, moment)
            case .finished: finished.insert(index)
            }
        }
        return finished.count == sources.count ? .finished : .idle(until: until)
    }
}

/// The earlier of two moments, where nil is never.
package func earlier(_ a: Instant?, _ b: Instant?) -> Instant? {
    guard let a, let b else { return a ?? b }
    return min(a, b)
}
