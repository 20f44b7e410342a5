/// The bounds of one connection.
package struct ConnectionOptions: Sendable {
    /// A connection on which not a byte has moved for so long is closed; nil: never.
    package var idleTimeout: Duration? = .seconds(600)
    /// With so many bytes waiting to be written, nothing more is read: a peer that asks and does not take the answers
    /// stops itself.
    package var outputHighWater = 1 << 20
    /// Reading goes on when no more than so many are left.
    package var outputLowWater = 256 << 10
    /// What a peer gets to take the last bytes after ``Connection/finish(_:)``.
    package var finishTimeout = Duration.seconds(5)
    /// The kernel's send buffer in bytes, nil as the system has it. For tests.
    package var sendBuffer: Int?

    package init() {}
}

/// Why a connection ended.
package enum CloseReason: Sendable, Equatable, CustomStringConvertible {
    /// The peer was done.
    case peerClosed
    /// Not a byte for so long.
    case idle(Duration)
    case failed(SocketError)
    /// We did, and why.
    case local(String)
    case loopStopped

    package var description: String {
        switch self {
        case .peerClosed: "the peer closed the connection"
        case .idle(let time): "nothing was sent or received for \(time)"
        case .failed(let error): error.description
        case .local(let reason): reason
        case .loopStopped: "the server stops"
        }
    }
}

/// What a connection tells. Everything is called on the loop's thread, never from within a call of the connection.
package protocol ConnectionHandler: AnyObject, Sendable {
    /// Bytes arrived: at least one, only lent for the call (to keep the slice costs the next read an allocation).
    /// Nothing is kept by the connection; who has enough calls ``Connection/pauseReading()``.
    func received(_ bytes: ArraySlice<UInt8>, on connection: Connection)
    /// The peer sends no more; it may still read. Close, or answer what is open and ``Connection/finish(_:)``.
    func inputEnded(on connection: Connection)
    /// The output fell from the high water mark to the low one.
    func outputDrained(on connection: Connection)
    /// Once, and the last of all calls.
    func closed(_ connection: Connection, _ reason: CloseReason)
}

extension ConnectionHandler {
    package func outputDrained(on connection: Connection) {}
}
