import Foundation

/// A directory of one test's own, removed when the test lets go of it.
final class Workspace: Sendable {
    let path: String

    init() throws {
        var template = Array(
            URL(filePath: NSTemporaryDirectory()).appending(path: "penstock-test-XXXXXX").path(percentEncoded: false)
                .utf8CString)
        guard mkdtemp(&template) != nil else {
            throw Trouble("no temporary directory: \(String(cString: strerror(errno)))")
        }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The path of `name` in this directory.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and returns its path.
    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = URL(filePath: self(name))
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
        return self(name)
    }

    /// Adds to the end of a file, as a program that logs does.
    func append(_ name: String, _ bytes: [UInt8]) throws {
        let descriptor = open(self(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw Trouble("cannot open \(self(name)): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        guard Launch.writeAll(bytes, to: descriptor) else { throw Trouble("cannot write to \(self(name))") }
    }

    func read(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: self(name)))) }

    func rename(_ name: String, to other: String) throws {
        guard Foundation.rename(self(name), self(other)) == 0 else {
            throw Trouble("cannot rename \(name) to \(other): \(String(cString: strerror(errno)))")
        }
    }
}
