import Platform

/// Work for the encoders: compresses and finishes one record batch.
package protocol EncoderJob: AnyObject, Sendable {
    /// Called once, on any thread.
    func run()
}

/// The threads that compress, shared by all pipelines of a process.
///
/// Handed over is a batch at a time, never a line. The queue is short and bounded: when it is full the thread that
/// hands over works itself, so a hot pipeline keeps all cores busy and holds little.
package final class EncoderPool: Sendable {
    private struct Queue: Sendable {
        var jobs: [any EncoderJob] = []
        var stopping = false
    }

    private let queue = Lock(Queue())
    private let limit: Int
    private let threads: [Thread]

    /// - Parameters:
    ///   - threads: 0 is allowed: then every pipeline encodes by itself.
    ///   - limit: jobs that may wait, of about 256 KiB each.
    package init(threads: Int, limit: Int = 4) {
        self.limit = limit
        let queue = queue
        self.threads = (0..<threads).map { index in
            Thread(name: "encoder-\(index)") {
                while let job = queue.wait({ Self.next(&$0) }) ?? nil { job.run() }
            }
        }
    }

    /// Hands a job over, or runs it at once when enough are waiting.
    package func submit(_ job: any EncoderJob) {
        guard !threads.isEmpty, enqueue(job) else { return job.run() }
    }

    /// Runs one waiting job on the calling thread.
    /// - Returns: false when none was waiting.
    package func help() -> Bool {
        let job = queue.withLock { queue in queue.jobs.isEmpty ? nil : queue.jobs.removeFirst() }
        job?.run()
        return job != nil
    }

    /// Runs what is waiting, then ends the threads. Jobs submitted later run on their caller's thread.
    package func stop() {
        queue.withLockNotifying { $0.stopping = true }
        for thread in threads { thread.join() }
    }

    private func enqueue(_ job: any EncoderJob) -> Bool {
        queue.withLockNotifying { queue in
            guard !queue.stopping, queue.jobs.count < limit else { return false }
            queue.jobs.append(job)
            return true
        }
    }

    /// - Returns: nil to wait on, `.some(nil)` to end.
    private static func next(_ queue: inout Queue) -> (any EncoderJob)?? {
        if !queue.jobs.isEmpty { return queue.jobs.removeFirst() }
        return queue.stopping ? .some(nil) : nil
    }
}
