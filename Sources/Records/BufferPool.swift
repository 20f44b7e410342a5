import Platform

/// Memory for batch builders and encoded batches, taken and given back instead of allocated. Any thread may use it.
package final class BufferPool: Sendable {
    /// Bytes of a pooled buffer that records are collected in.
    let plainBytes: Int
    /// Bytes of a pooled buffer that a full one is compressed into: room for it, however badly a codec does. These are
    /// kept apart, since of theirs only the beginning is ever written to, and costs memory.
    let bufferBytes: Int
    private let kept: Int
    private let idle = Lock(Idle())

    private struct Idle {
        var plain: [Buffer] = []
        var large: [Buffer] = []
        /// At most one for each thread that compressed at the same time.
        var contexts: [ZstdContext] = []
    }

    /// - Parameter batchBytes: what batches hold before compression; larger ones get memory of their own.
    /// - Parameter keep: how many unused buffers of either kind stay allocated; what comes back beyond that is freed.
    package init(batchBytes: Int, keep: Int) {
        precondition(batchBytes > 0 && keep >= 0, "a pool of nothing")
        plainBytes = batchBytes
        bufferBytes = batchBytes + batchBytes / 4 + 4096
        kept = keep
    }

    /// Buffers that wait to be used.
    package var idleCount: Int { idle.withLock { $0.plain.count + $0.large.count } }

    /// Frees everything unused: for a pipeline that has come to rest.
    package func trim() { idle.withLock { $0 = Idle() } }

    func take(_ bytes: Int) -> Buffer {
        guard bytes <= bufferBytes else { return Buffer(capacity: bytes) }
        if bytes <= plainBytes { return idle.withLock { $0.plain.popLast() } ?? Buffer(capacity: plainBytes) }
        return idle.withLock { $0.large.popLast() } ?? Buffer(capacity: bufferBytes)
    }

    func give(_ buffer: Buffer) {
        idle.withLock { idle in
            if buffer.capacity == plainBytes {
                if idle.plain.count < kept { idle.plain.append(buffer) }
            } else if buffer.capacity == bufferBytes {
                if idle.large.count < kept { idle.large.append(buffer) }
            }
        }
    }

    func takeContext() -> ZstdContext? { idle.withLock { $0.contexts.popLast() } }

    func give(_ context: ZstdContext) { idle.withLock { $0.contexts.append(context) } }
}
