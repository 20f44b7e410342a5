import Glibc
import Platform

/// A program that a test started and that ends, at the latest, when the test lets go of it.
///
/// Its output is read by threads, so it never waits for the test, and the test waits for events (a line, the end),
/// never for time to pass.
final class Child: Sendable {
    enum Stream { case output, errors }

    enum Ending: Equatable, Sendable {
        case exited(Int32)
        case killed(signal: Int32)
    }

    /// What standard input is.
    enum Input {
        case nothing
        case bytes([UInt8])
        /// Stays open until ``closeInput()``; written with ``write(_:)``.
        case open
    }

    private struct State {
        var output: [UInt8] = []
        var errors: [UInt8] = []
        var openStreams = 2
        var input: Int32 = -1
        var ending: Ending?
    }

    let name: String
    let identifier: pid_t
    private let state: Lock<State>

    /// Starts `executable` (an absolute path, or a name looked up in PATH).
    /// - Parameters:
    ///   - environment: added to the test's own.
    ///   - outputFile: where standard output goes instead of memory.
    init(
        _ executable: String, _ arguments: [String], environment: [String: String] = [:], directory: String? = nil,
        input: Input = .nothing, outputFile: String? = nil
    ) throws {
        name = ([executable] + arguments).joined(separator: " ")
        let launched = try Launch.spawn(
            executable, arguments, environment: environment, directory: directory, input: input,
            outputFile: outputFile)
        identifier = launched.identifier
        let state = Lock(State())
        self.state = state
        switch input {
        case .nothing: break
        case .open: state.withLock { $0.input = launched.input }
        case .bytes(let bytes):
            let descriptor = launched.input
            _ = Platform.Thread(name: "child input") {
                _ = Launch.writeAll(bytes, to: descriptor)
                close(descriptor)
            }
        }
        let process = launched.identifier
        Self.read(launched.output, into: state) { $0.output += $1 }
        Self.read(launched.errors, into: state) { $0.errors += $1 }
        _ = Platform.Thread(name: "child end") {
            var information = siginfo_t()
            while waitid(P_PID, id_t(process), &information, WEXITED | WNOWAIT) != 0 && errno == EINTR {}
            // The number stays ours until it is reaped, and it is reaped under the lock that `signal` holds.
            state.withLockNotifying { state in
                var status: Int32 = 0
                while waitpid(process, &status, 0) < 0 && errno == EINTR {}
                state.ending =
                    status & 0x7f == 0 ? .exited((status >> 8) & 0xff) : .killed(signal: status & 0x7f)
            }
        }
    }

    deinit {
        signal(SIGKILL)
        closeInput()
        _ = state.wait { $0.ending }
    }

    private static func read(
        _ descriptor: Int32, into state: Lock<State>, _ append: @escaping @Sendable (inout State, [UInt8]) -> Void
    ) {
        _ = Platform.Thread(name: "child output") {
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while true {
                let count = Glibc.read(descriptor, &buffer, buffer.count)
                if count < 0 && errno == EINTR { continue }
                guard count > 0 else { break }
                let piece = Array(buffer[..<count])
                state.withLockNotifying { append(&$0, piece) }
            }
            close(descriptor)
            state.withLockNotifying { $0.openStreams -= 1 }
        }
    }
}

// MARK: what a test does with it
extension Child {
    /// Sends `number`, unless the program has ended.
    func signal(_ number: Int32) {
        state.withLock { state in
            if state.ending == nil { kill(identifier, number) }
        }
    }

    /// Writes to an ``Input/open`` standard input.
    func write(_ text: String) throws {
        let descriptor = state.withLock { $0.input }
        guard descriptor >= 0, Launch.writeAll(Array(text.utf8), to: descriptor) else {
            throw Trouble("cannot write to the standard input of \(name)")
        }
    }

    func closeInput() {
        state.withLock { state in
            if state.input >= 0 { close(state.input) }
            state.input = -1
        }
    }

    /// Everything written so far.
    func text(_ stream: Stream) -> String { String(decoding: bytes(stream), as: UTF8.self) }

    func bytes(_ stream: Stream) -> [UInt8] {
        state.withLock { stream == .output ? $0.output : $0.errors }
    }

    var hasEnded: Bool { state.withLock { $0.ending != nil } }

    /// Waits for the end of the program and of its output.
    @discardableResult
    func end(within limit: Duration = .seconds(120)) throws -> Ending {
        let ending = state.wait(until: Clock.system.now() + limit) { $0.openStreams == 0 ? $0.ending : nil }
        guard let ending else { throw Trouble("\(name) did not end within \(limit)\n\(tail)") }
        return ending
    }

    /// Waits for a line that `matches`, and returns it.
    @discardableResult
    func line(
        on stream: Stream, within limit: Duration = .seconds(120), _ what: String,
        where matches: (Substring) -> Bool
    ) throws -> String {
        try lines(on: stream, count: 1, within: limit, what, where: matches)[0]
    }

    /// Waits until `count` whole lines match, and returns the first `count` of them.
    @discardableResult
    func lines(
        on stream: Stream, count: Int, within limit: Duration = .seconds(120), _ what: String,
        where matches: (Substring) -> Bool = { _ in true }
    ) throws -> [String] {
        var looked = 0
        var found: [String] = []
        let answer: Bool? = state.wait(until: Clock.system.now() + limit) { state in
            let bytes = stream == .output ? state.output : state.errors
            while let newline = bytes[looked...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: bytes[looked..<newline], as: UTF8.self)
                looked = newline + 1
                if matches(line[...]) { found.append(line) }
                if found.count == count { return true }
            }
            return state.openStreams == 0 && state.ending != nil ? false : nil
        }
        guard answer == true else {
            let why = answer == nil ? "did not write it within \(limit)" : "ended without it"
            throw Trouble("waited for \(what) (\(found.count) of \(count) lines); \(name) \(why)\n\(tail)")
        }
        return found
    }

    /// The last of both streams, for a failure's message.
    var tail: String {
        let (output, errors, ending) = state.withLock { ($0.output.suffix(2000), $0.errors.suffix(4000), $0.ending) }
        return """
            ending: \(ending.map { "\($0)" } ?? "still running")
            its standard output ended with: \(String(decoding: output, as: UTF8.self))
            its standard error ended with: \(String(decoding: errors, as: UTF8.self))
            """
    }
}

/// Why a test could not go on.
struct Trouble: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
