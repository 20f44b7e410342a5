import Platform

/// What the threads of one pipeline share with those who watch and stop it.
final class PipelineControl: Sendable {
    private struct State: Sendable {
        var status: PipelineStatus
        var stopBy: Instant?
        var asked = 0
        var answered = 0
    }

    let wakers: [Waker]
    private let state: Lock<State>

    init(name: String, wakers: [Waker]) {
        self.wakers = wakers
        state = Lock(State(status: PipelineStatus(name: name)))
    }

    /// The latest figures, without asking for newer ones.
    var lastStatus: PipelineStatus { state.withLock { $0.status } }

    /// When to have drained; nil while nobody wants it to end.
    var stopBy: Instant? { state.withLock { $0.stopBy } }

    func stop(by deadline: Instant) {
        state.withLock { $0.stopBy = $0.stopBy.map { min($0, deadline) } ?? deadline }
        for waker in wakers { waker.ring() }
    }

    /// Waits until the components have started, or have failed to once.
    /// - Returns: false when `deadline` came first.
    func waitUntilStarted(until deadline: Instant) -> Bool {
        state.wait(until: deadline) { $0.status.state == .starting ? nil : true } ?? false
    }

    func update(_ change: (inout PipelineStatus) -> Void) {
        state.withLockNotifying { state in
            change(&state.status)
            state.answered = state.asked
        }
    }

    /// Someone waits for fresh figures.
    var isAsked: Bool { state.withLock { $0.asked > $0.answered } }

    /// The latest figures, asked for now; older ones if the pipeline is too busy to answer in time.
    func status(patience: Instant) -> PipelineStatus {
        let ticket = state.withLock { state in
            state.asked += 1
            return state.asked
        }
        for waker in wakers { waker.ring() }
        let fresh = state.wait(until: patience) { state in
            state.answered >= ticket || state.status.state == .finished ? state.status : nil
        }
        return fresh ?? state.withLock { $0.status }
    }
}
