import Glibc

extension Disk {
    /// The machine's file system.
    package static let real = Disk(
        open: { (path, mode) throws(DiskError) in try RealFile(path: path, mode: mode) },
        list: { (path) throws(DiskError) in try listDirectory(path) },
        makeDirectory: { (path) throws(DiskError) in
            try check(unsafe mkdir(path, 0o700), "make the directory", path)
        },
        rename: { (from, to) throws(DiskError) in
            try check(unsafe Glibc.rename(from, to), "rename to \(to)", from)
        },
        removeFile: { (path) throws(DiskError) in try check(unsafe unlink(path), "remove", path) },
        removeDirectory: { (path) throws(DiskError) in try check(unsafe rmdir(path), "remove the directory", path) },
        syncDirectory: { (path) throws(DiskError) in
            let descriptor = try check(
                uninterrupted { unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }, "open", path)
            defer { _ = Glibc.close(descriptor) }
            try check(uninterrupted { fsync(descriptor) }, "sync the directory", path)
        },
        status: { (path) throws(DiskError) in
            var raw = stat()
            // Safety: `raw` outlives the call; the path ends with a zero, as Swift passes strings to C.
            try check(unsafe stat(path, &raw), "look at", path)
            return FileStatus(raw)
        },
        resolve: { (path) throws(DiskError) in
            // Safety: the string that realpath makes ends with a zero, and is copied before it is freed.
            guard let found = unsafe realpath(path, nil) else {
                throw DiskError(operation: "look at", path: path, code: errno)
            }
            defer { unsafe free(found) }
            return unsafe String(cString: found)
        },
        availableBytes: { (path) throws(DiskError) in
            var raw = statvfs()
            // Safety: as above.
            try check(unsafe statvfs(path, &raw), "look at the free space of", path)
            return Int64(
                clamping: UInt64(raw.f_bavail).multipliedReportingOverflow(by: UInt64(raw.f_frsize)).partialValue)
        })

    private static func listDirectory(_ path: String) throws(DiskError) -> [String] {
        // Safety: the stream is closed below, and each entry is copied before the next is read.
        guard let stream = unsafe opendir(path) else { throw DiskError(operation: "list", path: path, code: errno) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                guard errno == 0 else { throw DiskError(operation: "list", path: path, code: errno) }
                return names
            }
            // Safety: d_name ends with a zero within the entry.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }
}

/// Makes a call, which must be one that may be made twice, again as often as a signal interrupts it.
func uninterrupted(_ call: () -> Int32) -> Int32 {
    while true {
        let result = call()
        guard result == -1, errno == EINTR else { return result }
    }
}

/// Throws for a result of -1, naming what was tried.
@discardableResult
private func check(_ result: Int32, _ operation: String, _ path: String) throws(DiskError) -> Int32 {
    guard result != -1 else { throw DiskError(operation: operation, path: path, code: errno) }
    return result
}

extension FileStatus {
    init(_ raw: stat) {
        let kind: Kind =
            switch raw.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFIFO: .pipe
            default: .other
            }
        self.init(
            kind: kind, device: UInt64(raw.st_dev), inode: UInt64(raw.st_ino), size: Int64(raw.st_size),
            allocated: Int64(raw.st_blocks) * 512,
            modified: Int64(raw.st_mtim.tv_sec) * 1_000_000_000 + Int64(raw.st_mtim.tv_nsec))
    }
}
