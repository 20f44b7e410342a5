import Settings

/// An address to listen on or to connect to: `127.0.0.1:9092`, `[::1]:9092`, `broker.example:9092`.
struct Address: OptionScalar, Equatable, CustomStringConvertible {
    var host: String
    var port: Int

    static let kind = OptionKind.other("address:port")
    static let expected = "an address with a port, such as 127.0.0.1:9092"

    var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    var optionText: String? { description }

    static func parse(_ text: String) throws(ScalarProblem) -> Address? {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw ScalarProblem("expected \(expected), found \(text.quoted); write an IPv6 address as [::1]:9092")
        }
        guard !host.isEmpty, let port = Int(text[text.index(after: colon)...]), (0...65_535).contains(port) else {
            return nil
        }
        return Address(host: String(host), port: port)
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

    static func parse(_ text: String) -> Directory? { text.isEmpty ? nil : Directory(path: text) }
}
