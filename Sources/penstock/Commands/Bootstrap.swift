import KafkaClient
import Platform
import Settings
import Sockets

/// Brokers to ask first: `127.0.0.1:9092,127.0.0.1:9093`.
struct Bootstrap: OptionScalar, Equatable {
    var addresses: [Address]

    static let kind = OptionKind.other("address:port")
    static let expected = "addresses with ports, such as 127.0.0.1:9092,127.0.0.1:9093"
    static let standard = Bootstrap(addresses: [Address(host: "127.0.0.1", port: 9092)])

    var optionText: String? { addresses.map(\.description).joined(separator: ",") }

    static func parse(_ text: String) throws(ScalarProblem) -> Bootstrap? {
        var addresses: [Address] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let address = try Address.parse(String(part)) else { return nil }
            addresses.append(address)
        }
        return Bootstrap(addresses: addresses)
    }
}

/// Which log a command speaks to: that of a running broker, or that of a data directory nobody works on.
struct LogChoice {
    var bootstrap = Bootstrap.standard
    var data: Directory?

    /// The two options, the same in every command.
    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("bootstrap", &bootstrap, "The brokers to ask, separated by commas: Penstock's or Apache Kafka's.")
        walker.option(
            "data", &data,
            "Instead of asking a broker, open this data directory, on which no process may be working.")
    }

    /// Calls `body` with a client of that log.
    func with<Result>(_ body: (KafkaClient) throws -> Result) throws -> Result {
        if let data { return try StoppedLog.with(data, body) }
        let endpoints = bootstrap.addresses.map { Endpoint.tcp(host: $0.host, port: $0.port) }
        return try body(KafkaClient(bootstrap: endpoints))
    }
}
