import Broker
import CommitLog
import KafkaProtocol
import Records
import Testing

@Suite("Where to read from")
struct ListOffsetsTests {
    private func list(
        _ scene: NodeScene, _ timestamp: Int64, _ topic: String = "t", _ partition: Int32 = 0, version: Int16 = 9,
        epoch: Int32 = -1, times: Int = 1
    ) throws -> ListOffsetsResponse.Partitions {
        var request = ListOffsetsRequest()
        var wanted = ListOffsetsRequest.Topics()
        wanted.name = topic
        var part = ListOffsetsRequest.Partitions()
        (part.partitionIndex, part.timestamp, part.currentLeaderEpoch) = (partition, timestamp, epoch)
        wanted.partitions = Array(repeating: part, count: times)
        request.topics = [wanted]
        return try answer { scene.node.listOffsets(request, scene.context(version), $0) }.topics[0].partitions[0]
    }

    /// Timestamps 1000, 3000, 3001 and 2000 at offsets 0 to 3.
    private func scene() throws -> NodeScene {
        let scene = try NodeScene()
        try scene.create("t")
        for (values, timestamp) in [(["a"], Int64(1000)), (["b", "c"], 3000), (["d"], 2000)] {
            _ = try scene.produce("t", NodeScene.batch(values, timestamp: timestamp))
        }
        return scene
    }

    @Test("latest, earliest and the largest timestamp")
    func special() throws {
        let scene = try scene()
        let latest = try list(scene, -1)
        #expect(latest.offset == 4 && latest.timestamp == -1 && latest.leaderEpoch == scene.directory.leaderEpoch)
        #expect(try list(scene, -2).offset == 0)
        let largest = try list(scene, -3)
        #expect(largest.offset == 2 && largest.timestamp == 3001)
        #expect(try list(scene, -4).offset == 0)
        let tiered = try list(scene, -5)
        #expect(tiered.offset == -1 && tiered.leaderEpoch == -1 && tiered.errorCode == .none)
    }

    @Test("special times need their version, and those that nobody knows are refused")
    func versions() throws {
        let scene = try scene()
        #expect(try list(scene, -3, version: 6).errorCode == .unsupportedVersion)
        #expect(try list(scene, -4, version: 7).errorCode == .unsupportedVersion)
        #expect(try list(scene, -5, version: 8).errorCode == .unsupportedVersion)
        #expect(try list(scene, -7).errorCode == .unsupportedVersion)
    }

    @Test("the first record at or after a time", arguments: [(0, 0), (1000, 0), (1001, 1), (3001, 2), (3002, -1)])
    func times(_ time: Int, _ offset: Int) throws {
        let found = try list(scene(), Int64(time))
        #expect(found.offset == Int64(offset) && found.errorCode == .none)
    }

    @Test("an empty partition has no times")
    func empty() throws {
        let scene = try NodeScene()
        try scene.create("t")
        #expect(try list(scene, -1).offset == 0)
        #expect(try list(scene, -3).offset == -1)
        #expect(try list(scene, 0).offset == -1)
    }

    @Test("unknown partitions, partitions named twice and wrong epochs are errors")
    func errors() throws {
        let scene = try scene()
        #expect(try list(scene, -1, "u").errorCode == .unknownTopicOrPartition)
        #expect(try list(scene, -1, "t", 1).errorCode == .unknownTopicOrPartition)
        #expect(try list(scene, -1, times: 2).errorCode == .invalidRequest)
        #expect(try list(scene, -1, epoch: scene.directory.leaderEpoch + 1).errorCode == .unknownLeaderEpoch)
    }

    @Test("a leader epoch ends where the next begins, the current one at the end of the log")
    func epochs() throws {
        let scene = try scene()
        func end(_ epoch: Int32, _ topic: String = "t") throws -> OffsetForLeaderEpochResponse.Partitions {
            var request = OffsetForLeaderEpochRequest()
            var wanted = OffsetForLeaderEpochRequest.Topics()
            wanted.name = topic
            var part = OffsetForLeaderEpochRequest.Partitions()
            part.leaderEpoch = epoch
            wanted.partitions = [part]
            request.topics = [wanted]
            return try answer { scene.node.offsetForLeaderEpoch(request, scene.context(4), $0) }.topics[0].partitions[0]
        }
        let current = try end(scene.directory.leaderEpoch)
        #expect(
            current.errorCode == .none && current.endOffset == 4 && current.leaderEpoch == scene.directory.leaderEpoch)
        #expect(try end(0, "u").errorCode == .unknownTopicOrPartition)
    }

    @Test("producer ids differ, stay below those of pipelines, and are not given again after a restart")
    func producerIDs() throws {
        let scene = try NodeScene()
        func next() throws -> Int64 {
            try answer { scene.node.initProducerId(InitProducerIdRequest(), scene.context(4), $0) }.producerId
        }
        var ids = try (0..<1_500).map { _ in try next() }
        try scene.reopen()
        ids.append(try next())
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0 >= 0 && $0 < 1 << 62 })
    }

    @Test("transactions are refused with an error at which clients stop")
    func transactions() throws {
        let scene = try NodeScene()
        var request = InitProducerIdRequest()
        request.transactionalId = "x"
        let refused = try answer { scene.node.initProducerId(request, scene.context(4), $0) }
        #expect(refused.errorCode == .transactionalIdAuthorizationFailed && refused.producerId == -1)
        var find = FindCoordinatorRequest()
        (find.keyType, find.coordinatorKeys) = (1, ["x"])
        let coordinator = try answer { scene.node.findCoordinator(find, scene.context(4), $0) }.coordinators[0]
        #expect(coordinator.errorCode == .transactionalIdAuthorizationFailed)
        #expect(coordinator.errorMessage?.contains("transactions") == true)
    }

    @Test("this broker coordinates every group")
    func coordinator() throws {
        let scene = try NodeScene()
        var request = FindCoordinatorRequest()
        request.key = "g"
        let old = try answer { scene.node.findCoordinator(request, scene.context(3), $0) }
        #expect(old.errorCode == .none && old.nodeId == 1 && old.host == "here" && old.port == 9092)
        request.coordinatorKeys = ["g", "h"]
        let new = try answer { scene.node.findCoordinator(request, scene.context(4), $0) }
        #expect(new.coordinators.map(\.key) == ["g", "h"] && new.coordinators.allSatisfy { $0.nodeId == 1 })
        request.keyType = 2
        let shared = try answer { scene.node.findCoordinator(request, scene.context(4), $0) }
        #expect(shared.coordinators[0].errorCode == .invalidRequest)
    }
}
