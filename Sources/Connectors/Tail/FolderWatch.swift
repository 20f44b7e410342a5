import Glibc

/// Kernel notification (inotify) of changes in folders and files: one instance a source, readable through `poll`.
///
/// Where the kernel has none to give, or the file system sends none, the slow scan of the tail does its work.
@safe
final class FolderWatch {
    enum Change: Hashable {
        /// Bytes came to, or left, the file of this name in a watched folder.
        case modified(folder: String, name: String)
        /// The same for a file that is watched itself, by the number that ``watch(file:)`` gave.
        case modifiedFile(watch: Int32)
        /// A name came, went or changed: look at the whole again.
        case names
    }

    let descriptor: Int32
    private var folders: [Int32: String] = [:]
    private var watched: [String: Int32] = [:]
    private let buffer: UnsafeMutableRawBufferPointer

    /// - Returns: nil when the kernel gives none (the limit of instances a user may have, or of descriptors).
    init?() {
        descriptor = inotify_init1(Int32(IN_NONBLOCK) | Int32(IN_CLOEXEC))
        // Safety: freed in `deinit` only.
        unsafe buffer = .allocate(byteCount: 16 << 10, alignment: 8)
        if descriptor < 0 { return nil }
    }

    deinit {
        // Safety: allocated in `init`.
        unsafe buffer.deallocate()
        if descriptor >= 0 { Glibc.close(descriptor) }
    }

    /// - Returns: false when it cannot be watched; `errno` says why.
    @discardableResult
    func watch(folder: String) -> Bool {
        if watched[folder] != nil { return true }
        let mask = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF
        let number = unsafe folder.withCString { unsafe inotify_add_watch(descriptor, $0, UInt32(mask | IN_ONLYDIR)) }
        guard number >= 0 else { return false }
        folders[number] = folder
        watched[folder] = number
        return true
    }

    /// Watches an open file whatever it is called, for one whose folder tells nothing: a link's target, a renamed file.
    /// - Returns: the number in ``Change/modifiedFile(watch:)``, nil when it cannot be watched.
    func watch(file open: Int32) -> Int32? {
        let number = unsafe "/proc/self/fd/\(open)".withCString {
            unsafe inotify_add_watch(descriptor, $0, UInt32(IN_MODIFY))
        }
        return number >= 0 && folders[number] == nil ? number : nil
    }

    func forget(file watch: Int32) { _ = inotify_rm_watch(descriptor, watch) }

    /// What happened since the last call, each thing once; never waits.
    func changes() -> Set<Change> {
        var found: Set<Change> = []
        while true {
            // Safety: `read` fills at most the buffer, and only what it filled is parsed.
            let count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            guard count > 0 else { return found }
            unsafe parse(UnsafeRawBufferPointer(rebasing: buffer[..<count]), into: &found)
        }
    }

    private func parse(_ bytes: UnsafeRawBufferPointer, into found: inout Set<Change>) {
        var position = 0
        let header = MemoryLayout<inotify_event>.size
        while position + header <= bytes.count {
            // Safety: the kernel writes whole events, aligned as the buffer is; the loop keeps within what it wrote.
            let event = unsafe bytes.loadUnaligned(fromByteOffset: position, as: inotify_event.self)
            let end = position + header + Int(event.len)
            guard end <= bytes.count else { return }
            let name = unsafe bytes[(position + header)..<end].prefix { $0 != 0 }
            note(event, unsafe String(decoding: name, as: UTF8.self), &found)
            position = end
        }
    }

    private func note(_ event: inotify_event, _ name: String, _ found: inout Set<Change>) {
        let mask = Int32(bitPattern: event.mask)
        if mask & IN_IGNORED != 0 {
            if let folder = folders.removeValue(forKey: event.wd) { watched[folder] = nil }
            return
        }
        guard mask & IN_MODIFY != 0 else {
            found.insert(.names)
            return
        }
        if let folder = folders[event.wd] {
            found.insert(.modified(folder: folder, name: name))
        } else {
            found.insert(.modifiedFile(watch: event.wd))
        }
    }
}
