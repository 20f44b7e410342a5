import Platform

/// Memory for batch builders and encoded batches, taken and given back instead of allocated. Any thread may use it.
package final class BufferPool: Sendable {
    /// Bytes of a pooled buffer: room for a batch of `batchBytes`, however badly a codec does.
    let bufferBytes: Int
    private let kept: Int
    private let idle: Lock<[Buffer]>

    /// - Parameter batchBytes: what batches hold before compression; larger ones get memory of their own.
    /// - Parameter keep: how many unused buffers stay allocated; what comes back beyond that is freed.
    package init(batchBytes: Int, keep: Int) {
        precondition(batchBytes > 0 && keep >= 0, "a pool of nothing")
        bufferBytes = batchBytes + batchBytes / 4 + 4096
        kept = keep
        idle = Lock([])
    }

    /// Buffers that wait to be used.
    package var idleCount: Int { idle.withLock { $0.count } }

    /// Frees every unused buffer: for a pipeline that has come to rest.
    package func trim() { idle.withLock { $0 = [] } }

    func take(_ bytes: Int) -> Buffer {
        guard bytes <= bufferBytes else { return Buffer(capacity: bytes) }
        return idle.withLock { $0.popLast() } ?? Buffer(capacity: bufferBytes)
    }

    func give(_ buffer: Buffer) {
        guard buffer.capacity == bufferBytes else { return }
        idle.withLock { buffers in
            if buffers.count < kept { buffers.append(buffer) }
        }
    }
}
