import Broker
import CommitLog
import KafkaProtocol
import Platform
import Records
import TestSupport
import Testing

/// What the broker tells of transactions that stand in the log.
@Suite("Reading what is committed")
struct TransactionReadTests {
    private func scene() throws -> NodeScene {
        let scene = try NodeScene()
        try scene.create("t")
        return scene
    }

    private func partition(_ scene: NodeScene) throws -> Partition {
        try #require(scene.directory.topic(named: "t")).partitions[0]
    }

    private func write(
        _ scene: NodeScene, _ producer: Int64, _ sequence: Int32, _ values: [String], isTransactional: Bool = true
    ) throws {
        let records = values.map { Record(timestamp: ManualScheduler.startOfWall, value: Array($0.utf8)) }
        let batch = try RecordBatch.encode(
            records, producerId: producer, producerEpoch: 0, baseSequence: sequence, isTransactional: isTransactional)
        guard case .appended = try scene.directory.append(batch, to: partition(scene)) else {
            Issue.record("not appended")
            return
        }
    }

    private func end(_ scene: NodeScene, _ producer: Int64, _ outcome: TransactionMarker.Outcome) throws {
        _ = try scene.directory.append(
            TransactionMarker(outcome, coordinatorEpoch: 0), producer: producer, epoch: 0,
            timestamp: ManualScheduler.startOfWall, to: partition(scene))
    }

    private func request(from offset: Int64 = 0, wait: Int32 = 0) -> FetchRequest {
        var request = NodeScene.fetchRequest("t", from: offset, wait: wait)
        request.isolationLevel = 1
        return request
    }

    private func fetch(_ scene: NodeScene, _ request: FetchRequest) throws -> FetchResponse.Partitions {
        try answer { scene.node.fetch(request, scene.context(11), $0) }.responses[0].partitions[0]
    }

    @Test("a reader of committed records stops before an open transaction, another one does not")
    func stops() throws {
        let scene = try scene()
        try write(scene, 1, 0, ["a"], isTransactional: false)
        try write(scene, 2, 0, ["b", "c"])
        let committed = try fetch(scene, request())
        #expect(try NodeScene.records(in: committed).map(\.offset) == [0])
        #expect((committed.lastStableOffset, committed.highWatermark) == (1, 3))
        #expect(committed.abortedTransactions == [])
        let all = try scene.fetch("t")
        #expect(try NodeScene.records(in: all).map(\.offset) == [0, 1, 2])
        #expect((all.lastStableOffset, all.highWatermark) == (1, 3))
        #expect(all.abortedTransactions == nil)
    }

    @Test("aborted transactions are named to a reader of committed records, as far as it reads")
    func aborted() throws {
        let scene = try scene()
        try write(scene, 1, 0, ["a"])
        try write(scene, 2, 0, ["b"])
        try end(scene, 1, .abort)
        try end(scene, 2, .commit)
        try write(scene, 2, 1, ["c"])
        try end(scene, 2, .abort)
        var first = FetchResponse.AbortedTransactions()
        (first.producerId, first.firstOffset) = (1, 0)
        var second = FetchResponse.AbortedTransactions()
        (second.producerId, second.firstOffset) = (2, 4)
        #expect(try fetch(scene, request()).abortedTransactions == [first, second])
        #expect(try fetch(scene, request(from: 3)).abortedTransactions == [second])
        #expect(try fetch(scene, request(from: 6)).abortedTransactions == [])
        #expect(try scene.fetch("t").abortedTransactions == nil)
    }

    @Test("a waiting reader of committed records wakes when the transaction ends, not before")
    func wakes() throws {
        let scene = try scene()
        let waiting = Answer<FetchResponse>()
        scene.node.fetch(request(wait: 60_000), scene.context(11)) { waiting.give($0) }
        try write(scene, 1, 0, ["a"])
        #expect(try NodeScene.records(in: scene.fetch("t")).count == 1)
        #expect(waiting.now == nil)
        try end(scene, 1, .commit)
        let answer = try waiting.wait().responses[0].partitions[0]
        #expect(try NodeScene.records(in: answer).map(\.offset) == [0, 1])
        #expect(answer.lastStableOffset == 2)
    }

    @Test("the latest offset, and offsets by time, are those of committed records if that is asked for")
    func listOffsets() throws {
        let scene = try scene()
        try write(scene, 1, 0, ["a"], isTransactional: false)
        try write(scene, 2, 0, ["b"])
        func list(_ timestamp: Int64, _ isolation: Int8) throws -> Int64 {
            var request = ListOffsetsRequest()
            request.isolationLevel = isolation
            var topic = ListOffsetsRequest.Topics()
            topic.name = "t"
            var part = ListOffsetsRequest.Partitions()
            part.timestamp = timestamp
            topic.partitions = [part]
            request.topics = [topic]
            return try answer { scene.node.listOffsets(request, scene.context(9), $0) }.topics[0].partitions[0].offset
        }
        #expect(try (list(-1, 0), list(-1, 1)) == (2, 1))
        #expect(try (list(-2, 0), list(-2, 1)) == (0, 0))
        #expect(try (list(0, 0), list(0, 1)) == (0, 0))
        _ = try scene.directory.append(
            TransactionMarker(.commit, coordinatorEpoch: 0), producer: 2, epoch: 0,
            timestamp: ManualScheduler.startOfWall + 5, to: partition(scene))
        try write(scene, 3, 0, ["c"])
        #expect(try (list(ManualScheduler.startOfWall + 1, 0), list(ManualScheduler.startOfWall + 1, 1)) == (2, 2))
    }

    @Test("producers are described with their sequences and their open transactions")
    func describeProducers() throws {
        let scene = try scene()
        try write(scene, 1, 0, ["a", "b"], isTransactional: false)
        try write(scene, 2, 0, ["c"])
        var request = DescribeProducersRequest()
        var topic = DescribeProducersRequest.Topics()
        topic.name = "t"
        topic.partitions = [0, 1, 0]
        request.topics = [topic]
        let parts = try answer { scene.node.describeProducers(request, scene.context(0), $0) }.topics[0].partitions
        #expect(parts.map(\.errorCode) == [.none, .unknownTopicOrPartition, .invalidRequest])
        var first = DescribeProducersResponse.ProducerState()
        (first.producerId, first.lastSequence, first.lastTimestamp) = (1, 1, ManualScheduler.startOfWall)
        first.coordinatorEpoch = -1
        var second = first
        (second.producerId, second.lastSequence, second.currentTxnStartOffset) = (2, 0, 2)
        #expect(parts[0].activeProducers == [first, second])
    }

    @Test("a producer that is silent for a day is forgotten, unless its transaction is open")
    func expiry() throws {
        let scene = try scene()
        try write(scene, 1, 0, ["a"], isTransactional: false)
        try write(scene, 2, 0, ["b"])
        func known() throws -> [Int64] { try partition(scene).producers().map(\.producerId) }
        #expect(scene.directory.expireProducers(now: ManualScheduler.startOfWall + 86_400_000) == 0)
        #expect(try known() == [1, 2])
        scene.scheduler.advance(by: .seconds(86_401))
        let deadline = Clock.system.now() + .seconds(30)
        while try known() != [2], Clock.system.now() < deadline {
            // A chore is scheduled again once it is done.
            scene.scheduler.waitForWork()
            scene.scheduler.advance(by: .seconds(600))
        }
        #expect(try known() == [2])
    }
}
