package import KafkaProtocol
import Sockets

/// What a client tried, on what, and what came back.
package struct ClientError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `create topic 'web' on 127.0.0.1:9092`
    package var attempt: String
    package var cause: String
    /// What to do about it.
    package var advice: String?
    /// The broker's answer; nil if there was none.
    package var code: ErrorCode?
    package var kind = Kind.refused

    package enum Kind: Sendable {
        /// The broker said no, or the request cannot be put to it.
        case refused
        /// No connection came about.
        case unreachable
        /// The connection is of no more use; the broker may have got the request or not.
        case disconnected
        /// ``Interruption/request()``.
        case interrupted
    }

    package init(_ attempt: String, cause: String, advice: String? = nil) {
        self.attempt = attempt
        self.cause = cause
        self.advice = advice
    }

    /// - Parameter message: what the broker said beside the code.
    package init(_ attempt: String, _ code: ErrorCode, message: String? = nil, advice: String? = nil) {
        let said = message.flatMap { $0.isEmpty ? nil : $0 }
        self.init(attempt, cause: "\(said ?? code.sentence) (\(code.name))", advice: advice)
        self.code = code
    }

    init(_ attempt: String, _ error: SocketError) {
        self.init(attempt, cause: error.cause, advice: error.isTimeout ? nil : error.advice)
        kind = .disconnected
    }

    init(_ attempt: String, _ error: WireError) {
        self.init(attempt, cause: "\(error)")
        kind = .disconnected
    }

    static var interrupted: ClientError {
        var error = ClientError("go on", cause: "interrupted")
        error.kind = .interrupted
        return error
    }

    package var description: String {
        guard let advice else { return "cannot \(attempt): \(cause)" }
        return "cannot \(attempt): \(cause); \(advice)"
    }

    /// Whether the same may be tried again, on a new connection or with newer metadata.
    package var isRetriable: Bool { kind == .disconnected || code?.isRetriable ?? false }
}
