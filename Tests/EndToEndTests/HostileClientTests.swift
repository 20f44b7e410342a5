import Glibc
import Testing

@Suite("Clients that send nonsense", .timeLimit(.minutes(20)))
struct HostileClientTests {
    /// Connects, sends `bytes`, says that nothing more comes, and returns what was answered until the server closed.
    private func send(_ bytes: [UInt8], to penstock: Penstock, finish: Bool = true) throws -> [UInt8] {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = penstock.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Trouble("cannot connect: \(String(cString: strerror(errno)))") }
        _ = Launch.writeAll(bytes, to: descriptor)
        if finish { shutdown(descriptor, Int32(SHUT_WR)) }
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 30_000) > 0 else { throw Trouble("the server neither answered nor closed") }
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { return answer }
            answer += buffer[..<count]
        }
    }

    @Test("Garbage, half requests and huge frames end their own connection and nobody else's")
    func garbage() throws {
        let workspace = try Workspace()
        try workspace.write("app.log", "")
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        let penstock = try Penstock(workspace, pipelines: [file])
        let bystander = try Child("kcat", ["-C", "-b", penstock.address, "-t", "app", "-o", "beginning", "-q", "-u"])
        try workspace.append("app.log", Array("host-1 first\n".utf8))
        try bystander.line(on: .output, "the first line") { $0 == "host-1 first" }

        var generator = Seeded(seed: 99)
        var nonsense: [[UInt8]] = [
            [], [0], Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8),
            [0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff], [0, 0, 0, 0],
            // Half of an ApiVersions request: 100 bytes promised, 8 sent.
            [0, 0, 0, 100, 0, 18, 0, 0, 0, 0, 0, 1],
            // An API that does not exist, and a version that does not.
            [0, 0, 0, 10, 0x03, 0xe7, 0, 0, 0, 0, 0, 1, 0xff, 0xff],
            [0, 0, 0, 10, 0, 1, 0, 99, 0, 0, 0, 1, 0xff, 0xff],
        ]
        for _ in 0..<200 {
            let length = Int(generator.next() % 300)
            var bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            // Every other one is framed well and names a real API, so that it reaches the decoders.
            if length >= 12 && generator.next() % 2 == 0 {
                let api = UInt8(
                    [0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 32, 33, 37, 44, 60, 61]
                        .randomElement(using: &generator)
                        ?? 0)
                bytes.replaceSubrange(
                    0..<8,
                    with: [
                        0, 0, UInt8((length - 4) >> 8), UInt8((length - 4) & 255), 0, api, 0,
                        UInt8(generator.next() % 12),
                    ])
            }
            nonsense.append(bytes)
        }
        for bytes in nonsense { _ = try send(bytes, to: penstock) }

        try workspace.append("app.log", Array("host-1 second\n".utf8))
        try bystander.line(on: .output, "the line after the nonsense") { $0 == "host-1 second" }
        try penstock.stop()
    }
}
