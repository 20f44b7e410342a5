import Broker
import KafkaProtocol
import Testing

@Suite("SyncGroup, Heartbeat and LeaveGroup")
struct SyncTests {
    @Test("three members divide the work over joins, leaves and timeouts")
    func threeMembers() {
        let scene = GroupScene()
        let ids = scene.stableGroup(of: 3)
        for (number, id) in ids.enumerated() {
            let sync = scene.sync(id, generation: 2)
            #expect(scene.syncs[sync]?.assignment == [UInt8(number)])
            #expect(scene.syncs[sync]?.protocolName == "range")
        }
        #expect(scene.leave(ids[2]) == .none)
        #expect(scene.heartbeat(ids[1], generation: 2) == .rebalanceInProgress)
        let leader = scene.join(member: ids[0])
        let follower = scene.join(member: ids[1])
        #expect(scene.joins[leader]?.members.map(\.id) == [ids[0], ids[1]])
        let parked = scene.sync(ids[1], generation: 3)
        #expect(scene.syncs[parked] == nil)
        _ = scene.sync(ids[0], generation: 3, [ids[0]: [1, 2], ids[1]: [3]])
        #expect(scene.syncs[parked]?.assignment == [3])
        #expect(scene.joins[follower]?.generation == 3)

        scene.advance(by: .seconds(9))
        #expect(scene.heartbeat(ids[1], generation: 3) == .none)
        scene.advance(by: .seconds(2))
        #expect(scene.state == "PreparingRebalance", "the leader was silent for its session timeout")
        let last = scene.join(member: ids[1])
        #expect(scene.joins[last]?.generation == 4)
        #expect(scene.joins[last]?.leader == ids[1])
        #expect(scene.joins[last]?.members.map(\.id) == [ids[1]])
    }

    @Test("becomes empty, in the log as well, when its last member leaves")
    func empties() {
        let scene = GroupScene()
        let ids = scene.stableGroup()
        #expect(scene.leave(ids[0]) == .none)
        #expect(scene.state == "Empty")
        #expect(scene.stored.last?.members == [])
        #expect(scene.stored.last?.generation == 2)
        #expect(scene.stored.last?.protocolType == "consumer")
        let next = scene.join()
        #expect(scene.joins[next]?.generation == 3)
    }

    @Test("answers a sync that does not fit with its error")
    func syncErrors() {
        let scene = GroupScene()
        let missing = scene.sync("m", generation: 1)
        let unnamed = scene.sync("m", generation: 1) { $0.group = "" }
        #expect(scene.syncs[missing]?.error == .unknownMemberId)
        #expect(scene.syncs[unnamed]?.error == .invalidGroupId)
        let ids = scene.stableGroup(of: 2)
        let stranger = scene.sync("m", generation: 2)
        let old = scene.sync(ids[0], generation: 1)
        let type = scene.sync(ids[0], generation: 2) { $0.protocolType = "connect" }
        let name = scene.sync(ids[0], generation: 2) { $0.protocolName = "sticky" }
        #expect(scene.syncs[stranger]?.error == .unknownMemberId)
        #expect(scene.syncs[old]?.error == .illegalGeneration)
        #expect(scene.syncs[type]?.error == .inconsistentGroupProtocol)
        #expect(scene.syncs[name]?.error == .inconsistentGroupProtocol)
        _ = scene.join(member: ids[0])
        let during = scene.sync(ids[1], generation: 2)
        #expect(scene.syncs[during]?.error == .rebalanceInProgress)
    }

    @Test("gives members that the leader forgot an empty assignment")
    func forgotten() {
        let scene = GroupScene()
        let first = scene.join()
        let sync = scene.sync(scene.joins[first]!.member, generation: 1)
        #expect(scene.syncs[sync] == SyncAnswer(protocolType: "consumer", protocolName: "range"))
    }

    @Test("answers parked syncs when a rebalance begins")
    func interrupted() {
        let scene = GroupScene(delay: .seconds(1))
        let joins = [scene.join(), scene.join()]
        scene.advance(by: .seconds(2))
        let ids = joins.map { scene.joins[$0]!.member }
        let parked = scene.sync(ids[1], generation: 1)
        #expect(scene.syncs[parked] == nil)
        _ = scene.join()
        #expect(scene.syncs[parked]?.error == .rebalanceInProgress)
    }

