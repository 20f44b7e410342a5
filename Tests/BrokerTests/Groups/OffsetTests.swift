import Broker
import KafkaProtocol
import Platform
import Testing

@Suite("Offsets of groups")
struct OffsetTests {
    private let key = OffsetKey(topic: "t", partition: 3)

    private func admit(
        _ scene: GroupScene, _ member: String = "", generation: Int32 = -1, instance: String? = nil,
        namesMissing: Bool = false
    ) -> ErrorCode {
        scene.groups.admitCommit(
            "g", member: member, instance: instance, generation: generation, namesMissingGroup: namesMissing,
            now: scene.now)
    }

    @Test("may be committed without a group, but not with a generation of one that is missing")
    func missing() {
        let scene = GroupScene()
        #expect(admit(scene) == .none)
        #expect(admit(scene, "m", generation: 1) == .illegalGeneration)
        #expect(admit(scene, "m", generation: 1, namesMissing: true) == .groupIdNotFound)
    }

    @Test("are taken from members of the generation only")
    func members() {
        let scene = GroupScene()
        let ids = scene.stableGroup()
        #expect(admit(scene, ids[0], generation: 1) == .none)
        #expect(admit(scene, ids[0], generation: 2) == .illegalGeneration)
        #expect(admit(scene, "m", generation: 1) == .unknownMemberId)
        #expect(admit(scene) == .unknownMemberId, "the group is not empty")
        #expect(admit(scene, ids[0], generation: 1, instance: "i") == .unknownMemberId)
        _ = scene.join()
        #expect(admit(scene, ids[0], generation: 1) == .none, "while a rebalance is gathered")
        _ = scene.join(member: ids[0])
        #expect(admit(scene, ids[0], generation: 2) == .rebalanceInProgress, "while assignments are awaited")
    }

    @Test("are refused to a fenced static member")
    func fenced() {
        let scene = GroupScene()
        let join = scene.join(instance: "i")
        let old = scene.joins[join]!.member
        _ = scene.sync(old, generation: 1)
        _ = scene.join(instance: "i")
        #expect(admit(scene, old, generation: 1, instance: "i") == .fencedInstanceId)
    }

    @Test("may be committed from outside once the group is empty")
    func emptied() {
        let scene = GroupScene()
        let ids = scene.stableGroup()
        _ = scene.leave(ids[0])
        #expect(admit(scene) == .none)
        #expect(admit(scene, ids[0], generation: 1) == .unknownMemberId)
    }

    @Test("restart the timer of the member that commits them")
    func restart() {
        let scene = GroupScene()
        let ids = scene.stableGroup()
        scene.advance(by: .seconds(9))
        #expect(admit(scene, ids[0], generation: 1) == .none)
        scene.advance(by: .seconds(9))
        #expect(scene.state == "Stable")
    }

    @Test("are found again; none is none")
    func stored() {
        let scene = GroupScene()
        scene.groups.commit("g", key, CommittedOffset(offset: 5, metadata: "m", committed: scene.wall))
        #expect(scene.groups.offsets("g")[key]?.offset == 5)
        #expect(scene.groups.offsets("g")[OffsetKey(topic: "t", partition: 4)] == nil)
        #expect(scene.groups.offsets("h")[key] == nil)
        #expect(scene.state == "Empty")
    }

    @Test("go with their topic, and a group that had nothing else with them")
    func deletedTopic() {
        let scene = GroupScene()
        let other = OffsetKey(topic: "u", partition: 0)
        scene.groups.commit("g", key, CommittedOffset(offset: 5, committed: scene.wall))
        scene.groups.commit("h", key, CommittedOffset(offset: 5, committed: scene.wall))
        scene.groups.commit("h", other, CommittedOffset(offset: 6, committed: scene.wall))
        let gone = scene.groups.forget(topic: "t")
        #expect(gone.map(\.group).sorted() == ["g", "h"])
        #expect(scene.state == nil)
        #expect(scene.groups.offsets("h").map(\.key) == [other])
    }

