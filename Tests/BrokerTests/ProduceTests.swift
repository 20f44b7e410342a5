import Broker
import CommitLog
import KafkaProtocol
import Platform
import Records
import TestSupport
import Testing

@Suite("Produce")
struct ProduceTests {
    @Test("what was produced is fetched, in every codec", arguments: Codec.allCases)
    func roundTrip(_ codec: Codec) throws {
        let scene = try NodeScene()
        try scene.create("t")
        let long = String(repeating: "abc", count: 100)
        let first = try scene.produce("t", NodeScene.batch(["a", long], codec: codec))
        #expect(first.errorCode == .none && first.baseOffset == 0 && first.logAppendTimeMs == -1)
        let second = try scene.produce("t", NodeScene.batch(["c"], codec: codec))
        #expect(second.baseOffset == 2)
        #expect(try scene.values("t") == ["a", long, "c"])
        #expect(try scene.values("t", from: 2) == ["c"])
    }

    @Test("unknown topics and partitions, and those of the broker itself, are refused by partition")
    func unknown() throws {
        let scene = try NodeScene()
        try scene.create("t")
        let batch = try NodeScene.batch(["a"])
        #expect(try scene.produce("u", batch).errorCode == .unknownTopicOrPartition)
        #expect(try scene.produce("t", batch, partition: 1).errorCode == .unknownTopicOrPartition)
        #expect(try scene.produce("t", batch, partition: -1).errorCode == .unknownTopicOrPartition)
        #expect(try scene.produce("__consumer_offsets", batch).errorCode == .invalidTopicException)
        #expect(try scene.produce("__penstock_topics", batch).errorCode == .invalidTopicException)
    }

    @Test("acks other than -1, 0 and 1 are refused", arguments: [-2, 2] as [Int16])
    func acks(_ acks: Int16) throws {
        let scene = try NodeScene()
        try scene.create("t")
        #expect(try scene.produce("t", NodeScene.batch(["a"]), acks: acks).errorCode == .invalidRequiredAcks)
    }

    @Test("acks=0 is answered with silence, and with the end of the connection when something is wrong")
    func silence() throws {
        let scene = try NodeScene()
        try scene.create("t")
        let good = NodeScene.produceRequest("t", 0, try NodeScene.batch(["a"]), acks: 0)
        guard case .silence = try answer({ scene.node.produce(good, scene.context(9), $0) }) else {
            Issue.record("not silent")
            return
        }
        let bad = NodeScene.produceRequest("u", 0, try NodeScene.batch(["a"]), acks: 0)
        guard case .close(let reason) = try answer({ scene.node.produce(bad, scene.context(9), $0) }) else {
            Issue.record("not closed")
            return
        }
        #expect(reason.contains("u-0"))
        #expect(try scene.values("t") == ["a"])
    }

    @Test("one bad partition of a request leaves the others alone")
    func mixed() throws {
        let scene = try NodeScene()
        try scene.create("t", partitions: 2)
        var request = NodeScene.produceRequest("t", 0, [1, 2, 3])
        var good = ProduceRequest.PartitionData()
        good.index = 1
        good.records = try NodeScene.batch(["a"])[...]
        request.topicData[0].partitionData.append(good)
        guard case .response(let response) = try answer({ scene.node.produce(request, scene.context(9), $0) }) else {
            Issue.record("no response")
            return
        }
        #expect(response.responses[0].partitionResponses.map(\.errorCode) == [.invalidRecord, .none])
        #expect(try scene.values("t", 1) == ["a"])
    }

    @Test("a batch sent again is answered with its old offset; gaps and old epochs are refused")
    func sequences() throws {
        let scene = try NodeScene()
        try scene.create("t")
        func send(_ values: [String], _ epoch: Int16, _ sequence: Int32) throws -> ProduceResponse.PartitionResponses {
            try scene.produce("t", NodeScene.batch(values, producer: (7, epoch, sequence)))
        }
        #expect(try send(["a", "b"], 0, 0).baseOffset == 0)
        #expect(try send(["c"], 0, 2).baseOffset == 2)
        let copy = try send(["a", "b"], 0, 0)
        #expect(copy.errorCode == .none && copy.baseOffset == 0)
        #expect(try send(["d"], 0, 4).errorCode == .outOfOrderSequenceNumber)
        #expect(try send(["e"], 1, 0).baseOffset == 3)
        #expect(try send(["f"], 0, 3).errorCode == .invalidProducerEpoch)
        #expect(try scene.values("t") == ["a", "b", "c", "e"])
    }

