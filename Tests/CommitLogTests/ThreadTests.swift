import CommitLog
import Platform
import Records
import TestSupport
import Testing

/// Many threads on one directory: rounds that share partitions, clients, passes and readers.
@Suite struct ThreadTests {
    /// What the threads leave behind for the check.
    struct Trace {
        var rounds: [String: (partitions: [Int], ticket: CommitTicket)] = [:]
        var synced = CommitTicket.none
        var running = 0
        var problems: [String] = []
    }

    static let partitions = 5

    @Test(
        "threads that write rounds over each other's partitions keep the history in order: a pass covers a prefix of it",
        arguments: Seeds.some(6))
    func overlapping(seed: UInt64) throws {
        let memory = MemoryDisk()
        var options = LogOptions()
        options.topicDefaults.segmentBytes = 2000
        options.checkpointBytes = 3000
        let directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: Self.partitions)
        let trace = Lock(Trace())
        let writers = 3
        trace.withLock { $0.running = writers }
        var threads: [Thread] = []
        for number in 0..<writers {
            threads.append(
                Thread(name: "writer \(number)") {
                    do {
                        try Self.write(number, seed, directory, topic, trace)
                    } catch {
                        trace.withLock { $0.problems.append("\(error)") }
                    }
                    trace.withLockNotifying { $0.running -= 1 }
                })
        }
        threads.append(
            Thread(name: "sync") {
                while trace.withLock({ $0.running > 0 }) {
                    guard let ticket = try? directory.sync() else { return }
                    trace.withLock { $0.synced = max($0.synced, ticket) }
                }
            })
        threads.append(
            Thread(name: "reader") {
                while trace.withLock({ $0.running > 0 }) {
                    for partition in topic.partitions {
                        let end = partition.highWatermark
                        let offsets = (try? partition.allRecords().map(\.offset)) ?? []
                        if offsets.count < Int(end) || offsets != Array(0..<Int64(offsets.count)) {
                            trace.withLock { $0.problems.append("a reader saw \(offsets), up to \(end)") }
                        }
                    }
                }
            })
        for thread in threads { thread.join() }
        #expect(trace.withLock { $0.problems } == [])

        // Some more that nobody syncs, and the power goes.
        try Self.write(writers, seed, directory, topic, trace)
        var random = SeededGenerator(seed: seed)
        memory.losePower(&random)
        let opened = try DataDirectory.open("/d", options: options, disk: memory.disk)
        #expect(opened.recovery.damage.isEmpty)
        let found = try #require(opened.topic(named: "t")).partitions.map { Set(try $0.allValues()) }
        for (name, round) in trace.withLock({ $0.rounds }) {
            let there = round.partitions.filter { found[$0].contains(name) }
            #expect(there.isEmpty || there == round.partitions, "round \(name) is there in part")
            if round.ticket <= trace.withLock({ $0.synced }) { #expect(!there.isEmpty, "round \(name) was synced") }
        }
    }

    private static func write(
        _ number: Int, _ seed: UInt64, _ directory: DataDirectory, _ topic: Topic, _ trace: Lock<Trace>
    ) throws {
        var random = SeededGenerator(seed: seed &* 31 &+ UInt64(number))
        for step in 0..<30 {
            let name = "r\(number).\(step)"
            let partitions = (0..<Self.partitions).filter { _ in Bool.random(using: &random) }.shuffled(using: &random)
            if partitions.isEmpty || Int.random(in: 0..<4, using: &random) == 0 {
                let partition = topic.partitions.randomElement(using: &random) ?? topic.partitions[0]
                _ = try directory.append(Make.batch(["c\(name)"]), to: partition)
                continue
            }
            let ticket = try directory.append(
                directory.round(
                    "p\(number)", partitions.map { (topic.partitions[$0], [[name]]) },
                    positions: [Make.position(Int64(step))]))
            trace.withLock { $0.rounds[name] = (partitions, ticket) }
        }
    }
}
