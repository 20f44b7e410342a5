import CLinux
import Glibc
import Platform
import Records

/// How far one attempt to send came.
enum SendOutcome {
    case sent(Int)
    /// The peer has no room now.
    case blocked
    case failed(SocketError)
    /// Bytes read because there is no descriptor to send from; none of them is sent yet.
    case read([UInt8])
}

/// Sends bytes of files that are not in memory: a cold read may wait for the disk, and the loop must not.
///
/// A thread of its own, beside the loop. A connection has at most one job here and keeps its descriptor open until the
/// answer is back on the loop, so the queue is bounded by the connections.
final class FileSender: Sendable {
    private let loop: EventLoop
    private let queue = Lock(Queue())
    private let thread: Lock<Thread?>

    private struct Queue {
        var jobs: [Job] = []
        var stopping = false
    }

    struct Job: Sendable {
        var socket: Int32
        var span: FileSpan
        /// Gets the outcome on the loop's thread.
        var done: @Sendable (SendOutcome) -> Void
    }

    /// Bytes read at once where there is nothing to send from, and sent at once where there is: then it is the next one's turn.
    static let chunk = 256 << 10

    init(loop: EventLoop) {
        self.loop = loop
        thread = Lock(nil)
        thread.withLock { $0 = Thread(name: "file-sender") { self.run() } }
    }

    func submit(_ job: Job) { queue.withLockNotifying { $0.jobs.append(job) } }

    /// Does what is queued, then ends the thread.
    func stop() {
        queue.withLockNotifying { $0.stopping = true }
        thread.withLock { $0 }?.join()
    }

    private func run() {
        penstock_block_sigpipe()
        while let jobs = nextJobs() {
            for job in jobs {
                let outcome = Self.send(job.span, to: job.socket)
                loop.execute { job.done(outcome) }
            }
        }
    }

    private func nextJobs() -> [Job]? {
        queue.wait { queue -> [Job]?? in
            guard queue.jobs.isEmpty else {
                defer { queue.jobs.removeAll() }
                return .some(queue.jobs)
            }
            return queue.stopping ? .some(nil) : nil
        } ?? nil
    }

    /// Sends the beginning of a span, waiting for the disk if it must.
    static func send(_ span: FileSpan, to socket: Int32) -> SendOutcome {
        guard let file = span.source.descriptor else { return read(span) }
        let count = penstock_send_file(socket, file, span.position, min(span.length, chunk))
        if count > 0 { return .sent(count) }
        if count == 0 { return .failed(shorter(span)) }
        switch errno {
        case EAGAIN: return .blocked
        case EINTR: return .sent(0)
        default: return .failed(SocketError("send bytes of a file", errno: errno))
        }
    }

    private static func read(_ span: FileSpan) -> SendOutcome {
        do {
            let bytes = try span.source.read(position: span.position, length: min(span.length, chunk))
            return bytes.isEmpty ? .failed(shorter(span)) : .read(bytes)
        } catch {
            return .failed(SocketError("send bytes of a file", cause: "\(error)"))
        }
    }

    private static func shorter(_ span: FileSpan) -> SocketError {
        SocketError("send bytes of a file", cause: "it ends before byte \(span.position + Int64(span.length))")
    }
}
