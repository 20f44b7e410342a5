import KafkaProtocol
package import Sockets

/// The bounds of the Kafka listener.
package struct KafkaServerOptions: Sendable {
    /// The largest request in bytes (`socket.request.max.bytes`). Memory grows only as its bytes arrive.
    package var maxFrame = FrameDecoder.defaultLimit
    /// Requests of one connection that are worked on or wait for their turn; then nothing more is taken from it.
    package var maxPipelinedRequests = 64
    /// Bytes of these requests. A single larger one is still taken.
    package var maxPipelinedBytes = 16 << 20
    /// Bytes of requests, whole or arriving, held for all connections together, beside ``freeBytes`` for each. When
    /// they are used up one connection at a time goes on, so that what has begun can end.
    package var maxInFlightBytes = 64 << 20
    /// Bytes that each connection may hold without asking, so that heartbeats never wait for somebody's large requests.
    package var freeBytes = 64 << 10
    /// A request whose first bytes have come must be whole after so long; clients give up after 30 s by default.
    package var frameTimeout = Duration.seconds(60)
    /// While somebody waits for room in ``maxInFlightBytes``, a request that is arriving must come at
    /// ``slowestRequest`` over so long: who holds room and does not use it is closed.
    package var shortageGrace = Duration.seconds(2)
    /// Bytes a second: see ``shortageGrace``.
    package var slowestRequest = 64 << 10
    /// A connection on which no whole request has come for so long is closed. Clients begin with one.
    package var firstRequestTimeout = Duration.seconds(30)
    /// Requests taken up from one connection before it is the next one's turn.
    package var maxRequestsPerTurn = 64
    /// How long ``KafkaListener/stop(_:)`` lets requests that are worked on be answered.
    package var drainTimeout = Duration.seconds(5)
    /// Lines about bad connections written in a minute; more are counted.
    package var maxLogLinesPerMinute = 30
    package var listener = ListenerOptions()

    package init() {}
}
