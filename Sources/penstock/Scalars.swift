import CommitLog
import Settings
import Sockets

/// An address to listen on or to connect to: `127.0.0.1:9092`, `[::1]:9092`, `broker.example:9092`.
struct Address: OptionScalar, Equatable, CustomStringConvertible {
    var host: String
    var port: Int

    static let kind = OptionKind.other("address:port")
    static let expected = "an address with a port, such as 127.0.0.1:9092"

    var endpoint: Endpoint { .tcp(host: host, port: port) }
    var description: String { endpoint.description }
    var optionText: String? { description }

    static func parse(_ text: String) throws(ScalarProblem) -> Address? {
        do throws(SocketError) {
            guard case .tcp(let host, let port) = try Endpoint(parsing: text) else { return nil }
            return Address(host: host, port: port)
        } catch {
            throw ScalarProblem("expected \(expected), found \(text.quoted): \(error.cause)")
        }
    }
}

/// The name of a directory.
struct Directory: OptionScalar, Equatable {
    var path: String

    static let kind = OptionKind.other("directory")
    static let expected = "a directory"
    /// Where the log is unless somebody says otherwise.
    static let standard = Directory(path: "./penstock-data")

    var optionText: String? { path }
    /// Of the process that works on the directory: where ``penstock status`` asks.
    var controlSocket: String { path + "/" + DataDirectory.controlSocketName }

    static func parse(_ text: String) -> Directory? { text.isEmpty ? nil : Directory(path: text) }
}
