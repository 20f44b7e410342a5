import Glibc

/// A value behind a pthread mutex, with a condition to wait on.
///
/// `Synchronization.Mutex` has no condition and shows false races under thread sanitizer on Linux; this costs about
/// 20 ns uncontended. Not recursive. A closure must not let references to mutable parts of the value escape.
@safe
package final class Lock<Value>: @unchecked Sendable {  // every access to `value` holds the mutex
    @unsafe private struct Primitives {
        /// The first field: where it lies is where all of them lie.
        var mutex = unsafe pthread_mutex_t()
        /// Made by the first who waits: most locks have nobody who does, and each partition has several.
        var condition: UnsafeMutablePointer<pthread_cond_t>?
    }

    private let primitives: UnsafeMutablePointer<Primitives>
    // The mutex is what keeps accesses apart.
    @exclusivity(unchecked) private var value: Value

    package init(_ value: sending Value) {
        unsafe self.value = value
        // Safety: allocated and initialised here, freed only in `deinit`.
        unsafe primitives = .allocate(capacity: 1)
        unsafe primitives.initialize(to: Primitives())
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        // Safety: nobody can hold the lock while its last reference goes.
        if let condition = unsafe primitives.pointee.condition {
            unsafe pthread_cond_destroy(condition)
            unsafe condition.deallocate()
        }
        unsafe pthread_mutex_destroy(mutex)
        unsafe primitives.deallocate()
    }

    private var mutex: UnsafeMutablePointer<pthread_mutex_t> {
        // Safety: the first field of a structure lies at its beginning.
        unsafe UnsafeMutableRawPointer(primitives).assumingMemoryBound(to: pthread_mutex_t.self)
    }

    /// The condition to wait on. Whoever calls holds the mutex.
    private func condition() -> UnsafeMutablePointer<pthread_cond_t> {
        // Safety: the mutex guards `condition`, which is initialised before anyone sees it.
        if let made = unsafe primitives.pointee.condition { return unsafe made }
        let made = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(made, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
        unsafe primitives.pointee.condition = made
        return unsafe made
    }

    /// Runs `body` with the value, alone.
    package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        // Safety: the mutex is held.
        return try unsafe body(&value)
    }

    /// As ``withLock(_:)``, then wakes every thread that waits in ``wait(until:_:)``.
    package func withLockNotifying<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer {
            // Safety: the condition lives as long as `self`; where there is none, nobody has ever waited.
            if let condition = unsafe primitives.pointee.condition { unsafe pthread_cond_broadcast(condition) }
            unlock()
        }
        // Safety: the mutex is held.
        return try unsafe body(&value)
    }

    /// Waits until `ready` returns something, asking at once and after every notification.
    /// - Parameter deadline: when to give up; nil waits for ever.
    /// - Returns: what `ready` returned, or nil when the deadline passed first.
    package func wait<Result, Failure: Error>(
        until deadline: Instant? = nil, _ ready: (inout Value) throws(Failure) -> Result?
    ) throws(Failure) -> Result? {
        lock()
        defer { unlock() }
        while true {
            // Safety: the mutex is held, but while the thread waits.
            if let result = try unsafe ready(&value) { return result }
            guard let deadline else {
                // Safety: `mutex` is held by this thread, as pthread_cond_wait demands.
                unsafe pthread_cond_wait(condition(), mutex)
                continue
            }
            var time = timespec(
                tv_sec: Int(deadline.nanoseconds / 1_000_000_000), tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
            // Safety: as above; `time` outlives the call.
            if unsafe pthread_cond_timedwait(condition(), mutex, &time) == ETIMEDOUT {
                return try unsafe ready(&value)
            }
        }
    }

    private func lock() {
        // Safety: initialised in `init`, freed only in `deinit`.
        unsafe pthread_mutex_lock(mutex)
    }

    private func unlock() {
        // Safety: as in `lock`.
        unsafe pthread_mutex_unlock(mutex)
    }
}