    @Test("requests of one connection are appended in their order")
    func order() throws {
        let scene = try NodeScene()
        try scene.create("t")
        let answers = try (0..<200).map { number in
            scene.produceLater(try NodeScene.batch(["\(number)"], producer: (7, 0, Int32(number))))
        }
        for answer in answers { _ = try answer.wait() }
        #expect(try scene.values("t") == (0..<200).map { "\($0)" })
    }

    @Test("acks=all is answered only when a sync has gone through")
    func synced() throws {
        let gate = SyncGate()
        let scene = try NodeScene(disk: gate.disk)
        try scene.create("t")
        gate.hold()
        defer { gate.letGo() }
        let waiting = scene.produceLater(try NodeScene.batch(["a"]), acks: -1)
        try gate.waitForSync()
        #expect(try scene.values("t") == ["a"], "it is there to be read")
        #expect(waiting.now == nil)
        gate.letGo()
        #expect(try NodeScene.part(of: waiting.wait()).errorCode == .none)
    }

    @Test("acks=1 does not wait for a sync")
    func notSynced() throws {
        let gate = SyncGate()
        let scene = try NodeScene(disk: gate.disk)
        try scene.create("t")
        gate.hold()
        defer { gate.letGo() }
        #expect(try scene.produce("t", NodeScene.batch(["a"]), acks: 1).errorCode == .none)
    }

    @Test("acks=all is answered with an error when the sync fails, and so is everything after it")
    func syncFails() throws {
        let gate = SyncGate()
        let scene = try NodeScene(disk: gate.disk)
        try scene.create("t")
        gate.breakDown()
        #expect(try scene.produce("t", NodeScene.batch(["a"]), acks: -1).errorCode == .kafkaStorageError)
        #expect(try scene.produce("t", NodeScene.batch(["b"]), acks: 1).errorCode == .kafkaStorageError)
        // Who waits is told first, the operator after that.
        let deadline = Clock.system.now() + .seconds(30)
        let line: String? = scene.logged.wait(until: deadline) { $0.first }
        #expect(line?.contains("sync") == true)
    }

    @Test("acks=all is answered with a time-out when the sync takes longer than the client waits")
    func timeout() throws {
        let gate = SyncGate()
        let scene = try NodeScene(disk: gate.disk)
        try scene.create("t")
        gate.hold()
        defer { gate.letGo() }
        let waiting = scene.produceLater(try NodeScene.batch(["a"]), acks: -1, timeout: 20)
        try gate.waitForSync()
        scene.scheduler.advance(by: .milliseconds(20))
        #expect(try NodeScene.part(of: waiting.wait()).errorCode == .requestTimedOut)
    }

    @Test("what nobody waits for is synced a second after it was appended")
    func interval() throws {
        let gate = SyncGate()
        let scene = try NodeScene(disk: gate.disk)
        try scene.create("t")
        scene.scheduler.advance(by: .seconds(2))
        while scene.directory.unsyncedBytes > 0 { _ = try scene.directory.sync() }
        gate.hold()
        defer { gate.letGo() }
        #expect(try scene.produce("t", NodeScene.batch(["a"]), acks: 1).errorCode == .none)
        scene.scheduler.advance(by: .seconds(1))
        try gate.waitForSync()
    }

    @Test("a full queue is answered with an error that clients retry")
    func busy() throws {
        let gate = SyncGate()
        let scene = try NodeScene {
            $0.workers = 1
            $0.maxQueuedRequests = 1
        }
        try scene.create("t")
        try scene.holdWorker(gate)
        defer { gate.letGo() }
        let batch = try NodeScene.batch(["a"])
        let first = scene.produceLater(batch)
        let second = try scene.produce("t", batch)
        #expect(second.errorCode == .requestTimedOut)
        #expect(first.now == nil)
        gate.letGo()
        #expect(try NodeScene.part(of: first.wait()).errorCode == .none)
    }

    @Test("what is said of a partition does not repeat a long topic name")
    func longName() throws {
        let scene = try NodeScene()
        let name = String(repeating: "x", count: 30_000)
        var request = NodeScene.produceRequest(name, 0, try NodeScene.batch(["a"]))
        guard case .response(let response) = try answer({ scene.node.produce(request, scene.context(9), $0) }) else {
            Issue.record("no response")
            return
        }
        let part = response.responses[0].partitionResponses[0]
        #expect(part.errorCode == .unknownTopicOrPartition)
        #expect((part.errorMessage ?? "").utf8.count < 300)
        request.acks = 0
        guard case .close(let reason) = try answer({ scene.node.produce(request, scene.context(9), $0) }) else {
            Issue.record("not closed")
            return
        }
        #expect(reason.utf8.count < 600)
    }
}