    @Test("of an empty group expire a week after it became empty, those of a plain name a week after the commit")
    func expiry() {
        let scene = GroupScene()
        let ids = scene.stableGroup()
        scene.groups.commit("g", key, CommittedOffset(offset: 5, committed: scene.wall))
        scene.groups.commit("h", key, CommittedOffset(offset: 5, committed: scene.wall))
        let week: Int64 = 7 * 24 * 3_600_000
        let begin = scene.wall
        scene.advance(by: .seconds(5))
        _ = scene.leave(ids[0])
        let first = scene.groups.expire(wall: begin + week)
        #expect(first.offsets.map(\.group) == ["h"])
        #expect(first.groups == [])
        let second = scene.groups.expire(wall: begin + week + 5_000)
        #expect(second.offsets.map(\.group) == ["g"])
        #expect(second.groups == ["g"], "its record needs a tombstone")
        #expect(scene.groups.overviews == [])
    }

    @Test("of a group with members do not expire")
    func livingGroup() {
        let scene = GroupScene()
        _ = scene.stableGroup()
        scene.groups.commit("g", key, CommittedOffset(offset: 5, committed: scene.wall))
        let gone = scene.groups.expire(wall: .max)
        #expect(gone.offsets.isEmpty && gone.groups.isEmpty)
    }

    @Test("beyond the end of their partition are set back to it; those of a missing partition go")
    func setBack() {
        let scene = GroupScene()
        let gone = OffsetKey(topic: "gone", partition: 0)
        scene.groups.commit("g", key, CommittedOffset(offset: 50, leaderEpoch: 3, metadata: "m", committed: 1))
        scene.groups.commit("h", key, CommittedOffset(offset: 40, committed: 1))
        scene.groups.commit("h", gone, CommittedOffset(offset: 0, committed: 1))
        let changed = scene.groups.setBack { $0 == key ? 40 : nil }
        #expect(changed.count == 2)
        #expect(scene.groups.offsets("g")[key] == CommittedOffset(offset: 40, metadata: "m", committed: 1))
        #expect(scene.groups.offsets("h")[key]?.offset == 40)
        #expect(scene.groups.offsets("h")[gone] == nil)
    }

    @Test("what is forgotten makes room for other offsets")
    func room() {
        var options = GroupOptions()
        options.maxOffsetBytes = 100
        var groups = Groups(options: options)
        #expect(groups.hasRoom(for: [key], of: "g"))
        for offset in 0..<3 { groups.commit("g", key, CommittedOffset(offset: Int64(offset), committed: 1)) }
        #expect(groups.offsetBytes == CommittedOffset(offset: 0, committed: 1).bytes(of: key))
        let other = OffsetKey(topic: "t", partition: 9)
        #expect(!groups.hasRoom(for: [key, other], of: "g") && groups.hasRoom(for: [key], of: "g"))
        _ = groups.forget(topic: key.topic)
        #expect(groups.offsetBytes == 0 && groups.hasRoom(for: [other], of: "h"))
    }

    @Test("a stored group is taken over with its members, whose sessions begin anew")
    func load() {
        let before = GroupScene()
        let ids = before.stableGroup(of: 2)
        let after = GroupScene()
        after.groups.load(before.stored.last!)
        let wakes = after.groups.resume(now: after.now)
        #expect(wakes == [.wake(group: "g", at: after.now + .seconds(10))])
        #expect(after.state == "Stable")
        #expect(after.heartbeat(ids[1], generation: 2) == .none)
        let sync = after.sync(ids[1], generation: 2)
        #expect(after.syncs[sync]?.assignment == [1])
        let join = after.join(member: ids[0])
        _ = after.join(member: ids[1])
        #expect(after.joins[join]?.leader == ids[0])
        #expect(after.joins[join]?.generation == 3)
    }

    @Test("an erased group is gone, with offsets left it is empty")
    func unload() {
        let scene = GroupScene()
        _ = scene.stableGroup()
        scene.groups.unload("g")
        #expect(scene.state == nil)
        _ = scene.stableGroup()
        scene.groups.commit("g", key, CommittedOffset(offset: 5, committed: 1))
        scene.groups.unload("g")
        #expect(scene.state == "Empty")
    }
}
