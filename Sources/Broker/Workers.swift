import Platform

/// Threads for what may wait for the disk: each with a queue of its own, bounded in jobs and bytes.
///
/// Jobs of one lane run one after the other, in the order in which they were submitted.
final class Workers: Sendable {
    private struct Job {
        let bytes: Int
        let run: @Sendable () -> Void
    }

    private struct Queue {
        var jobs: [Job] = []
        var head = 0
        var bytes = 0
        var isStopping = false

        var count: Int { jobs.count - head }

        mutating func take() -> Job? {
            guard head < jobs.count else { return nil }
            let job = jobs[head]
            head += 1
            if head == jobs.count || head >= 512 {
                jobs.removeFirst(head)
                head = 0
            }
            bytes -= job.bytes
            return job
        }
    }

    private let queues: [Lock<Queue>]
    private let threads: Lock<[Thread]>
    private let maxJobs: Int
    private let maxBytes: Int
    private let name: String

    init(count: Int, maxJobs: Int, maxBytes: Int, name: String = "broker") {
        let count = max(1, count)
        queues = (0..<count).map { _ in Lock(Queue()) }
        threads = Lock([])
        self.maxJobs = maxJobs
        self.maxBytes = maxBytes
        self.name = name
    }

    func start() {
        let started = queues.enumerated().map { number, queue in
            Thread(name: "\(name)-\(number)") { Self.work(queue) }
        }
        threads.withLock { $0 = started }
    }

    /// Runs what is queued, then ends the threads. Returns when they have ended.
    func stop() {
        for queue in queues { queue.withLockNotifying { $0.isStopping = true } }
        let ended = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in ended { thread.join() }
    }

    /// - Parameters:
    ///   - lane: jobs with the same number keep their order.
    ///   - bytes: what the job holds on to while it waits.
    /// - Returns: false if the queue is full or the workers are stopping; the job will not run.
    func submit(lane: UInt64, bytes: Int = 0, _ run: @escaping @Sendable () -> Void) -> Bool {
        submit(to: queues[Int(lane % UInt64(queues.count))], bytes: bytes, bounded: true, run)
    }

    /// As ``submit(lane:bytes:_:)``, to whichever queue is the shortest, without an order.
    func submit(_ run: @escaping @Sendable () -> Void) -> Bool {
        submit(to: shortest, bytes: 0, bounded: true, run)
    }

    /// For work whose owner bounds it: taken however long the queue is.
    /// - Returns: false if the workers are stopping; the job will not run.
    func submitUnbounded(_ run: @escaping @Sendable () -> Void) -> Bool {
        submit(to: shortest, bytes: 0, bounded: false, run)
    }

    private var shortest: Lock<Queue> {
        guard queues.count > 1 else { return queues[0] }
        return queues.min { $0.withLock { $0.count } < $1.withLock { $0.count } } ?? queues[0]
    }

    private func submit(
        to queue: Lock<Queue>, bytes: Int, bounded: Bool, _ run: @escaping @Sendable () -> Void
    ) -> Bool {
        queue.withLockNotifying { queue in
            guard !queue.isStopping else { return false }
            if bounded {
                // One job that is larger than all the room is still taken when nothing else waits.
                guard queue.count < maxJobs, queue.count == 0 || queue.bytes + bytes <= maxBytes else { return false }
            }
            queue.jobs.append(Job(bytes: bytes, run: run))
            queue.bytes += bytes
            return true
        }
    }

    private static func work(_ queue: Lock<Queue>) {
        while true {
            let job: Job?? = queue.wait { queue in
                if let job = queue.take() { return .some(job) }
                return queue.isStopping ? .some(nil) : nil
            }
            guard case .some(.some(let job)) = job else { return }
            job.run()
        }
    }
}
