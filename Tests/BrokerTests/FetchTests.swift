import Broker
import CommitLog
import KafkaProtocol
import Platform
import Records
import TestSupport
import Testing

@Suite("Fetch")
struct FetchTests {
    /// A scene with topic t of two partitions.
    private func scene(_ change: @escaping (inout BrokerOptions) -> Void = { _ in }) throws -> NodeScene {
        let scene = try NodeScene(change)
        try scene.create("t", partitions: 2)
        return scene
    }

    private func begin(_ request: FetchRequest, _ scene: NodeScene) -> Answer<FetchResponse> {
        let waiting = Answer<FetchResponse>()
        scene.node.fetch(request, scene.context(11)) { waiting.give($0) }
        return waiting
    }

    private func count(_ response: FetchResponse) throws -> Int {
        try NodeScene.records(in: response.responses[0].partitions[0]).count
    }

    @Test("unknown topics and partitions are answered at once, though the client would wait")
    func unknown() throws {
        let scene = try scene()
        for (topic, partition) in [("u", Int32(0)), ("t", 2), ("t", -1)] {
            let response = try begin(NodeScene.fetchRequest(topic, partition, wait: 10_000), scene).wait()
            #expect(response.responses[0].topic == topic)
            #expect(response.responses[0].partitions[0].errorCode == .unknownTopicOrPartition)
            #expect(response.responses[0].partitions[0].partitionIndex == partition)
        }
    }

    @Test("offsets outside the log are out of range", arguments: [-1, 2] as [Int64])
    func range(_ offset: Int64) throws {
        let scene = try scene()
        _ = try scene.produce("t", NodeScene.batch(["a"]))
        #expect(try scene.fetch("t", from: offset).errorCode == .offsetOutOfRange)
    }

    @Test("says how far the log goes, and what committed readers see")
    func watermarks() throws {
        let scene = try scene()
        _ = try scene.produce("t", NodeScene.batch(["a", "b"]))
        let answer = try scene.fetch("t", from: 2)
        #expect(answer.errorCode == .none && answer.records.isEmpty)
        #expect(answer.highWatermark == 2 && answer.lastStableOffset == 2 && answer.logStartOffset == 0)
        #expect(answer.abortedTransactions == nil)
        var request = NodeScene.fetchRequest("t")
        request.isolationLevel = 1
        let committed = try begin(request, scene).wait().responses[0].partitions[0]
        #expect(committed.abortedTransactions == [])
    }

    @Test("a wrong leader epoch is fenced, or not known yet")
    func epochs() throws {
        let scene = try scene()
        var request = NodeScene.fetchRequest("t")
        request.topics[0].partitions[0].currentLeaderEpoch = scene.directory.leaderEpoch
        #expect(try begin(request, scene).wait().responses[0].partitions[0].errorCode == .none)
        request.topics[0].partitions[0].currentLeaderEpoch += 1
        #expect(try begin(request, scene).wait().responses[0].partitions[0].errorCode == .unknownLeaderEpoch)
        guard scene.directory.leaderEpoch > 0 else { return }
        request.topics[0].partitions[0].currentLeaderEpoch -= 2
        #expect(try begin(request, scene).wait().responses[0].partitions[0].errorCode == .fencedLeaderEpoch)
    }

    @Test("records go out as spans of files, whole batches, from the one that holds the offset")
    func spans() throws {
        let scene = try scene()
        let batch = try NodeScene.batch(["a", "b"])
        _ = try scene.produce("t", batch)
        let answer = try scene.fetch("t", from: 1)
        #expect(answer.records.count == 1)
        guard case .file(let span) = answer.records.first else {
            Issue.record("not a span")
            return
        }
        #expect(span.length == batch.count)
        #expect(try NodeScene.records(in: answer).map(\.offset) == [0, 1])
    }

    @Test("a waiting fetch is answered the moment something is appended, without the clock moving")
    func wakes() throws {
        let scene = try scene()
        let waiting = begin(NodeScene.fetchRequest("t", wait: 60_000), scene)
        #expect(waiting.now == nil)
        _ = try scene.produce("t", NodeScene.batch(["other partition"]), partition: 1)
        #expect(waiting.now == nil)
        _ = try scene.produce("t", NodeScene.batch(["a"]))
        #expect(try count(waiting.wait()) == 1)
        scene.scheduler.advance(by: .seconds(61))
    }

