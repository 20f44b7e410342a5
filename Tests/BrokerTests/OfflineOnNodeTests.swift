import Broker
import CommitLog
import Glibc
import KafkaProtocol
import Platform
import Records
import TestSupport
import Testing

/// What clients hear of partitions that the disk does not give: never offsets that nobody knows.
@Suite("Partitions that are offline")
struct OfflineOnNodeTests {
    private let broken = Lock<String?>(nil)

    /// A node whose disk gives no file of the directory that `broken` names.
    private func makeScene(_ change: @escaping (inout BrokerOptions) -> Void = { _ in }) throws -> NodeScene {
        var disk = Disk.real
        disk.open = { [broken] (path, mode) throws(DiskError) in
            if let name = broken.withLock({ $0 }), path.contains("/\(name)/"), path.hasSuffix(".log") {
                throw DiskError(operation: "open", path: path, code: EIO)
            }
            return try Disk.real.open(path, mode)
        }
        return try NodeScene(disk: disk, change)
    }

    private func listed(_ scene: NodeScene, _ partition: Int32, _ time: Int64) throws -> ListOffsetsResponse.Partitions
    {
        var wanted = ListOffsetsRequest.Topics()
        var asked = ListOffsetsRequest.Partitions()
        (asked.partitionIndex, asked.timestamp) = (partition, time)
        (wanted.name, wanted.partitions) = ("t", [asked])
        var request = ListOffsetsRequest()
        request.topics = [wanted]
        return try answer { scene.node.listOffsets(request, scene.context(8), $0) }.topics[0].partitions[0]
    }

    @Test("every request about one is answered with a storage error, and about others as ever; it comes back whole")
    func partition() throws {
        let scene = try makeScene()
        try scene.create("t", partitions: 2)
        for partition: Int32 in 0..<2 { _ = try scene.produce("t", NodeScene.batch(["a", "b"]), partition: partition) }
        #expect(try scene.commit("g", "t", 1, 1) == .none)
        try scene.reopen { broken.withLock { $0 = "t-1" } }
        for offset: Int64 in [0, 1, 2, 99] {
            #expect(try scene.fetch("t", 1, from: offset).errorCode == .kafkaStorageError)
        }
        for time: Int64 in [-1, -2, -3, -4, 0] {
            let answer = try listed(scene, 1, time)
            #expect((answer.errorCode, answer.offset) == (.kafkaStorageError, -1))
        }
        #expect(try scene.produce("t", NodeScene.batch(["c"]), partition: 1).errorCode == .kafkaStorageError)
        var deletion = DeleteRecordsRequest.Topics()
        var before = DeleteRecordsRequest.Partitions()
        (before.partitionIndex, before.offset) = (1, -1)
        (deletion.name, deletion.partitions) = ("t", [before])
        var request = DeleteRecordsRequest()
        request.topics = [deletion]
        let deleted = try answer { scene.node.deleteRecords(request, scene.context(2), $0) }.topics[0].partitions[0]
        #expect((deleted.errorCode, deleted.lowWatermark) == (.kafkaStorageError, -1))
        var epochs = OffsetForLeaderEpochRequest()
        var wanted = OffsetForLeaderEpochRequest.Topics()
        var epoch = OffsetForLeaderEpochRequest.Partitions()
        epoch.partition = 1
        (wanted.name, wanted.partitions) = ("t", [epoch])
        epochs.topics = [wanted]
        let end = try answer { scene.node.offsetForLeaderEpoch(epochs, scene.context(4), $0) }.topics[0].partitions[0]
        #expect(end.errorCode == .kafkaStorageError)
        var producers = DescribeProducersRequest()
        var some = DescribeProducersRequest.Topics()
        (some.name, some.partitions) = ("t", [1])
        producers.topics = [some]
        let known = try answer { scene.node.describeProducers(producers, scene.context(0), $0) }.topics[0].partitions[0]
        #expect(known.errorCode == .kafkaStorageError)
        var topic = MetadataRequest.Topics()
        topic.name = "t"
        var metadata = MetadataRequest()
        metadata.topics = [topic]
        let described = try answer { scene.node.metadata(metadata, scene.context(9), $0) }.topics[0].partitions
        #expect(described.map(\.leaderId) == [1, -1])
        #expect(described.map(\.offlineReplicas) == [[], [1]])
        #expect(described[1].errorCode == .leaderNotAvailable)
        #expect(try scene.values("t", 0) == ["a", "b"])
        #expect(try listed(scene, 0, -1).offset == 2)
        // What a group has read of it stands.
        #expect(try scene.committed("g", "t", 1) == 1)
        try scene.reopen { broken.withLock { $0 = nil } }
        #expect(try scene.values("t", 1) == ["a", "b"])
        #expect(try scene.committed("g", "t", 1) == 1)
    }