    @Test("answers nobody before the group's record is in the log, and everyone with its error if it cannot be")
    func storeFails() {
        let scene = GroupScene()
        scene.storeAnswer = nil
        let first = scene.join()
        let id = scene.joins[first]!.member
        let sync = scene.sync(id, generation: 1, [id: [7]])
        #expect(scene.syncs[sync] == nil)
        #expect(scene.state == "CompletingRebalance")
        #expect(scene.stored.last?.members.map(\.assignment) == [[7]])
        scene.finishStore(.kafkaStorageError)
        #expect(scene.syncs[sync]?.error == .kafkaStorageError)
        #expect(scene.state == "PreparingRebalance")
        let again = scene.join(member: id)
        let second = scene.sync(id, generation: 2, [id: [8]])
        #expect(scene.joins[again]?.generation == 2)
        scene.finishStore(.none)
        #expect(scene.syncs[second]?.assignment == [8])
        #expect(scene.state == "Stable")
    }

    @Test("does not take the answer to an old generation's record for the new one's")
    func staleStore() {
        let scene = GroupScene()
        scene.storeAnswer = nil
        let first = scene.join()
        let id = scene.joins[first]!.member
        _ = scene.sync(id, generation: 1, [id: [7]])
        let old = scene.stored.last!
        _ = scene.join(member: id, protocols: ["range", "x"])
        let sync = scene.sync(id, generation: 2, [id: [8]])
        _ = scene.groups.stored("g", generation: old.generation, error: .none, now: scene.now, wall: scene.wall)
        #expect(scene.state == "CompletingRebalance")
        scene.finishStore(.none)
        #expect(scene.syncs[sync]?.assignment == [8])
    }

    @Test("removes members that did not sync within the rebalance timeout")
    func unsynced() {
        let scene = GroupScene(delay: .seconds(1))
        let joins = [scene.join(), scene.join()]
        scene.advance(by: .seconds(2))
        let ids = joins.map { scene.joins[$0]!.member }
        _ = scene.sync(ids[0], generation: 1)
        for _ in 0..<8 {
            scene.advance(by: .seconds(8))
            _ = scene.heartbeat(ids[0], generation: 1)
            _ = scene.heartbeat(ids[1], generation: 1)
        }
        #expect(scene.state == "PreparingRebalance")
        #expect(scene.heartbeat(ids[1], generation: 1) == .unknownMemberId)
        #expect(scene.heartbeat(ids[0], generation: 1) == .rebalanceInProgress)
    }

    @Test("answers heartbeats by state")
    func heartbeats() {
        let scene = GroupScene()
        #expect(scene.heartbeat("m", generation: 1) == .unknownMemberId)
        let first = scene.join()
        let id = scene.joins[first]!.member
        #expect(scene.heartbeat(id, generation: 1) == .none, "assignments are awaited")
        #expect(scene.heartbeat(id, generation: 2) == .illegalGeneration)
        #expect(scene.heartbeat("m", generation: 1) == .unknownMemberId)
        #expect(scene.heartbeat(id, generation: 1, instance: "i") == .unknownMemberId)
        _ = scene.sync(id, generation: 1)
        #expect(scene.heartbeat(id, generation: 1) == .none)
        _ = scene.join()
        #expect(scene.heartbeat(id, generation: 1) == .rebalanceInProgress)
        #expect(scene.groups.heartbeat("", member: id, instance: nil, generation: 1, now: scene.now) == .invalidGroupId)
    }

    @Test("keeps a member as long as it is heard of within its session timeout")
    func session() {
        let scene = GroupScene()
        let ids = scene.stableGroup()
        for _ in 0..<10 {
            scene.advance(by: .milliseconds(9_999))
            #expect(scene.heartbeat(ids[0], generation: 1) == .none)
        }
        scene.advance(by: .seconds(10))
        #expect(scene.state == "Empty")
        #expect(scene.heartbeat(ids[0], generation: 2) == .unknownMemberId)
    }

    @Test("answers leaves: unknown groups and members, ids that were only given out, members")
    func leaves() {
        let scene = GroupScene()
        #expect(scene.leave("m") == .unknownMemberId)
        let ids = scene.stableGroup()
        #expect(scene.leave("m") == .unknownMemberId)
        #expect(scene.leave("", instance: "i") == .unknownMemberId)
        let pending = scene.join { $0.needsKnownMember = true }
        #expect(scene.leave(scene.joins[pending]!.member) == .none)
        #expect(scene.state == "Stable")
        #expect(scene.leave(ids[0]) == .none)
        #expect(scene.state == "Empty")
    }

    @Test("lets a leaving member's parked requests go")
    func leavesParked() {
        let scene = GroupScene()
        let ids = scene.stableGroup(of: 2)
        let parked = scene.join(member: ids[0])
        #expect(scene.leave(ids[0]) == .none)
        #expect(scene.joins[parked]?.error == .unknownMemberId)
    }
}
