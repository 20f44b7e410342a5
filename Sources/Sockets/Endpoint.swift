import CLinux

/// Where to listen or to connect, as a person writes it.
package enum Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address; the empty host is every interface (to listen) or this machine (to connect).
    case tcp(host: String, port: Int)
    case unix(path: String)

    /// Reads `HOST:PORT`, `[IPv6]:PORT`, `:PORT` or `unix:/path`.
    package init(parsing text: String) throws(SocketError) {
        if text.hasPrefix("unix:") {
            self = .unix(path: String(text.dropFirst(5)))
            return
        }
        let expected = "expected HOST:PORT, [IPv6]:PORT or unix:/path"
        guard let colon = text.lastIndex(of: ":") else {
            throw SocketError("use the address '\(text)'", cause: "it has no port", advice: expected)
        }
        guard let port = UInt16(text[text.index(after: colon)...]) else {
            throw SocketError(
                "use the address '\(text)'", cause: "its port is not a number up to 65535", advice: expected)
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            throw SocketError(
                "use the address '\(text)'", cause: "an IPv6 address needs brackets", advice: "write [ADDRESS]:PORT")
        }
        self = .tcp(host: host == "*" ? "" : String(host), port: Int(port))
    }

    package var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// The socket addresses this stands for, at least one, in the order to try them.
    ///
    /// A name asks the name service, which may take seconds: not for an event loop's thread.
    /// - Parameter listening: whether an empty host means every interface instead of this machine.
    package func addresses(listening: Bool, attempt: String) throws(SocketError) -> [SocketAddress] {
        switch self {
        case .unix(let path):
            guard let address = SocketAddress(unixPath: path) else {
                throw SocketError(
                    attempt, cause: "a socket's path has 1 to 107 bytes, not \(path.utf8.count)",
                    advice: "choose a shorter data directory")
            }
            return [address]
        case .tcp(let host, let port):
            return try SocketAddress.resolve(host: host, port: port, listening: listening, attempt: attempt)
        }
    }
}

/// A socket address as the kernel takes it.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    private(set) var bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    init?(unixPath path: String) {
        var storage = [UInt8](repeating: 0, count: Int(PENSTOCK_ADDRESS_SIZE))
        // Safety: both pointers live through the call; the storage has the size that the call asks for.
        let size = unsafe penstock_unix_address(path, &storage)
        guard size > 0, !path.utf8.contains(0) else { return nil }
        bytes = Array(storage[..<Int(size)])
    }

    static func resolve(
        host: String, port: Int, listening: Bool, attempt: String
    ) throws(SocketError) -> [SocketAddress] {
        let limit = 16
        var storage = [UInt8](repeating: 0, count: limit * Int(PENSTOCK_ADDRESS_SIZE))
        var sizes = [UInt32](repeating: 0, count: limit)
        // Safety: the arrays have room for `limit` addresses; every pointer lives through the call.
        let count = unsafe host.withCString { name in
            unsafe penstock_resolve(
                host.isEmpty ? nil : name, String(port), listening ? 1 : 0, &storage, &sizes, Int32(limit))
        }
        guard count > 0 else {
            // Safety: gai_strerror returns constant strings.
            let cause = unsafe String(cString: penstock_resolve_error(count))
            throw SocketError(attempt, cause: cause, advice: "check the name '\(host)', or write a numeric address")
        }
        return (0..<Int(count)).map { index in
            let start = index * Int(PENSTOCK_ADDRESS_SIZE)
            return SocketAddress(bytes: Array(storage[start..<start + Int(sizes[index])]))
        }
    }

    /// The own address of a socket, or that of its peer; nil when the kernel does not say (an unconnected socket).
    init?(of descriptor: Int32, peer: Bool) {
        var storage = [UInt8](repeating: 0, count: Int(PENSTOCK_ADDRESS_SIZE))
        // Safety: the storage has the size that the call asks for.
        let size = unsafe penstock_socket_address(descriptor, peer ? 1 : 0, &storage)
        guard size > 0 else { return nil }
        bytes = Array(storage[..<Int(size)])
    }

    /// 0 for a unix domain socket.
    package var port: Int {
        get {
            // Safety: the array lives through the call.
            Int(unsafe penstock_address_port(bytes, UInt32(bytes.count)))
        }
        set {
            // Safety: as above; the call writes within the family's own size, which `bytes` has.
            unsafe penstock_address_set_port(&bytes, Int32(newValue))
        }
    }

    package var family: Int32 {
        // Safety: every address has at least its family's two bytes.
        unsafe penstock_address_family(bytes)
    }

    /// `127.0.0.1:9092`, `[::1]:9092` or `unix:/path`.
    package var description: String {
        var text = [CChar](repeating: 0, count: 1100)
        // Safety: the call ends what it writes within the array with a zero.
        let length = unsafe penstock_address_text(bytes, UInt32(bytes.count), &text, Int32(text.count))
        guard length > 0 else { return "unknown address" }
        return String(decoding: text.prefix(Int(length)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The address without its port: what group coordinators call a client's host.
    package var host: String {
        let text = description
        guard let colon = text.lastIndex(of: ":"), !text.hasPrefix("unix:") else { return "localhost" }
        let host = text[..<colon]
        return host.hasPrefix("[") ? String(host.dropFirst().dropLast()) : String(host)
    }
}
