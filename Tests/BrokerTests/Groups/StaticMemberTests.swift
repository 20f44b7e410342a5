import Broker
import KafkaProtocol
import Testing

@Suite("Static members")
struct StaticMemberTests {
    /// A stable group of one static member "i", the leader.
    private func stable(_ scene: GroupScene) -> String {
        let join = scene.join(instance: "i") { $0.needsKnownMember = true }
        let id = scene.joins[join]!.member
        _ = scene.sync(id, generation: 1, [id: [1]])
        return id
    }

    @Test("join without being sent for an id first")
    func joins() {
        let scene = GroupScene()
        let id = stable(scene)
        #expect(id.hasPrefix("i-"))
        #expect(scene.state == "Stable")
    }

    @Test("come back under a new id without a rebalance; the old id is fenced")
    func returns() {
        let scene = GroupScene()
        let old = stable(scene)
        let back = scene.join(instance: "i") { $0.canSkipAssignment = true }
        let new = scene.joins[back]!.member
        #expect(new != old)
        #expect(scene.joins[back]?.generation == 1)
        #expect(scene.joins[back]?.skipAssignment == true)
        #expect(scene.joins[back]?.leader == new)
        #expect(scene.joins[back]?.members.map(\.id) == [new])
        #expect(scene.stored.last?.members.map(\.id) == [new])
        #expect(scene.state == "Stable")
        let sync = scene.sync(new, generation: 1) { $0.instance = "i" }
        #expect(scene.syncs[sync]?.assignment == [1])
        #expect(scene.heartbeat(old, generation: 1, instance: "i") == .fencedInstanceId)
        #expect(scene.leave(old, instance: "i") == .fencedInstanceId)
        let rejoin = scene.join(member: old, instance: "i")
        #expect(scene.joins[rejoin]?.error == .fencedInstanceId)
        let oldSync = scene.sync(old, generation: 1) { $0.instance = "i" }
        #expect(scene.syncs[oldSync]?.error == .fencedInstanceId)
    }

    @Test("are told the old leader's id before version 9, so that they act as followers")
    func oldClient() {
        let scene = GroupScene()
        let old = stable(scene)
        let back = scene.join(instance: "i")
        #expect(scene.joins[back]?.leader == old)
        #expect(scene.joins[back]?.members == [])
        #expect(scene.joins[back]?.skipAssignment == false)
    }

    @Test("rebalance the group when they come back with another choice of protocols")
    func changedProtocols() {
        let scene = GroupScene()
        _ = stable(scene)
        let back = scene.join(instance: "i", protocols: ["sticky", "range"])
        #expect(scene.joins[back]?.generation == 2)
        #expect(scene.joins[back]?.protocolName == "sticky")
    }

    @Test("have their parked requests fenced when another takes their place")
    func parked() {
        let scene = GroupScene()
        let old = stable(scene)
        _ = scene.join()
        let parked = scene.join(instance: "j")
        let taken = scene.join(instance: "j")
        #expect(scene.joins[parked]?.error == .fencedInstanceId)
        #expect(scene.joins[taken] == nil)
        _ = scene.join(member: old, instance: "i")
        #expect(scene.joins[taken]?.generation == 2)
    }

    @Test("that nobody mapped are unknown")
    func unmapped() {
        let scene = GroupScene()
        let id = stable(scene)
        let join = scene.join(member: id, instance: "other")
        #expect(scene.joins[join]?.error == .unknownMemberId)
        #expect(scene.heartbeat(id, generation: 1, instance: "other") == .unknownMemberId)
    }

    @Test("stay through a rebalance that they miss, until their session ends")
    func awayDuringRebalance() {
        let scene = GroupScene()
        let id = stable(scene)
        let newcomer = scene.join { $0.rebalanceTimeout = 5_000 }
        let longer = scene.join(member: id, instance: "i") {
            $0.rebalanceTimeout = 5_000
            $0.sessionTimeout = 60_000
        }
        #expect(scene.joins[longer]?.generation == 2)
        let other = scene.joins[newcomer]!.member
        _ = scene.sync(id, generation: 2) { $0.instance = "i" }
        _ = scene.sync(other, generation: 2)
        let again = scene.join(member: other, protocols: ["range", "x"]) { $0.rebalanceTimeout = 5_000 }
        scene.advance(by: .seconds(6))
        #expect(scene.joins[again]?.generation == 3)
        #expect(scene.joins[again]?.members.map(\.id) == [id, other])
        #expect(scene.joins[again]?.leader == other)
    }

    @Test("leave by their instance id alone")
    func leaveByInstance() {
        let scene = GroupScene()
        _ = stable(scene)
        #expect(scene.leave("", instance: "i") == .none)
        #expect(scene.state == "Empty")
    }

    @Test("that all went away hold the rebalance until their sessions end")
    func allAway() {
        let scene = GroupScene()
        let id = stable(scene)
        let other = scene.join { $0.rebalanceTimeout = 3_000 }
        #expect(scene.leave(scene.joins[other]?.member ?? "") == .unknownMemberId, "it is parked without an answer")
        scene.advance(by: .seconds(11))
        #expect(scene.joins[other]?.generation == 2)
        #expect(scene.heartbeat(id, generation: 2, instance: "i") == .unknownMemberId)
    }
}
