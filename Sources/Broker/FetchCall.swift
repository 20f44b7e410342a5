import CommitLog
import KafkaProtocol
import Platform
import Records

/// One Fetch that may have to wait: what it asks for, and whether it has been answered.
final class FetchCall: Sendable {
    struct Part {
        /// Where its answer stands: topic and partition of the request.
        var place: (topic: Int, partition: Int)
        /// nil: see `error`.
        var partition: Partition?
        var error = ErrorCode.none
        var offset: Offset
        var maxBytes: Int
    }

    private struct State {
        var respond: Respond<FetchResponse>?
        var deadlineWork: (any ScheduledWork)?
        var isOverdue = false
    }

    let request: FetchRequest
    let version: Int16
    let connection: UInt64
    let parts: [Part]
    let maxBytes: Int
    let minBytes: Int
    let deadline: Instant
    private let state: Lock<State>

    init(
        _ request: FetchRequest, _ context: RequestContext, parts: [Part], maxBytes: Int, deadline: Instant,
        _ respond: @escaping Respond<FetchResponse>
    ) {
        self.request = request
        version = context.version
        connection = context.connection
        self.parts = parts
        self.maxBytes = maxBytes
        self.deadline = deadline
        minBytes = min(Int(request.minBytes), maxBytes)
        state = Lock(State(respond: respond))
    }

    var isolation: Isolation { request.isolationLevel == 1 ? .committed : .uncommitted }

    /// The end of what the client is shown of a part's partition.
    func end(of part: Part) -> Offset? {
        isolation == .committed ? part.partition?.lastStable : part.partition?.highWatermark
    }

    /// It may wait: it asks for some bytes, allows some time, and nothing is wrong with it.
    var mayWait: Bool {
        request.maxWaitMs > 0 && minBytes > 0 && !parts.isEmpty && parts.allSatisfy { $0.error == .none }
    }

    /// Whether the time that the client gave is over.
    var isOverdue: Bool { state.withLock { $0.isOverdue } }

    func becomeOverdue() { state.withLock { $0.isOverdue = true } }

    /// - Parameter schedule: called for the first wait only.
    func armDeadline(_ schedule: () -> any ScheduledWork) {
        let isArmed = state.withLock { $0.deadlineWork != nil || $0.respond == nil }
        guard !isArmed else { return }
        let work = schedule()
        state.withLock { $0.deadlineWork = work }
    }

    /// Answers; a second time has no effect.
    func answer(_ response: FetchResponse) {
        let (respond, work) = state.withLock { state in
            defer {
                state.respond = nil
                state.deadlineWork = nil
            }
            return (state.respond, state.deadlineWork)
        }
        work?.cancel()
        respond?(response)
    }
}
