package import CommitLog
import Glibc
package import Pipelines
import Platform
import Records
package import Settings

/// Options of the source `stdin`.
package struct StdinOptions: Options {
    package var maxLine = ByteCount(1_000_000)

    package init() {}

    package mutating func walk(_ walker: inout some OptionWalker) {
        walker.option(
            "max_line", &maxLine, range: ByteCount(1)...ByteCount.mebibytes(64),
            "Longer lines are split: the parts behind the first carry the header `continuation`.")
    }
}

/// The source `stdin`: lines from a pipe, a terminal or a file until its end; the last one needs no newline.
///
/// There is nothing to go back to, so there is no position: what was taken and not appended when the process is killed
/// is lost with the pipe.
package final class StdinSource: EventSource {
    private let context: ComponentContext
    private let maxLine: Int
    private let input: Int32
    private var block: Block
    /// Up to here the block was handed on.
    private var cursor = 0
    private var state = LineCutter.State()
    private var isAtEnd = false
    private var totals: SourceReport

    private static let blockBytes = 256 << 10

    /// - Parameter input: a descriptor that is read from, and not closed.
    package init(_ options: StdinOptions, _ context: ComponentContext, input: Int32 = 0) {
        self.context = context
        self.input = input
        maxLine = options.maxLine.bytes
        block = Block(capacity: Self.blockBytes)
        totals = SourceReport(name: context.name)
    }

    package var longestEvent: Int { maxLine }
    package var canReadAgain: Bool { false }

    package func start(from positions: [SourcePosition], untilEnd: Bool) throws {}

    /// A regular file is always readable; anything else is asked for with `poll` before it is read.
    package var descriptors: [Int32] { isAtEnd ? [] : [input] }

    package func next() throws -> Pull {
        guard !isAtEnd else { return .finished }
        makeRoom()
        switch try read() {
        case nil: return .idle(until: nil)
        case 0?: isAtEnd = true
        default: break
        }
        var events: [Event] = []
        let now = context.shared.clock.wallMilliseconds()
        var end = LineCutter.cut(
            block, from: cursor, timestamp: now, maxLine: maxLine, state: &state, events: &events)
        if isAtEnd, end < block.count {
            end = LineCutter.cutLast(
                block, from: end, timestamp: now, maxLine: maxLine, state: &state, events: &events)
        }
        totals.bytes += Int64(end - cursor)
        cursor = end
        totals.events += events.count
        if events.isEmpty { return isAtEnd ? .finished : .idle(until: nil) }
        return .batch(SourceBatch(events: EventBatch(block: block, events: events), positions: []))
    }

    package var report: SourceReport { totals }

    package func close() { isAtEnd = true }

    /// What was handed on belongs to the events; what was not goes to the front of the next block.
    private func makeRoom() {
        let rest = block.count - cursor
        guard block.room < 4096 || cursor > 0 else { return }
        if cursor == 0 || rest > 0 || !isKnownUniquelyReferenced(&block) {
            let fresh = Block(capacity: max(Self.blockBytes, min(2 * rest, maxLine) + rest + 8192))
            let (old, from) = (block, cursor)
            // Safety: the fresh block has more room than the rest takes.
            _ = unsafe fresh.fill(limit: rest) { free in
                unsafe old.bytes.withUnsafeBytes { bytes in
                    unsafe free.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[from...]))
                }
                return rest
            }
            block = fresh
        } else {
            block.reset()
        }
        cursor = 0
    }

    /// - Returns: bytes read, 0 at the end, nil when there is nothing now.
    private func read() throws -> Int? {
        guard isReadable() else { return nil }
        var code: Int32 = 0
        let count = unsafe block.fill { free in
            while true {
                // Safety: `free` is lent for this call, with its size.
                let count = unsafe Glibc.read(input, free.baseAddress, free.count)
                if count >= 0 { return count }
                if errno == EINTR { continue }
                code = errno
                return 0
            }
        }
        if code == EAGAIN { return nil }
        guard code == 0 else { throw DiskError(operation: "read", path: "standard input", code: code) }
        return count
    }

    private func isReadable() -> Bool {
        var waiting = pollfd(fd: input, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&waiting, 1, 0) != 0
    }
}
