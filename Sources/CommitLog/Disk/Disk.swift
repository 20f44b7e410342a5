/// The file system, passed in so that tests can break it.
///
/// Every call may block. Paths are taken as they are; symbolic links are followed.
package struct Disk: Sendable {
    /// Opens a file. The descriptor is closed when the last reference goes.
    package var open: @Sendable (_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile
    /// The names in a directory, in no order, without `.` and `..`.
    package var list: @Sendable (_ path: String) throws(DiskError) -> [String]
    /// Makes one directory with mode 0700.
    package var makeDirectory: @Sendable (_ path: String) throws(DiskError) -> Void
    /// Renames a file or a directory over whatever has the new name.
    package var rename: @Sendable (_ from: String, _ to: String) throws(DiskError) -> Void
    /// Removes a file's name. Files that are open stay readable.
    package var removeFile: @Sendable (_ path: String) throws(DiskError) -> Void
    /// Removes an empty directory.
    package var removeDirectory: @Sendable (_ path: String) throws(DiskError) -> Void
    /// Makes the names in a directory durable: creations, renames and removals.
    package var syncDirectory: @Sendable (_ path: String) throws(DiskError) -> Void
    package var status: @Sendable (_ path: String) throws(DiskError) -> FileStatus
    /// The absolute path of something that is there, without symbolic links, `.` and `..` (realpath).
    package var resolve: @Sendable (_ path: String) throws(DiskError) -> String
    /// Bytes that a file in this directory could still grow by.
    package var availableBytes: @Sendable (_ path: String) throws(DiskError) -> Int64
    /// What new ids are made of. Not the disk's, but like it the machine's: tests let the same come again.
    package var randomNumber: @Sendable () -> UInt64

    package init(
        open: @escaping @Sendable (_ path: String, _ mode: OpenMode) throws(DiskError) -> any DiskFile,
        list: @escaping @Sendable (_ path: String) throws(DiskError) -> [String],
        makeDirectory: @escaping @Sendable (_ path: String) throws(DiskError) -> Void,
        rename: @escaping @Sendable (_ from: String, _ to: String) throws(DiskError) -> Void,
        removeFile: @escaping @Sendable (_ path: String) throws(DiskError) -> Void,
        removeDirectory: @escaping @Sendable (_ path: String) throws(DiskError) -> Void,
        syncDirectory: @escaping @Sendable (_ path: String) throws(DiskError) -> Void,
        status: @escaping @Sendable (_ path: String) throws(DiskError) -> FileStatus,
        resolve: @escaping @Sendable (_ path: String) throws(DiskError) -> String,
        availableBytes: @escaping @Sendable (_ path: String) throws(DiskError) -> Int64,
        randomNumber: @escaping @Sendable () -> UInt64 = { .random(in: .min ... .max) }
    ) {
        self.open = open
        self.list = list
        self.makeDirectory = makeDirectory
        self.rename = rename
        self.removeFile = removeFile
        self.removeDirectory = removeDirectory
        self.syncDirectory = syncDirectory
        self.status = status
        self.resolve = resolve
        self.availableBytes = availableBytes
        self.randomNumber = randomNumber
    }

    /// How a file is opened. Always close-on-exec; made files have mode 0600.
    package enum OpenMode: Hashable, Sendable {
        /// For reading. A pipe without writer does not make the call wait.
        case read
        /// For reading and writing; an error if it is missing.
        case readWrite
        /// For reading and writing; made if it is missing.
        case create
        /// For reading and writing; an error if it is there.
        case createNew
    }
}

/// What a file is, and how large.
package struct FileStatus: Hashable, Sendable {
    package enum Kind: Hashable, Sendable { case file, directory, pipe, other }

    package var kind: Kind
    package var device: UInt64
    package var inode: UInt64
    /// In bytes.
    package var size: Int64
    /// Bytes that it takes on the disk: more than its size where room was taken for more, fewer where it has holes.
    package var allocated: Int64
    /// Nanoseconds since 1970, UTC.
    package var modified: Int64

    package init(kind: Kind, device: UInt64, inode: UInt64, size: Int64, allocated: Int64, modified: Int64) {
        self.kind = kind
        self.device = device
        self.inode = inode
        self.size = size
        self.allocated = allocated
        self.modified = modified
    }
}

extension Disk {
    /// So many are read without a look at how many there are: another system call would cost more.
    static let fewBytes = 4096

    /// Whether something has this name.
    package func exists(_ path: String) throws(DiskError) -> Bool {
        do throws(DiskError) {
            _ = try status(path)
            return true
        } catch {
            guard error.isMissing else { throw error }
            return false
        }
    }

    /// All bytes of a small file, nil if it is missing.
    /// - Parameter limit: in bytes; the rest of a larger file is left out.
    package func readFile(_ path: String, limit: Int) throws(DiskError) -> [UInt8]? {
        do throws(DiskError) {
            let file = try open(path, .read)
            let first = try file.readBytes(at: 0, count: min(limit, Self.fewBytes))
            guard first.count == Self.fewBytes, limit > first.count else { return first }
            return first + (try file.readBytes(at: Int64(first.count), count: limit - first.count))
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }

    /// Writes a small file so that a crash leaves the old content or the new: beside it, synced, then renamed.
    ///
    /// The name is durable only once the directory is synced.
    package func replaceFile(_ path: String, with bytes: [UInt8], synced: Bool = true) throws(DiskError) {
        let temporary = path + ".tmp"
        let file = try open(temporary, .create)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        if synced { try file.syncWhole() }
        try rename(temporary, path)
    }

    /// As ``removeFile``, content with a file that is already gone.
    package func removeIfThere(_ path: String) throws(DiskError) {
        do throws(DiskError) { try removeFile(path) } catch { guard error.isMissing else { throw error } }
    }
}
