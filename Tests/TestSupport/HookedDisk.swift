package import CommitLog
import Glibc
import Records

/// What becomes of a call that a hook was asked about.
package enum HookAnswer: Sendable {
    case goes
    /// It is said to have been done, and was not. (Not for writes.)
    case skipped
    /// It is made, and said to have been done whatever comes back. (Not for writes.)
    case forgiven
}

extension Disk {
    package typealias Hook = @Sendable (MemoryDisk.Call) throws(DiskError) -> HookAnswer

    /// Asks before every call that changes something or makes it durable, outside of all locks: so a hook may itself use
    /// the log, or do without a call to see what breaks.
    package func hooked(_ hook: @escaping Hook) -> Disk {
        let disk = self
        var hooked = disk
        hooked.open = { (path, mode) throws(DiskError) in
            if mode != .read { _ = try hook(MemoryDisk.Call(operation: .open, path: path)) }
            return HookedFile(try disk.open(path, mode), hook)
        }
        hooked.makeDirectory = { (path) throws(DiskError) in
            try ask(.makeDirectory, path, hook) { () throws(DiskError) in try disk.makeDirectory(path) }
        }
        hooked.rename = { (from, to) throws(DiskError) in
            try ask(.rename, from, hook) { () throws(DiskError) in try disk.rename(from, to) }
        }
        hooked.removeFile = { (path) throws(DiskError) in
            try ask(.remove, path, hook) { () throws(DiskError) in try disk.removeFile(path) }
        }
        hooked.removeDirectory = { (path) throws(DiskError) in
            try ask(.remove, path, hook) { () throws(DiskError) in try disk.removeDirectory(path) }
        }
        hooked.syncDirectory = { (path) throws(DiskError) in
            try ask(.syncDirectory, path, hook) { () throws(DiskError) in try disk.syncDirectory(path) }
        }
        return hooked
    }
}

private func ask(
    _ operation: MemoryDisk.Operation, _ path: String, _ hook: Disk.Hook, _ call: () throws(DiskError) -> Void
) throws(DiskError) {
    switch try hook(MemoryDisk.Call(operation: operation, path: path)) {
    case .goes: try call()
    case .skipped: break
    case .forgiven: try? call()
    }
}

/// A file whose changes are asked about first.
private final class HookedFile: DiskFile {
    private let file: any DiskFile
    private let hook: Disk.Hook

    init(_ file: any DiskFile, _ hook: @escaping Disk.Hook) {
        self.file = file
        self.hook = hook
    }

    var path: String { file.path }
    var descriptor: Int32? { file.descriptor }

    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at position: Int64?) throws(DiskError) -> Int {
        // Safety: lent on as it was lent.
        try unsafe file.readOnce(into: buffer, at: position)
    }

    func writeOnce(_ vectors: UnsafeBufferPointer<iovec>, at position: Int64) throws(DiskError) -> Int {
        _ = try hook(MemoryDisk.Call(operation: .write, path: path))
        // Safety: lent on as it was lent.
        return try unsafe file.writeOnce(vectors, at: position)
    }

    func sync() throws(DiskError) {
        try ask(.sync, path, hook) { () throws(DiskError) in try file.sync() }
    }

    func truncate(to size: Int64) throws(DiskError) {
        try ask(.truncate, path, hook) { () throws(DiskError) in try file.truncate(to: size) }
    }

    func allocate(_ bytes: Int64) throws(DiskError) { try file.allocate(bytes) }
    func status() throws(DiskError) -> FileStatus { try file.status() }
    func lock() throws(DiskError) { try file.lock() }
    func map(length: Int) throws(DiskError) -> MappedBytes { try file.map(length: length) }
    func close() { file.close() }
}
