/// What a request's header and its connection say.
package struct RequestContext: Sendable {
    /// The version that the request was sent in, and that its answer is written in.
    package var version: Int16
    /// As the client calls itself; need not be unique.
    package var clientID: String
    /// The address of the peer.
    package var clientHost: String
    /// Produce requests with the same number are appended in the order in which they came.
    package var connection: UInt64

    package init(version: Int16, clientID: String = "", clientHost: String = "", connection: UInt64 = 0) {
        self.version = version
        self.clientID = clientID
        self.clientHost = clientHost
        self.connection = connection
    }
}
