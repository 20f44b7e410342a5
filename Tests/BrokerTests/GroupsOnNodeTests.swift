import Broker
import CommitLog
import KafkaProtocol
import Platform
import Records
import TestSupport
import Testing

@Suite("Groups on a node")
struct GroupsOnNodeTests {
    private func join(
        _ scene: NodeScene, member: String = "", version: Int16 = 5
    ) -> Answer<JoinGroupResponse> {
        var request = JoinGroupRequest()
        request.groupId = "g"
        request.sessionTimeoutMs = 10_000
        request.rebalanceTimeoutMs = 60_000
        request.memberId = member
        request.protocolType = "consumer"
        var range = JoinGroupRequest.Protocols()
        (range.name, range.metadata) = ("range", [1, 2])
        request.protocols = [range]
        let waiting = Answer<JoinGroupResponse>()
        scene.node.joinGroup(request, scene.context(version)) { waiting.give($0) }
        return waiting
    }

    private func sync(
        _ scene: NodeScene, _ member: String, _ generation: Int32, _ assignments: [String: [UInt8]] = [:]
    ) -> Answer<SyncGroupResponse> {
        var request = SyncGroupRequest()
        (request.groupId, request.memberId, request.generationId) = ("g", member, generation)
        request.assignments = assignments.map { member, bytes in
            var one = SyncGroupRequest.Assignments()
            (one.memberId, one.assignment) = (member, bytes)
            return one
        }
        let waiting = Answer<SyncGroupResponse>()
        scene.node.syncGroup(request, scene.context(5)) { waiting.give($0) }
        return waiting
    }

    private func heartbeat(_ scene: NodeScene, _ member: String, _ generation: Int32) throws -> ErrorCode {
        var request = HeartbeatRequest()
        (request.groupId, request.memberId, request.generationId) = ("g", member, generation)
        return try answer { scene.node.heartbeat(request, scene.context(4), $0) }.errorCode
    }

    private func describe(_ scene: NodeScene, version: Int16 = 5) throws -> DescribeGroupsResponse.Groups {
        var request = DescribeGroupsRequest()
        request.groups = ["g"]
        return try answer { scene.node.describeGroups(request, scene.context(version), $0) }.groups[0]
    }

    /// One member with assignment 7.
    private func member(_ scene: NodeScene) throws -> String {
        let asked = try join(scene).wait()
        #expect(asked.errorCode == .memberIdRequired)
        let joined = try join(scene, member: asked.memberId).wait()
        #expect(joined.errorCode == .none && joined.leader == joined.memberId && joined.generationId == 1)
        #expect(joined.members.map(\.metadata) == [[1, 2]])
        let synced = try sync(scene, joined.memberId, 1, [joined.memberId: [7]]).wait()
        #expect(synced.errorCode == .none && synced.assignment == [7] && synced.protocolName == "range")
        return joined.memberId
    }

    @Test("a member joins, gets its assignment, is described, and leaves")
    func life() throws {
        let scene = try NodeScene()
        let id = try member(scene)
        #expect(try heartbeat(scene, id, 1) == .none)
        let group = try describe(scene)
        #expect(group.groupState == "Stable" && group.protocolType == "consumer" && group.protocolData == "range")
        #expect(group.members.map(\.memberId) == [id] && group.members[0].memberAssignment == [7])
        #expect(group.members[0].clientId == "test" && group.members[0].clientHost == "/127.0.0.1")
        var leave = LeaveGroupRequest()
        (leave.groupId, leave.memberId) = ("g", id)
        #expect(try answer { scene.node.leaveGroup(leave, scene.context(2), $0) }.errorCode == .none)
        #expect(try describe(scene).groupState == "Empty")
        var one = LeaveGroupRequest.Members()
        one.memberId = id
        leave.members = [one]
        let again = try answer { scene.node.leaveGroup(leave, scene.context(4), $0) }
        #expect(again.errorCode == .none && again.members.map(\.errorCode) == [.unknownMemberId])
    }

    @Test("a silent member is dropped when its session timer comes")
    func timer() throws {
        let scene = try NodeScene()
        let id = try member(scene)
        scene.scheduler.advance(by: .seconds(9))
        #expect(try heartbeat(scene, id, 1) == .none)
        scene.scheduler.advance(by: .seconds(9))
        #expect(try describe(scene).groupState == "Stable")
        scene.scheduler.advance(by: .seconds(1))
        #expect(try describe(scene).groupState == "Empty")
    }

    @Test("a missing group is dead, and from version 6 on not found")
    func missing() throws {
        let scene = try NodeScene()
        let old = try describe(scene)
        #expect(old.groupState == "Dead" && old.errorCode == .none)
        #expect(try describe(scene, version: 6).errorCode == .groupIdNotFound)
    }

