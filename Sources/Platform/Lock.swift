import Glibc

/// A value behind a pthread mutex, with a condition to wait on.
///
/// `Synchronization.Mutex` has no condition and shows false races under thread sanitizer on Linux; this costs about
/// 20 ns uncontended. Not recursive. A closure must not let references to mutable parts of the value escape.
@safe
package final class Lock<Value>: @unchecked Sendable {  // every access to `value` holds `mutex`
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        // Safety: both are allocated here, initialised before use, and freed only in `deinit`.
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        // Safety: nobody can hold the lock while its last reference goes.
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    /// Runs `body` with the value, alone.
    package func withLock<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer { unlock() }
        return try body(&value)
    }

    /// As ``withLock(_:)``, then wakes every thread that waits in ``wait(until:_:)``.
    package func withLockNotifying<Result, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        lock()
        defer {
            // Safety: the condition lives as long as `self`.
            unsafe pthread_cond_broadcast(condition)
            unlock()
        }
        return try body(&value)
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
            if let result = try ready(&value) { return result }
            guard let deadline else {
                // Safety: `mutex` is held by this thread, as pthread_cond_wait demands.
                unsafe pthread_cond_wait(condition, mutex)
                continue
            }
            var time = timespec(
                tv_sec: Int(deadline.nanoseconds / 1_000_000_000), tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
            // Safety: as above; `time` outlives the call.
            if unsafe pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { return try ready(&value) }
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
