import Glibc

/// For tools that are pointed at directories which anyone may have filled.
extension Disk {
    /// Refuses every call that would change something.
    var unchangeable: Disk {
        guarded { (path) throws(DiskError) in
            throw DiskError(operation: "change, as nothing is to be changed,", path: path, code: EROFS)
        }
    }

    /// Refuses to change what does not lie in a directory, or is there by a symbolic link only.
    /// - Parameter root: an absolute path without links.
    func confined(to root: String) -> Disk {
        let disk = self
        return guarded { (path) throws(DiskError) in
            let parent = try disk.resolve(InspectedPlace.parent(path))
            let name = path.split(separator: "/").last.map(String.init) ?? ""
            let isInside = parent == root || parent.hasPrefix(root == "/" ? root : root + "/")
            guard isInside, try disk.isItself(parent == "/" ? "/\(name)" : "\(parent)/\(name)") else {
                throw DiskError(operation: "change anything through the link", path: path, code: ELOOP)
            }
        }
    }

    /// Whether a name in a directory that was resolved is no link, be it because nothing has it.
    private func isItself(_ path: String) throws(DiskError) -> Bool {
        do throws(DiskError) { return try resolve(path) == path } catch {
            guard error.isMissing else { throw error }
            // A link to nothing is missing, too; but its name is there.
            return try !list(InspectedPlace.parent(path)).contains { path.hasSuffix("/" + $0) }
        }
    }

    /// Asks about a path before anything is changed there.
    private func guarded(by check: @escaping @Sendable (_ path: String) throws(DiskError) -> Void) -> Disk {
        let disk = self
        var guarded = disk
        guarded.open = { (path, mode) throws(DiskError) in
            if mode != .read { try check(path) }
            return try disk.open(path, mode)
        }
        guarded.makeDirectory = { (path) throws(DiskError) in
            try check(path)
            try disk.makeDirectory(path)
        }
        guarded.rename = { (from, to) throws(DiskError) in
            try check(from)
            try check(to)
            try disk.rename(from, to)
        }
        guarded.removeFile = { (path) throws(DiskError) in
            try check(path)
            try disk.removeFile(path)
        }
        guarded.removeDirectory = { (path) throws(DiskError) in
            try check(path)
            try disk.removeDirectory(path)
        }
        return guarded
    }
}