    @Test("groups whose records cannot be read are not served, instead of beginning anew; they come back whole")
    func groups() throws {
        let scene = try makeScene()
        try scene.create("t")
        _ = try scene.produce("t", NodeScene.batch(["a", "b"]))
        #expect(try scene.commit("g", "t", 0, 2) == .none)
        try scene.reopen { broken.withLock { $0 = "__consumer_offsets-0" } }
        #expect(scene.logged.withLock { $0 }.contains { $0.contains("not served") && $0.contains("log repair") })
        var request = OffsetFetchRequest()
        request.groupId = "g"
        var wanted = OffsetFetchRequest.Topics()
        (wanted.name, wanted.partitions) = ("t", [0])
        request.topics = [wanted]
        let fetched = try answer { scene.node.offsetFetch(request, scene.context(7), $0) }
        #expect(fetched.errorCode == .coordinatorNotAvailable)
        #expect(fetched.topics[0].partitions[0].errorCode == .coordinatorNotAvailable)
        #expect(try scene.commit("g", "t", 0, 1) == .coordinatorNotAvailable)
        var found = FindCoordinatorRequest()
        found.key = "g"
        let coordinator = try answer { scene.node.findCoordinator(found, scene.context(3), $0) }
        #expect(coordinator.errorCode == .coordinatorNotAvailable)
        var join = JoinGroupRequest()
        (join.groupId, join.protocolType, join.sessionTimeoutMs) = ("g", "consumer", 10_000)
        let joined = try answer { scene.node.joinGroup(join, scene.context(5), $0) }
        #expect(joined.errorCode == .coordinatorNotAvailable)
        try scene.reopen { broken.withLock { $0 = nil } }
        #expect(try scene.committed("g", "t") == 2)
    }

    // MARK: Bounds of commits

    private func commit(
        _ scene: NodeScene, _ group: String, _ partitions: [Int32], metadata: String = ""
    ) throws -> [ErrorCode] {
        var wanted = OffsetCommitRequest.Topics()
        wanted.name = "t"
        wanted.partitions = partitions.map { index in
            var part = OffsetCommitRequest.Partitions()
            (part.partitionIndex, part.committedOffset, part.committedMetadata) = (index, 0, metadata)
            return part
        }
        var request = OffsetCommitRequest()
        (request.groupId, request.topics) = (group, [wanted])
        return try answer { scene.node.offsetCommit(request, scene.context(8), $0) }.topics[0].partitions.map(
            \.errorCode)
    }

    @Test("a partition that one commit names again is refused there, and counts once")
    func repeated() throws {
        let scene = try NodeScene()
        try scene.create("t", partitions: 2)
        let size = try #require(scene.directory.topic(named: "__consumer_offsets")).partitions[0].logEnd
        #expect(
            try commit(scene, "g", [0, 1, 0, 0, 7]) == [
                .none, .none, .invalidRequest, .invalidRequest, .unknownTopicOrPartition,
            ])
        #expect(try #require(scene.directory.topic(named: "__consumer_offsets")).partitions[0].logEnd == size + 2)
    }

    @Test("groups with long names, commits beyond the bound, and offsets beyond the bound of all are refused")
    func bounds() throws {
        let scene = try NodeScene {
            $0.maxQueuedCommitBytes = 1_000
            $0.groups.maxOffsetBytes = 200
        }
        try scene.create("t", partitions: 4)
        #expect(try commit(scene, String(repeating: "g", count: 4_097), [0]) == [.invalidGroupId])
        #expect(
            try commit(scene, "g", [0, 1], metadata: String(repeating: "m", count: 600))
                == [.invalidCommitOffsetSize, .invalidCommitOffsetSize])
        #expect(try commit(scene, "g", [0, 1]) == [.none, .none])
        #expect(try commit(scene, "g", [2]) == [.groupMaxSizeReached])
        #expect(try commit(scene, "h", [0]) == [.groupMaxSizeReached])
        #expect(try commit(scene, "g", [1]) == [.none], "what a group has, it may move")
    }

    @Test("what rotted is answered as corrupt, since trying again does not help; all around it is served")
    func rot() throws {
        let scene = try NodeScene()
        #expect(try scene.create("t") == .none)
        // So long that the index knows each.
        let values = "abcdefgh".map { String(repeating: $0, count: 5000) }
        for value in values { #expect(try scene.produce("t", NodeScene.batch([value])).errorCode == .none) }
        try scene.reopen {
            let path = scene.path + "/t-0/00000000000000000000.log"
            let file = try Disk.real.open(path, .readWrite)
            let head = try file.readBytes(at: 0, count: BatchHeader.size)
            let size = try BatchHeader(parsing: head.rawSpan).size
            // The magic of the second batch.
            try file.write([9], at: Int64(size) + 16)
        }
        #expect(try scene.fetch("t", 0, from: 1).errorCode == .corruptMessage)
        #expect(scene.logged.withLock { $0 }.contains { $0.contains("t-0 from offset 1") && $0.contains("log repair") })
        #expect(try scene.values("t", 0, from: 5) == Array(values[5...]))
        #expect(try scene.fetch("t", 0, from: 0).errorCode == .none)
    }
}
