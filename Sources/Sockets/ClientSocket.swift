import CLinux
import Glibc
package import Platform

/// A blocking client's end of a stream. Every wait has a deadline. For commands, never for the event loop.
///
/// One thread uses it at a time, except for ``cancel()``.
package final class ClientSocket: Sendable {
    /// As the caller named it.
    package let endpoint: Endpoint
    private let descriptor: Descriptor
    private let clock: Clock

    /// Connects to the first address of `endpoint` that answers.
    /// - Parameter deadline: for all addresses together; looking up a name is not interrupted by it.
    /// - Throws: the last address's error.
    package static func connect(
        to endpoint: Endpoint, deadline: Instant, clock: Clock = .system
    ) throws(SocketError) -> ClientSocket {
        let attempt = "connect to \(endpoint)"
        var failure = SocketError.timedOut(attempt)
        for address in try endpoint.addresses(listening: false, attempt: attempt) {
            do {
                return try ClientSocket(address, endpoint, deadline, clock)
            } catch {
                failure = error
            }
        }
        throw failure
    }

    private init(
        _ address: SocketAddress, _ endpoint: Endpoint, _ deadline: Instant, _ clock: Clock
    ) throws(SocketError) {
        let attempt = "connect to \(endpoint)"
        guard let descriptor = Descriptor(penstock_stream_socket(address.family)) else {
            throw SocketError(attempt, errno: errno)
        }
        self.descriptor = descriptor
        self.endpoint = endpoint
        self.clock = clock
        if address.family != AF_UNIX { _ = penstock_set_no_delay(self.descriptor.number) }
        // Safety: the array lives through the call and has the length that is said.
        if unsafe penstock_connect(self.descriptor.number, address.bytes, UInt32(address.bytes.count)) == 0 { return }
        guard errno == EINPROGRESS || errno == EINTR else {
            throw SocketError(attempt, errno: errno, advice: Self.advice(errno))
        }
        try wait(writing: true, deadline, attempt)
        let result = penstock_socket_error(self.descriptor.number)
        guard result == 0 else { throw SocketError(attempt, errno: result, advice: Self.advice(result)) }
    }

    private static func advice(_ code: Int32) -> String? {
        code == ECONNREFUSED || code == ENOENT ? "nothing listens there" : nil
    }

    /// Reads what is there, waiting for the first byte.
    /// - Returns: at most `limit` bytes; none at the end of the stream.
    package func read(upTo limit: Int, deadline: Instant) throws(SocketError) -> [UInt8] {
        while true {
            var failed: Int32 = 0
            // Safety: the kernel initialises as many bytes as it says, at most the buffer's length.
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                let got = unsafe Glibc.read(descriptor.number, buffer.baseAddress, buffer.count)
                failed = got < 0 ? errno : 0
                count = max(0, got)
            }
            if failed == 0 { return bytes }
            guard failed == EAGAIN || failed == EINTR else { throw SocketError(reading, errno: failed) }
            try wait(writing: false, deadline, reading)
        }
    }

    /// Reads exactly `count` bytes. Memory grows as they arrive, whatever the peer has promised.
    package func read(exactly count: Int, deadline: Instant) throws(SocketError) -> [UInt8] {
        var bytes = try read(upTo: min(count, 64 << 10), deadline: deadline)
        while bytes.count < count {
            let more = try read(upTo: min(count - bytes.count, max(64 << 10, bytes.count)), deadline: deadline)
            guard !more.isEmpty else {
                throw SocketError(
                    reading, cause: "the peer closed the connection after \(bytes.count) of \(count) bytes")
            }
            bytes += more
        }
        return bytes
    }

    /// Reads to the end of the stream.
    /// - Throws: also when there are more than `limit` bytes.
    package func readToEnd(limit: Int, deadline: Instant) throws(SocketError) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let more = try read(upTo: 64 << 10, deadline: deadline)
            if more.isEmpty { return bytes }
            bytes += more
            guard bytes.count <= limit else { throw SocketError(reading, cause: "more than \(limit) bytes came") }
        }
    }

    /// Writes all of `bytes`.
    package func write(_ bytes: [UInt8], deadline: Instant) throws(SocketError) {
        var written = 0
        while written < bytes.count {
            // Safety: `written` is less than the array's count.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe penstock_send(descriptor.number, buffer.baseAddress! + written, buffer.count - written, 0)
            }
            if count >= 0 {
                written += count
                continue
            }
            guard errno == EAGAIN || errno == EINTR else { throw SocketError("write to \(endpoint)", errno: errno) }
            try wait(writing: true, deadline, "write to \(endpoint)")
        }
    }

    /// Says that nothing more will be written.
    package func finishWriting() { shutdown(descriptor.number, Int32(SHUT_WR)) }

    /// Ends every wait, of any thread: reads come to the end, writes fail. The descriptor goes with the last reference.
    package func cancel() { shutdown(descriptor.number, Int32(SHUT_RDWR)) }

    /// The own address: what the peer sees.
    package var localAddress: SocketAddress? { SocketAddress(of: descriptor.number, peer: false) }

    private var reading: String { "read from \(endpoint)" }

    private func wait(writing: Bool, _ deadline: Instant, _ attempt: String) throws(SocketError) {
        while true {
            let left = (deadline - clock.now()).wholeNanoseconds
            guard left > 0 else { throw .timedOut(attempt) }
            let result = penstock_poll(
                descriptor.number, writing ? 1 : 0, Int32(clamping: (left - 1) / 1_000_000 + 1))
            if result > 0 { return }
            if result < 0, errno != EINTR { throw SocketError(attempt, errno: errno) }
        }
    }
}