    @Test("a waiting fetch is answered empty when its time is over")
    func deadline() throws {
        let scene = try scene()
        let waiting = begin(NodeScene.fetchRequest("t", wait: 500), scene)
        scene.scheduler.advance(by: .milliseconds(499))
        #expect(waiting.now == nil)
        scene.scheduler.advance(by: .milliseconds(1))
        #expect(try count(waiting.wait()) == 0)
    }

    @Test("an answered fetch leaves no timer behind")
    func timers() throws {
        let scene = try scene()
        scene.scheduler.advance(by: .seconds(2))
        let before = scene.scheduler.count
        let waiting = begin(NodeScene.fetchRequest("t", wait: 60_000), scene)
        #expect(scene.scheduler.count == before + 1)
        _ = try scene.produce("t", NodeScene.batch(["a"]))
        _ = try waiting.wait()
        // One that the append left, for its sync.
        #expect(scene.scheduler.count <= before + 1)
    }

    @Test("waits until there are as many bytes as the client wants at least")
    func minBytes() throws {
        let scene = try scene()
        let batch = try NodeScene.batch(["a"])
        let waiting = begin(NodeScene.fetchRequest("t", wait: 60_000, minBytes: Int32(batch.count + 1)), scene)
        _ = try scene.produce("t", batch)
        #expect(waiting.now == nil)
        _ = try scene.produce("t", batch)
        #expect(try count(waiting.wait()) == 2)
    }

    @Test("gives what there is at the deadline, though it is less than was wanted")
    func tooFew() throws {
        let scene = try scene()
        let waiting = begin(NodeScene.fetchRequest("t", wait: 500, minBytes: 10_000), scene)
        _ = try scene.produce("t", NodeScene.batch(["a"]))
        scene.scheduler.advance(by: .milliseconds(500))
        #expect(try count(waiting.wait()) == 1)
    }

    @Test("does not wait with minBytes 0, without time, or without partitions")
    func atOnce() throws {
        let scene = try scene()
        _ = try begin(NodeScene.fetchRequest("t", wait: 60_000, minBytes: 0), scene).wait()
        _ = try begin(NodeScene.fetchRequest("t", wait: 0), scene).wait()
        var empty = NodeScene.fetchRequest("t", wait: 60_000)
        empty.topics = []
        #expect(try begin(empty, scene).wait().responses.isEmpty)
    }

    @Test("the first batch comes whole however small the limits; later partitions only as far as they go")
    func limits() throws {
        let scene = try scene()
        let batch = try NodeScene.batch(["aaaaaaaaaa"])
        for partition in [Int32(0), 1] {
            _ = try scene.produce("t", batch, partition: partition)
            _ = try scene.produce("t", batch, partition: partition)
        }
        var request = NodeScene.fetchRequest("t", maxBytes: 1)
        var second = FetchRequest.Partitions()
        second.partition = 1
        second.partitionMaxBytes = 1 << 20
        request.topics[0].partitions.append(second)
        let small = try begin(request, scene).wait().responses[0].partitions
        #expect(try small.map { try NodeScene.records(in: $0).count } == [1, 0])
        request.topics[0].partitions[0].partitionMaxBytes = Int32(batch.count)
        request.maxBytes = Int32(batch.count * 3)
        let larger = try begin(request, scene).wait().responses[0].partitions
        #expect(try larger.map { try NodeScene.records(in: $0).count } == [1, 2])
    }

    @Test("never gives more than the broker's own limit, but always something")
    func brokerLimit() throws {
        let scene = try scene { $0.fetchMaxBytes = 1 }
        let batch = try NodeScene.batch(["a"])
        _ = try scene.produce("t", batch)
        _ = try scene.produce("t", batch)
        #expect(try NodeScene.records(in: scene.fetch("t")).count == 1)
    }

