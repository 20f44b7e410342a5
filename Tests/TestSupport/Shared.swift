import Glibc

/// The read-only test data beside the checkout: byte vectors of other implementations, real log lines.
package enum Shared {
    /// `PENSTOCK_SHARED`, else `../shared` beside the package; nil if there is no such directory. Tests that need it say
    /// `.enabled(if: Shared.directory != nil, Shared.missing)`.
    package static let directory: String? = {
        let candidate = environment("PENSTOCK_SHARED") ?? package + "/../shared"
        return isDirectory(candidate) ? candidate : nil
    }()

    /// Why tests are skipped without it.
    package static let missing = "no test data: set PENSTOCK_SHARED, or put it at ../shared beside the checkout"

    /// The bytes of a file in it.
    package static func bytes(_ path: String) throws -> [UInt8] {
        guard let directory else { throw Missing(path: path) }
        return try TestFile.read(directory + "/" + path)
    }

    /// The names in a directory of it, sorted.
    package static func names(in path: String) -> [String] {
        guard let directory else { return [] }
        return TestFile.names(in: directory + "/" + path)
    }

    package struct Missing: Error {
        package var path: String
    }

    /// The directory of `Package.swift`.
    package static let package: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    private static func environment(_ name: String) -> String? {
        // Safety: tests do not change the environment; the string is copied at once.
        guard let value = unsafe getenv(name), unsafe value[0] != 0 else { return nil }
        return unsafe String(cString: value)
    }

    private static func isDirectory(_ path: String) -> Bool {
        var information = stat()
        // Safety: `information` outlives the call.
        return unsafe stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
    }
}

/// Reading whole files in tests.
package enum TestFile {
    package struct Failure: Error, CustomStringConvertible {
        package var path: String
        package var code: Int32
        // Safety: the text is copied at once.
        package var description: String { unsafe "cannot read \(path): \(String(cString: strerror(code)))" }
    }

    package static func read(_ path: String) throws -> [UInt8] {
        // Safety: the descriptor is closed on every way out.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(path: path, code: errno) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            // Safety: reads at most what `piece` holds.
            let count = unsafe Glibc.read(descriptor, &piece, piece.count)
            guard count >= 0 else { throw Failure(path: path, code: errno) }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: piece[..<count])
        }
    }

    package static func names(in path: String) -> [String] {
        // Safety: the stream is closed below, and an entry is copied before the next one is read.
        guard let stream = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
