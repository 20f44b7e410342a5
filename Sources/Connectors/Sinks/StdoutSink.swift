import CommitLog
import Glibc
package import Pipelines
package import Platform
import Records
package import Settings

/// Options of the sink `stdout`: it has none.
package struct StdoutOptions: Options {
    package init() {}
    package mutating func walk(_ walker: inout some OptionWalker) {}
}

/// The sink `stdout`: each event's value and a newline. Positions are committed after the write, so a crash between the
/// two repeats lines: at least once.
package final class StdoutSink: EventSink {
    private let context: ComponentContext
    private let descriptor: Int32
    private var waiting: [UInt8] = []
    private var written = 0
    private var positions: [PositionUpdate] = []
    private var events = 0
    private var totals = SinkReport()

    /// - Parameter descriptor: is not closed.
    package init(_ context: ComponentContext, descriptor: Int32 = 1) {
        self.context = context
        self.descriptor = descriptor
        totals.name = context.name
    }

    package func start(longestEvent: Int) throws {}

    package func take(_ batch: consuming SourceBatch) {
        batch.events.appendLines(to: &waiting)
        events += batch.events.events.count
        positions += batch.positions
    }

    package func advance() throws {
        guard !waiting.isEmpty || !positions.isEmpty else { return }
        try write()
        if !positions.isEmpty {
            _ = try context.shared.directory.append(Round(pipeline: context.pipeline, positions: positions))
        }
        totals.events += events
        totals.bytes += Int64(waiting.count)
        totals.rounds += 1
        waiting.removeAll(keepingCapacity: true)
        positions.removeAll(keepingCapacity: true)
        (written, events) = (0, 0)
    }

    package func settle() throws { waiting = [] }
    package func flush() throws { try advance() }
    package var deadline: Instant? { nil }

    package var report: SinkReport {
        var report = totals
        report.waitingBytes = Int64(waiting.count - written)
        return report
    }

    package func close() {}

    /// Waits for whoever reads: that is the back-pressure.
    private func write() throws {
        while written < waiting.count {
            let count = unsafe waiting.withUnsafeBytes { bytes in
                // Safety: `written` is below the count.
                unsafe Glibc.write(descriptor, bytes.baseAddress! + written, bytes.count - written)
            }
            if count >= 0 {
                written += count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN:
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                unsafe poll(&waiting, 1, -1)
            case EPIPE: throw PipelineError.beyondRepair("the reader of standard output went away")
            default: throw DiskError(operation: "write", path: "standard output", code: errno)
            }
        }
    }
}