    @Test("a fetch that waits for a topic that is deleted is told so")
    func deleted() throws {
        let scene = try scene()
        let waiting = begin(NodeScene.fetchRequest("t", wait: 60_000), scene)
        #expect(try scene.delete("t") == .none)
        #expect(try waiting.wait().responses[0].partitions[0].errorCode == .unknownTopicOrPartition)
    }

    @Test("more fetches than may wait are answered at once")
    func crowded() throws {
        let scene = try scene { $0.maxWaitingFetches = 1 }
        let first = begin(NodeScene.fetchRequest("t", wait: 60_000), scene)
        let second = begin(NodeScene.fetchRequest("t", wait: 60_000), scene)
        #expect(try count(second.wait()) == 0)
        #expect(first.now == nil)
    }

    @Test("a session that nobody made is not found, so that clients send full requests")
    func session() throws {
        let scene = try scene()
        var request = NodeScene.fetchRequest("t", wait: 60_000)
        (request.sessionId, request.sessionEpoch) = (5, 3)
        let response = try begin(request, scene).wait()
        #expect(response.errorCode == .fetchSessionIdNotFound && response.responses.isEmpty)
        (request.sessionId, request.sessionEpoch, request.maxWaitMs) = (0, 0, 0)
        #expect(try begin(request, scene).wait().sessionId == 0)
    }

    @Test("stopping answers who waits")
    func stopping() throws {
        let scene = try scene()
        let waiting = begin(NodeScene.fetchRequest("t", wait: 60_000), scene)
        scene.node.stop()
        #expect(try count(waiting.wait()) == 0)
    }

    @Test("nothing is lost between an append and a fetch that is about to wait", arguments: 0..<3)
    func race(_ round: Int) throws {
        let scene = try scene()
        let batch = try NodeScene.batch(["a"])
        let producer = Thread(name: "producer") { [node = scene.node, context = scene.context(9)] in
            for _ in 0..<300 {
                node.produce(NodeScene.produceRequest("t", 0, batch), context) { _ in }
            }
        }
        defer { producer.join() }
        var next: Int64 = 0
        while next < 300 {
            let response = try begin(NodeScene.fetchRequest("t", from: next, wait: 60_000), scene).wait()
            let records = try NodeScene.records(in: response.responses[0].partitions[0])
            next = try #require(records.last).offset + 1
        }
    }

    @Test("a pipeline's round is seen in all its partitions or in none")
    func rounds() throws {
        let scene = try scene()
        let topic = try #require(scene.directory.topic(named: "t"))
        let producer = try scene.directory.producer(pipeline: "p")
        let waiting = begin(NodeScene.fetchRequest("t", 1, wait: 60_000), scene)
        let parts = try topic.partitions.map { partition in
            let records = [Record(timestamp: 1, value: [1]), Record(timestamp: 1, value: [2])]
            let batch = try RecordBatch.encode(
                records, producerId: producer.id, producerEpoch: producer.epoch, baseSequence: 0)
            return (partition: partition, batches: [batch])
        }
        _ = try scene.directory.append(Round(pipeline: "p", parts: parts))
        #expect(try count(waiting.wait()) == 2)
        #expect(try NodeScene.records(in: scene.fetch("t", 0)).count == 2)
    }

    @Test("a partition that is named again is refused, at once, and the others are read")
    func repeated() throws {
        let scene = try scene()
        _ = try scene.produce("t", NodeScene.batch(["a"]))
        var request = NodeScene.fetchRequest("t", wait: 10_000)
        request.topics[0].partitions.append(request.topics[0].partitions[0])
        request.topics.append(request.topics[0])
        request.topics[1].partitions[1].partition = 1
        let response = try begin(request, scene).wait()
        #expect(response.responses[0].partitions.map(\.errorCode) == [.none, .invalidRequest])
        #expect(response.responses[1].partitions.map(\.errorCode) == [.invalidRequest, .none])
        #expect(response.responses[1].partitions.map(\.partitionIndex) == [0, 1])
        #expect(try count(response) == 1)
        #expect(response.responses[0].partitions[1].records.isEmpty)
    }
}
