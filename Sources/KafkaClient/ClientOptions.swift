/// How patient a client is, and how much it takes.
package struct ClientOptions: Sendable {
    /// What brokers call this client in their logs and groups.
    package var clientId = "penstock"
    /// For one address, all it resolves to together.
    package var connectTimeout: Duration = .seconds(5)
    /// From sending a request to the end of its answer, and for all repetitions of one together.
    package var requestTimeout: Duration = .seconds(30)
    /// Between repetitions.
    package var retryPause: Duration = .milliseconds(100)
    /// The largest answer taken, in bytes; Kafka's own limit for requests.
    package var maxAnswer = 100 << 20
    /// The most bytes that the records of one batch may take once decompressed.
    package var maxDecompressed = 128 << 20

    package init() {}
}
