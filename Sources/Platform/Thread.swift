import CLinux
import Glibc

/// An operating system thread of our own. Whatever may wait for a disk or a lock runs on one, never on the shared pool.
@safe
package final class Thread: Sendable {
    private let handle: pthread_t
    private let joined = Lock(false)

    /// Starts a thread.
    /// - Parameter name: shown by `ps -L` and debuggers; 15 bytes are kept.
    package init(name: String, _ body: @escaping @Sendable () -> Void) {
        final class Start {
            let name: String
            let body: @Sendable () -> Void
            init(name: String, body: @escaping @Sendable () -> Void) {
                self.name = name
                self.body = body
            }
        }
        // Safety: the retained box is taken back exactly once, by the new thread.
        let box = unsafe Unmanaged.passRetained(Start(name: name, body: body)).toOpaque()
        var handle = pthread_t()
        let result = unsafe pthread_create(
            &handle, nil,
            { raw in
                // Safety: `raw` is the box retained above.
                let start = unsafe Unmanaged<Start>.fromOpaque(raw!).takeRetainedValue()
                unsafe start.name.withCString { unsafe penstock_name_thread($0) }
                start.body()
                return nil
            }, box)
        precondition(result == 0, "cannot start thread \(name): error \(result)")
        self.handle = handle
    }

    /// Waits until the thread's body has returned. At most once has an effect.
    package func join() {
        let first = joined.withLock { done in
            defer { done = true }
            return !done
        }
        if first { pthread_join(handle, nil) }
    }

    /// Nobody can join it any more: its stack goes when it ends.
    deinit {
        if !joined.withLock({ $0 }) { pthread_detach(handle) }
    }
}
