import Glibc

/// Reads whole small files: configuration, never data.
package enum SettingsFile {
    /// Reads a file, or notes in `reader` why it cannot be read.
    /// - Parameter limit: one byte more than this is read at most, so that the reader of the text can refuse it.
    package static func read(_ path: String, limit: ByteCount = YAMLLimits().bytes, _ reader: inout NodeReader)
        -> [UInt8]?
    {
        do throws(ScalarProblem) {
            return try read(path, limit.bytes)
        } catch {
            reader.note(nil, error.message)
            return nil
        }
    }

    private static func read(_ path: String, _ limit: Int) throws(ScalarProblem) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw problem() }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= limit {
            // Safety: the call writes at most `chunk.count` bytes into `chunk`.
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw problem() }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes
    }

    private static func problem() -> ScalarProblem { ScalarProblem("cannot read the file: \(errorText())") }
}
