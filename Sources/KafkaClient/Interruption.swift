import Platform
import Sockets

/// Ends the call that a client is waiting in, from another thread: a person has pressed Ctrl-C.
package final class Interruption: Sendable {
    private struct State {
        var isRequested = false
        var waiting: ClientSocket?
    }

    private let state = Lock(State())

    package init() {}

    /// The call under way, or else the next one, ends with ``ClientError/Kind/interrupted``; so do all that follow, until
    /// ``clear()``.
    package func request() {
        state.withLock { state in
            state.isRequested = true
            state.waiting?.cancel()
        }
    }

    /// Lets calls through again, for what has to be said at the end.
    package func clear() { state.withLock { $0.isRequested = false } }

    package var isRequested: Bool { state.withLock { $0.isRequested } }

    /// Runs `body`, which waits for `socket`.
    func watching<Result>(
        _ socket: ClientSocket, _ body: () throws(ClientError) -> Result
    ) throws(ClientError) -> Result {
        if begin(socket) { throw .interrupted }
        defer { state.withLock { $0.waiting = nil } }
        do {
            return try body()
        } catch {
            throw isRequested ? .interrupted : error
        }
    }

    private func begin(_ socket: ClientSocket) -> Bool {
        state.withLock { state in
            if !state.isRequested { state.waiting = socket }
            return state.isRequested
        }
    }
}
