package import Pipelines
import Platform
import Records
package import Settings

/// Options of the channel `memory`.
package struct MemoryChannelOptions: Options {
    package var capacity = ByteCount.mebibytes(8)

    package init() {}

    package mutating func walk(_ walker: inout some OptionWalker) {
        walker.option(
            "capacity", &capacity, range: ByteCount.mebibytes(1)...,
            "Bytes held before the sources have to wait. What is held is read again after a crash.")
    }
}

/// The channel `memory`: a bounded queue of batches, so that reading goes on while the sink works or waits.
///
/// Positions travel with their batches, so what is still in it at a crash was never committed.
package final class MemoryChannel: EventChannel {
    private struct State: Sendable {
        var batches: [SourceBatch] = []
        var held = 0
        var finished = false
    }

    package let space: Waker
    package let arrivals: Waker
    private let capacity: Int
    private let state = Lock(State())

    package init(_ options: MemoryChannelOptions) throws {
        capacity = options.capacity.bytes
        space = try Waker()
        arrivals = try Waker()
    }

    package func offer(_ batch: SourceBatch) -> Bool {
        let bytes = Self.bytes(batch)
        let taken = state.withLock { state in
            // One batch always fits, however large it is.
            guard state.held == 0 || state.held + bytes <= capacity else { return false }
            state.batches.append(batch)
            state.held += bytes
            return true
        }
        if taken { arrivals.ring() }
        return taken
    }

    package func take() -> SourceBatch? {
        let batch = state.withLock { state -> SourceBatch? in
            guard !state.batches.isEmpty else { return nil }
            let batch = state.batches.removeFirst()
            state.held -= Self.bytes(batch)
            return batch
        }
        if batch != nil { space.ring() }
        return batch
    }

    package func finish() {
        state.withLock { $0.finished = true }
        arrivals.ring()
    }

    package var isFinished: Bool { state.withLock { $0.finished } }
    package var heldBytes: Int { state.withLock { $0.held } }

    /// The whole block counts: it stays allocated as long as one event of it is here.
    private static func bytes(_ batch: SourceBatch) -> Int {
        batch.events.block.capacity + batch.events.events.count * MemoryLayout<Event>.stride
    }
}
