import Glibc
import Testing

/// `penstock run` under test: its own data directory, its own port, ready when `init` returns.
final class Penstock: Sendable {
    let child: Child
    let port: UInt16
    let data: String

    var address: String { "127.0.0.1:\(port)" }

    /// Starts `penstock run` and waits until it says that it serves.
    init(
        _ workspace: Workspace, pipelines: [String], data: String? = nil, port: UInt16? = nil,
        arguments: [String] = [], environment: [String: String] = [:]
    ) throws {
        let port = try port ?? Self.freePort()
        let data = data ?? workspace("data")
        self.port = port
        self.data = data
        child = try Child(
            Surroundings.penstock,
            ["run"] + pipelines + ["--data", data, "--listen", "127.0.0.1:\(port)"] + arguments,
            environment: environment, directory: workspace.path)
        try child.line(on: .errors, "the line that says where it serves") { $0.contains("127.0.0.1:\(port)") }
    }

    /// Ends it as Ctrl-C does, and expects a clean end.
    func stop(within limit: Duration = .seconds(60), sourceLocation: SourceLocation = #_sourceLocation) throws {
        child.signal(SIGINT)
        let ending = try child.end(within: limit)
        #expect(ending == .exited(0), "penstock run must end with 0: \(child.tail)", sourceLocation: sourceLocation)
    }

    /// Ends it as a crash does.
    func crash() throws {
        child.signal(SIGKILL)
        try child.end()
    }

    /// Runs one command of the binary to its end.
    static func command(
        _ arguments: [String], in workspace: Workspace? = nil, input: Child.Input = .nothing,
        environment: [String: String] = [:], within limit: Duration = .seconds(120)
    ) throws -> (ending: Child.Ending, output: String, errors: String) {
        let child = try Child(
            Surroundings.penstock, arguments, environment: environment, directory: workspace?.path, input: input)
        let ending = try child.end(within: limit)
        return (ending, child.text(.output), child.text(.errors))
    }

    /// Collects everything that stands in the files now: `run --until-eof`, which must end with 0.
    static func collect(
        _ workspace: Workspace, pipeline: String, data: String? = nil, environment: [String: String] = [:],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let result = try command(
            ["run", pipeline, "--data", data ?? workspace("data"), "--until-eof"], in: workspace,
            environment: environment, within: .seconds(600))
        #expect(result.ending == .exited(0), "\(result.errors)", sourceLocation: sourceLocation)
    }

    /// A port that nobody listens on at this moment.
    static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard result else { throw Trouble("no free port: \(String(cString: strerror(errno)))") }
        return UInt16(bigEndian: address.sin_port)
    }
}

/// A pipeline file in its short form.
func pipeline(
    tail paths: [String], topic: String, key: String? = "{ field: 1 }", partitions: Int = 8, more: String = ""
) -> String {
    let key = key.map { ", key: \($0)" } ?? ""
    let paths = paths.map { "\"\($0)\"" }.joined(separator: ", ")
    return """
        source: { type: tail, paths: [\(paths)] }
        sink: { type: topic, topic: \(topic), partitions: \(partitions)\(key)\(more) }

        """
}