    @Test("groups are listed by state and type")
    func list() throws {
        let scene = try NodeScene()
        try scene.create("t")
        _ = try member(scene)
        #expect(try scene.commit("h", "t", 0, 1) == .none)
        func list(_ states: [String], _ types: [String] = []) throws -> [String] {
            var request = ListGroupsRequest()
            (request.statesFilter, request.typesFilter) = (states, types)
            return try answer { scene.node.listGroups(request, scene.context(5), $0) }.groups.map(\.groupId)
        }
        #expect(try list([]) == ["g", "h"])
        #expect(try list(["stable"]) == ["g"])
        #expect(try list(["Empty"], ["Classic"]) == ["h"])
        #expect(try list([], ["consumer"]) == [])
    }

    @Test("a group lives on through a restart, its member with its assignment")
    func restart() throws {
        let scene = try NodeScene()
        let id = try member(scene)
        try scene.reopen()
        #expect(try heartbeat(scene, id, 1) == .none)
        #expect(try sync(scene, id, 1).wait().assignment == [7])
        scene.scheduler.advance(by: .seconds(10))
        #expect(try describe(scene).groupState == "Empty")
        try scene.reopen()
        #expect(try describe(scene).groupState == "Empty")
    }

    @Test("committed offsets are fetched again, and survive a restart")
    func offsets() throws {
        let scene = try NodeScene()
        try scene.create("t", partitions: 2)
        _ = try scene.produce("t", NodeScene.batch(["a", "b", "c"]))
        #expect(try scene.committed("g", "t") == -1)
        #expect(try scene.commit("g", "t", 0, 1) == .none)
        #expect(try scene.commit("g", "t", 0, 2) == .none)
        #expect(try scene.committed("g", "t") == 2)
        #expect(try scene.committed("g", "t", 1) == -1)
        #expect(try scene.committed("h", "t") == -1)
        try scene.reopen()
        #expect(try scene.committed("g", "t") == 2)
        var request = OffsetFetchRequest()
        var group = OffsetFetchRequest.Groups()
        group.groupId = "g"
        request.groups = [group]
        let all = try answer { scene.node.offsetFetch(request, scene.context(8), $0) }.groups[0]
        #expect(all.topics.map(\.name) == ["t"])
        #expect(all.topics[0].partitions.map(\.committedOffset) == [2])
        #expect(all.topics[0].partitions[0].metadata == "m")
    }

    @Test("commits for unknown partitions and with too much metadata fail alone")
    func refusedCommits() throws {
        let scene = try NodeScene { $0.groups.maxOffsetMetadata = 3 }
        try scene.create("t", partitions: 2)
        var request = OffsetCommitRequest()
        request.groupId = "g"
        func part(_ index: Int32, _ metadata: String) -> OffsetCommitRequest.Partitions {
            var part = OffsetCommitRequest.Partitions()
            (part.partitionIndex, part.committedOffset, part.committedMetadata) = (index, 1, metadata)
            return part
        }
        var topic = OffsetCommitRequest.Topics()
        topic.name = "t"
        topic.partitions = [part(0, "abc"), part(1, "abcd"), part(2, "")]
        request.topics = [topic]
        let answers = try answer { scene.node.offsetCommit(request, scene.context(8), $0) }.topics[0].partitions
        #expect(answers.map(\.errorCode) == [.none, .offsetMetadataTooLarge, .unknownTopicOrPartition])
        #expect(try scene.committed("g", "t", 0) == 1)
        #expect(try scene.committed("g", "t", 1) == -1)
        request.generationIdOrMemberEpoch = 5
        request.memberId = "m"
        let stranger = try answer { scene.node.offsetCommit(request, scene.context(8), $0) }.topics[0].partitions
        #expect(stranger.map(\.errorCode) == [.unknownMemberId, .unknownMemberId, .unknownTopicOrPartition])
    }

    @Test("deleting a topic deletes its offsets, for good")
    func deletedTopic() throws {
        let scene = try NodeScene()
        try scene.create("t")
        try scene.create("u")
        _ = try scene.produce("t", NodeScene.batch(["a"]))
        _ = try scene.produce("u", NodeScene.batch(["a"]))
        #expect(try scene.commit("g", "t", 0, 1) == .none)
        #expect(try scene.commit("g", "u", 0, 1) == .none)
        #expect(try scene.delete("t") == .none)
        try scene.create("t")
        // Commits are written in order: once this one is through, so is the deletion.
        #expect(try scene.commit("g", "u", 0, 0) == .none)
        #expect(try scene.committed("g", "t") == -1)
        try scene.reopen()
        #expect(try scene.committed("g", "t") == -1)
        #expect(try scene.committed("g", "u") == 0)
    }

