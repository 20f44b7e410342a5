import Glibc
import Platform

/// Starts programs: `posix_spawn` with pipes, one at a time, so that no program inherits another's pipe.
enum Launch {
    struct Launched {
        var identifier: pid_t
        var input: Int32 = -1
        var output: Int32
        var errors: Int32
    }

    private static let alone = Lock(())

    static func spawn(
        _ executable: String, _ arguments: [String], environment: [String: String], directory: String?,
        input: Child.Input, outputFile: String?
    ) throws -> Launched {
        try alone.withLock { _ in
            let output = try pipe()
            let errors = try pipe()
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            var inputPipe: (read: Int32, write: Int32) = (-1, -1)
            if case .nothing = input {
                posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            } else {
                inputPipe = try pipe()
                posix_spawn_file_actions_adddup2(&actions, inputPipe.read, 0)
            }
            if let outputFile {
                posix_spawn_file_actions_addopen(&actions, 1, outputFile, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
            } else {
                posix_spawn_file_actions_adddup2(&actions, output.write, 1)
            }
            posix_spawn_file_actions_adddup2(&actions, errors.write, 2)
            var identifier: pid_t = 0
            // `env` changes the directory and becomes the program: the spawn action for it is hidden by Glibc's module.
            let command = (directory.map { ["env", "-C", $0] } ?? []) + [executable] + arguments
            let result = withPlainSignals { attributes in
                withStrings(command) { arguments in
                    withStrings(merged(environment)) { environment in
                        posix_spawnp(&identifier, command[0], &actions, attributes, arguments, environment)
                    }
                }
            }
            for descriptor in [output.write, errors.write, inputPipe.read] where descriptor >= 0 { close(descriptor) }
            guard result == 0 else {
                for descriptor in [output.read, errors.read, inputPipe.write] where descriptor >= 0 {
                    close(descriptor)
                }
                throw Trouble("cannot start \(executable): \(String(cString: strerror(result)))")
            }
            return Launched(
                identifier: identifier, input: inputPipe.write, output: output.read, errors: errors.read)
        }
    }

    /// Writes all of it, or says no: the reader may be gone.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else { throw Trouble("no pipe: \(String(cString: strerror(errno)))") }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    /// The test runner's own signal settings are not the program's.
    private static func withPlainSignals<Result>(_ body: (UnsafePointer<posix_spawnattr_t>) -> Result) -> Result {
        // A reader that goes away must be an error of `write`, not the end of the test run.
        Glibc.signal(SIGPIPE, SIG_IGN)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        return body(&attributes)
    }

    private static func withStrings<Result>(
        _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
    ) -> Result {
        var pointers = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress!) }
    }

    private static func merged(_ additions: [String: String]) -> [String] {
        Surroundings.environment.merging(additions) { $1 }.map { "\($0)=\($1)" }
    }
}
