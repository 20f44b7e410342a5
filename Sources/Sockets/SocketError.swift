import Glibc

/// What was tried on a socket, and what came back.
package struct SocketError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What was tried, on what: `listen on 127.0.0.1:9092`.
    package var attempt: String
    package var cause: String
    /// The kernel's number, 0 where it had no part in it.
    package var code: Int32
    /// What to do about it.
    package var advice: String?

    package init(_ attempt: String, cause: String, advice: String? = nil) {
        self.attempt = attempt
        self.cause = cause
        self.code = 0
        self.advice = advice
    }

    package init(_ attempt: String, errno code: Int32, advice: String? = nil) {
        self.attempt = attempt
        // Safety: strerror returns a string that lives until this thread asks again (glibc 2.32 and later).
        self.cause = unsafe String(cString: strerror(code))
        self.code = code
        self.advice = advice
    }

    package var description: String {
        guard let advice else { return "cannot \(attempt): \(cause)" }
        return "cannot \(attempt): \(cause); \(advice)"
    }

    /// A deadline that passed.
    package static func timedOut(_ attempt: String) -> SocketError { SocketError(attempt, errno: ETIMEDOUT) }

    package var isTimeout: Bool { code == ETIMEDOUT }
}
