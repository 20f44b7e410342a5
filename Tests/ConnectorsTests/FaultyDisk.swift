import CommitLog
import Glibc
import Platform
import Records

/// The real disk, whose calls fail when a test says so.
final class FaultyDisk: Sendable {
    struct Plan: Sendable {
        /// Reads of files whose path ends like this fail with this error.
        var read: (suffix: String, code: Int32)?
        /// Opening files whose path ends like this fails with this error.
        var open: (suffix: String, code: Int32)?
        /// Writes fail once so many more have passed; nil: they work.
        var writesLeft: Int?
        /// One read brings at most so many bytes.
        var readLimit = Int.max
    }

    let plan = Lock(Plan())

    func change(_ body: (inout Plan) -> Void) { plan.withLock(body) }

    var disk: Disk {
        var disk = Disk.real
        disk.open = { (path, mode) throws(DiskError) in
            if let (suffix, code) = self.plan.withLock({ $0.open }), path.hasSuffix(suffix) {
                throw DiskError(operation: "open", path: path, code: code)
            }
            return FaultyFile(try Disk.real.open(path, mode), self)
        }
        return disk
    }

    func checkWrite(_ path: String) throws(DiskError) {
        let fails = plan.withLock { plan in
            guard let left = plan.writesLeft else { return false }
            plan.writesLeft = max(0, left - 1)
            return left == 0
        }
        if fails { throw DiskError(operation: "write", path: path, code: ENOSPC) }
    }
}

final class FaultyFile: DiskFile {
    private let file: any DiskFile
    private let faults: FaultyDisk

    init(_ file: any DiskFile, _ faults: FaultyDisk) {
        self.file = file
        self.faults = faults
    }

    var path: String { file.path }
    var descriptor: Int32? { file.descriptor }

    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at position: Int64?) throws(DiskError) -> Int {
        let plan = faults.plan.withLock { $0 }
        if let (suffix, code) = plan.read, path.hasSuffix(suffix) {
            throw DiskError(operation: "read", path: path, code: code)
        }
        let count = min(buffer.count, plan.readLimit)
        return try file.readOnce(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<count]), at: position)
    }

    func writeOnce(_ vectors: UnsafeBufferPointer<iovec>, at position: Int64) throws(DiskError) -> Int {
        try faults.checkWrite(path)
        return try file.writeOnce(vectors, at: position)
    }

    func sync() throws(DiskError) { try file.sync() }
    func truncate(to size: Int64) throws(DiskError) { try file.truncate(to: size) }
    func allocate(_ bytes: Int64) throws(DiskError) { try file.allocate(bytes) }
    func status() throws(DiskError) -> FileStatus { try file.status() }
    func lock() throws(DiskError) { try file.lock() }
    func map(length: Int) throws(DiskError) -> MappedBytes { try file.map(length: length) }
    func close() { file.close() }
}
