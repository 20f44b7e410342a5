import CommitLog
import Glibc
import Platform
import Records
import Testing

/// Holds up or breaks `fdatasync` of every file of a disk.
final class SyncGate: Sendable {
    private struct State {
        var isHeld = false
        var isBroken = false
        var waiting = 0
    }

    private let state = Lock(State())

    func hold() { state.withLock { $0.isHeld = true } }
    func letGo() { state.withLockNotifying { $0.isHeld = false } }
    func breakDown() { state.withLockNotifying { $0.isBroken = true } }

    /// Waits until something wants to be synced and is held up.
    func waitForSync() throws {
        let deadline = Clock.system.now() + .seconds(30)
        let isWaiting: Bool? = state.wait(until: deadline) { $0.waiting > 0 ? true : nil }
        try #require(isWaiting == true, "nothing is synced")
    }

    func pass(_ path: String) throws(DiskError) {
        state.withLockNotifying { $0.waiting += 1 }
        let isBroken = state.wait { state -> Bool? in state.isHeld ? nil : state.isBroken } ?? false
        state.withLock { $0.waiting -= 1 }
        if isBroken { throw DiskError(operation: "sync", path: path, code: EIO) }
    }

    /// The real disk behind this gate.
    var disk: Disk {
        var disk = Disk.real
        disk.open = { (path, mode) throws(DiskError) in GatedFile(try Disk.real.open(path, mode), self) }
        return disk
    }
}

private final class GatedFile: DiskFile {
    private let file: any DiskFile
    private let gate: SyncGate

    init(_ file: any DiskFile, _ gate: SyncGate) {
        self.file = file
        self.gate = gate
    }

    var path: String { file.path }
    var descriptor: Int32? { file.descriptor }

    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at position: Int64?) throws(DiskError) -> Int {
        try file.readOnce(into: buffer, at: position)
    }
    func writeOnce(_ vectors: UnsafeBufferPointer<iovec>, at position: Int64) throws(DiskError) -> Int {
        try file.writeOnce(vectors, at: position)
    }
    func sync() throws(DiskError) {
        try gate.pass(path)
        try file.sync()
    }
    func truncate(to size: Int64) throws(DiskError) { try file.truncate(to: size) }
    func allocate(_ bytes: Int64) throws(DiskError) { try file.allocate(bytes) }
    func status() throws(DiskError) -> FileStatus { try file.status() }
    func lock() throws(DiskError) { try file.lock() }
    func map(length: Int) throws(DiskError) -> MappedBytes { try file.map(length: length) }
    func close() { file.close() }
    func read(position: Int64, length: Int) throws -> [UInt8] { try file.read(position: position, length: length) }
}
