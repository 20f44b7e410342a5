import Glibc

/// A system call that failed: what was tried, on what, and what came back.
package struct DiskError: Error, Hashable, CustomStringConvertible {
    /// A verb: "read", "write", "sync".
    package var operation: String
    package var path: String
    /// The `errno` of the call.
    package var code: Int32

    package init(operation: String, path: String, code: Int32) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    /// Nothing with that name is there.
    package var isMissing: Bool { code == ENOENT || code == ENOTDIR }
    /// The disk, or the quota, is full.
    package var isFull: Bool { code == ENOSPC || code == EDQUOT }
    /// Somebody else holds the lock that was asked for.
    package var isLocked: Bool { code == EAGAIN || code == EACCES }
    /// The call was interrupted before it did anything, and may simply be made again.
    package var isInterrupted: Bool { code == EINTR }

    /// The process, or the machine, has no descriptor left: nothing was tried on the disk yet.
    package var isOutOfDescriptors: Bool { code == EMFILE || code == ENFILE }

    /// The sync of a directory did not get as far as the disk: what it was to sync is as it was.
    package var isUntried: Bool { isInterrupted || isOutOfDescriptors || isMissing || code == EACCES }

    /// The call succeeded, and what came back cannot be what was written.
    package var isDamage: Bool { code == EBADMSG }

    /// The disk itself cannot give what stands there.
    package var isOfTheMedium: Bool { [EIO, EUCLEAN, ENODATA].contains(code) }

    /// What to do before a data directory can be opened where this stood in the way.
    var wayToOpen: String {
        if isFull { return "nothing was lost: make room on the disk, or raise the quota, and start again" }
        if isOutOfDescriptors { return "nothing was lost: allow more open files (ulimit -n), and start again" }
        if isForbidden { return "\(Self.wayToWrite); then start again" }
        if isDamage { return "`penstock log repair` takes the damage out, keeping a copy; then start again" }
        if isOfTheMedium { return "the disk failed there (see the system's log): put that right, and start again" }
        return "put that right, and start again"
    }

    /// Nobody may write there, or not this user.
    var isForbidden: Bool { [EROFS, EACCES, EPERM].contains(code) }

    static let wayToWrite = """
        Penstock must be able to write there: mount it for writing, give it to the user that runs Penstock (chown -R), or \
        choose another directory with --data
        """

    package var description: String { "cannot \(operation) \(path): \(Self.message(code))" }

    /// The system's words for an error number.
    package static func message(_ code: Int32) -> String {
        // Safety: glibc's strerror returns a string that is constant or belongs to this thread until its next call.
        unsafe String(cString: strerror(code))
    }
}
