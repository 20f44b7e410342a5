import Platform

/// Memory for batch builders and encoded batches, taken and given back instead of allocated. Any thread may use it.
package final class BufferPool: Sendable {
    /// Bytes of a pooled buffer: room for a batch of `batchBytes`, however badly a codec does.
    let bufferBytes: Int
    private let kept: Int
    private let idle = Lock(Idle())

    private struct Idle {
        var buffers: [Buffer] = []
        /// At most one for each thread that compressed at the same time.
        var contexts: [ZstdContext] = []
    }

    /// - Parameter batchBytes: what batches hold before compression; larger ones get memory of their own.
    /// - Parameter keep: how many unused buffers stay allocated; what comes back beyond that is freed.
    package init(batchBytes: Int, keep: Int) {
        precondition(batchBytes > 0 && keep >= 0, "a pool of nothing")
        bufferBytes = batchBytes + batchBytes / 4 + 4096
        kept = keep
    }

    /// Buffers that wait to be used.
    package var idleCount: Int { idle.withLock { $0.buffers.count } }

    /// Frees everything unused: for a pipeline that has come to rest.
    package func trim() { idle.withLock { $0 = Idle() } }

    func take(_ bytes: Int) -> Buffer {
        guard bytes <= bufferBytes else { return Buffer(capacity: bytes) }
        return idle.withLock { $0.buffers.popLast() } ?? Buffer(capacity: bufferBytes)
    }

    func give(_ buffer: Buffer) {
        guard buffer.capacity == bufferBytes else { return }
        idle.withLock { idle in
            if idle.buffers.count < kept { idle.buffers.append(buffer) }
        }
    }

    func takeContext() -> ZstdContext? { idle.withLock { $0.contexts.popLast() } }

    func give(_ context: ZstdContext) { idle.withLock { $0.contexts.append(context) } }
}
