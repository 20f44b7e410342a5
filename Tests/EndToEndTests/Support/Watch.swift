import Glibc

/// Sees a file or directory change, by inotify: a test's way to act at a certain moment without waiting by the clock.
final class Watch {
    private let descriptor: Int32

    init() throws {
        descriptor = inotify_init1(Int32(IN_CLOEXEC))
        guard descriptor >= 0 else { throw Trouble("no inotify: \(String(cString: strerror(errno)))") }
    }

    deinit { close(descriptor) }

    /// Begins to see writes to `path` and names that appear in it.
    func add(_ path: String) throws {
        guard inotify_add_watch(descriptor, path, UInt32(IN_MODIFY | IN_CREATE | IN_MOVED_TO)) >= 0 else {
            throw Trouble("cannot watch \(path): \(String(cString: strerror(errno)))")
        }
    }

    /// Waits until `count` changes were seen, or until `going` says that there will be no more.
    func changes(_ count: Int, while going: () -> Bool) {
        var seen = 0
        var buffer = [UInt8](repeating: 0, count: 4096)
        while seen < count {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 100) > 0 else {
                if going() { continue }
                return
            }
            let size = read(descriptor, &buffer, buffer.count)
            guard size > 0 else { return }
            var place = 0
            while place + MemoryLayout<inotify_event>.size <= size {
                let length = buffer.withUnsafeBytes {
                    $0.loadUnaligned(fromByteOffset: place, as: inotify_event.self).len
                }
                place += MemoryLayout<inotify_event>.size + Int(length)
                seen += 1
            }
        }
    }
}