    @Test("an offset beyond the end of its partition is set back to the end")
    func setBack() throws {
        let scene = try NodeScene()
        try scene.create("t")
        _ = try scene.produce("t", NodeScene.batch(["a", "b"]))
        #expect(try scene.commit("g", "t", 0, 50) == .none)
        try scene.reopen()
        #expect(try scene.committed("g", "t") == 2)
        _ = try scene.produce("t", NodeScene.batch(["c"]))
        try scene.reopen()
        #expect(try scene.committed("g", "t") == 2, "the lower offset was written down")
    }

    @Test("commits can be answered only once they are durable")
    func syncedCommits() throws {
        let gate = SyncGate()
        let scene = try NodeScene(disk: gate.disk) { $0.offsetsAcks = .synced }
        try scene.create("t")
        gate.hold()
        defer { gate.letGo() }
        var request = OffsetCommitRequest()
        request.groupId = "g"
        var topic = OffsetCommitRequest.Topics()
        topic.name = "t"
        topic.partitions = [OffsetCommitRequest.Partitions()]
        request.topics = [topic]
        let waiting = Answer<OffsetCommitResponse>()
        scene.node.offsetCommit(request, scene.context(8)) { waiting.give($0) }
        try gate.waitForSync()
        #expect(waiting.now == nil)
        gate.letGo()
        #expect(try waiting.wait().topics[0].partitions[0].errorCode == .none)
    }

    @Test("many commits at once are all written")
    func manyCommits() throws {
        let scene = try NodeScene()
        try scene.create("t", partitions: 50)
        let answers = (0..<500).map { number in
            var request = OffsetCommitRequest()
            request.groupId = "g\(number % 10)"
            var topic = OffsetCommitRequest.Topics()
            topic.name = "t"
            var part = OffsetCommitRequest.Partitions()
            (part.partitionIndex, part.committedOffset) = (Int32(number % 50), 0)
            topic.partitions = [part]
            request.topics = [topic]
            let waiting = Answer<OffsetCommitResponse>()
            scene.node.offsetCommit(request, scene.context(8)) { waiting.give($0) }
            return waiting
        }
        for waiting in answers { #expect(try waiting.wait().topics[0].partitions[0].errorCode == .none) }
        try scene.reopen()
        for number in 0..<50 { #expect(try scene.committed("g\(number % 10)", "t", Int32(number)) == 0) }
    }

    @Test("commits are refused, not gathered without end, while the log is stuck")
    func boundedCommits() throws {
        let gate = SyncGate()
        let scene = try NodeScene {
            $0.maxQueuedCommitBytes = 1_000
            $0.workers = 1
        }
        try scene.create("t")
        try scene.holdWorker(gate)
        defer { gate.letGo() }
        let answers = (0..<20).map { _ in
            var request = OffsetCommitRequest()
            request.groupId = "g"
            var topic = OffsetCommitRequest.Topics()
            topic.name = "t"
            topic.partitions = [OffsetCommitRequest.Partitions()]
            request.topics = [topic]
            let waiting = Answer<OffsetCommitResponse>()
            scene.node.offsetCommit(request, scene.context(8)) { waiting.give($0) }
            return waiting
        }
        #expect(answers.last?.now?.topics[0].partitions[0].errorCode == .coordinatorLoadInProgress)
        gate.letGo()
        #expect(try answers[0].wait().topics[0].partitions[0].errorCode == .none)
    }

    @Test("stopping lets parked members go")
    func stopping() throws {
        let scene = try NodeScene { $0.groups.initialRebalanceDelay = .seconds(3) }
        let parked = join(scene, version: 3)
        #expect(parked.now == nil)
        scene.node.stop()
        #expect(try parked.wait().errorCode == .coordinatorNotAvailable)
    }

    @Test("groups and partitions that are named more than once are answered once")
    func repeatedNames() throws {
        let scene = try NodeScene()
        try scene.create("t", partitions: 2)
        #expect(try scene.commit("g", "t", 0, 0) == .none)
        var describe = DescribeGroupsRequest()
        describe.groups = ["g", "h", "g", "h"]
        let described = try answer { scene.node.describeGroups(describe, scene.context(5), $0) }.groups
        #expect(described.map(\.groupId) == ["g", "h"])
        var request = OffsetFetchRequest()
        request.groups = ["g", "h", "g"].map { id in
            var group = OffsetFetchRequest.Groups()
            group.groupId = id
            return group
        }
        let groups = try answer { scene.node.offsetFetch(request, scene.context(8), $0) }.groups
        #expect(groups.map(\.groupId) == ["g", "h"])
        request.groupId = "g"
        let named: [[Int32]] = [[0, 1, 0], [0, 2]]
        request.topics = named.map { indexes in
            var topic = OffsetFetchRequest.Topics()
            (topic.name, topic.partitions) = ("t", indexes)
            return topic
        }
        let topics = try answer { scene.node.offsetFetch(request, scene.context(7), $0) }.topics
        #expect(topics.map { $0.partitions.map(\.partitionIndex) } == [[0, 1], [2]])
    }
}
