import CLinux
package import Glibc
import Synchronization

/// A file of the machine. Closed when the last reference goes, so that a reader may keep one whose name is gone.
package final class RealFile: DiskFile {
    package let path: String
    /// -1 once closed.
    private let number: Atomic<Int32>

    /// Takes over an open descriptor, such as standard input.
    package init(descriptor: Int32, path: String) {
        self.path = path
        number = Atomic(descriptor)
    }

    convenience init(path: String, mode: Disk.OpenMode) throws(DiskError) {
        let flags: Int32 =
            switch mode {
            // A pipe nobody writes to would make a plain open wait.
            case .read: O_RDONLY | O_NONBLOCK
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            case .createNew: O_RDWR | O_CREAT | O_EXCL
            }
        // Safety: the path ends with a zero, as Swift passes strings to C.
        let descriptor = uninterrupted { unsafe open(path, flags | O_CLOEXEC, 0o600 as mode_t) }
        guard descriptor >= 0 else {
            throw DiskError(operation: mode == .read || mode == .readWrite ? "open" : "make", path: path, code: errno)
        }
        self.init(descriptor: descriptor, path: path)
    }

    deinit { close() }

    package var descriptor: Int32? {
        let value = number.load(ordering: .relaxed)
        return value >= 0 ? value : nil
    }

    private var raw: Int32 { number.load(ordering: .relaxed) }

    package func readOnce(into buffer: UnsafeMutableRawBufferPointer, at position: Int64?) throws(DiskError) -> Int {
        // Safety: the buffer is lent by the caller for this call.
        let count =
            if let position {
                unsafe pread(raw, buffer.baseAddress, buffer.count, off_t(position))
            } else {
                unsafe Glibc.read(raw, buffer.baseAddress, buffer.count)
            }
        guard count >= 0 else { throw failure("read") }
        return count
    }

    package func writeOnce(_ vectors: UnsafeBufferPointer<iovec>, at position: Int64) throws(DiskError) -> Int {
        // Safety: the vectors and what they point at are lent by the caller for this call.
        let count = unsafe pwritev(raw, vectors.baseAddress, Int32(clamping: vectors.count), off_t(position))
        guard count >= 0 else { throw failure("write") }
        return count
    }

    package func sync() throws(DiskError) {
        guard uninterrupted({ fdatasync(raw) }) == 0 else { throw failure("sync") }
    }

    package func truncate(to size: Int64) throws(DiskError) {
        guard uninterrupted({ ftruncate(raw, off_t(size)) }) == 0 else { throw failure("truncate") }
    }

    package func allocate(_ bytes: Int64) throws(DiskError) {
        guard uninterrupted({ penstock_allocate(raw, bytes) }) == 0 else { throw failure("take room for") }
    }

    package func status() throws(DiskError) -> FileStatus {
        var result = stat()
        // Safety: `result` outlives the call.
        guard unsafe fstat(raw, &result) == 0 else { throw failure("look at") }
        return FileStatus(result)
    }

    package func lock() throws(DiskError) {
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_whence = Int16(SEEK_SET)
        // Safety: `request` outlives the call, and is what F_OFD_SETLK takes.
        guard unsafe fcntl(raw, Self.setLockOfOpenFile, &request) == 0 else { throw failure("lock") }
    }

    package func map(length: Int) throws(DiskError) -> MappedBytes {
        guard length > 0 else { return MappedBytes(copying: []) }
        return try MappedBytes(descriptor: raw, length: length, path: path)
    }

    package func close() {
        let old = number.exchange(-1, ordering: .relaxed)
        if old >= 0 { _ = Glibc.close(old) }
    }

    private func failure(_ operation: String) -> DiskError {
        DiskError(operation: operation, path: path, code: errno)
    }

    /// F_OFD_SETLK, which the Glibc module hides.
    private static let setLockOfOpenFile: Int32 = 37
}
