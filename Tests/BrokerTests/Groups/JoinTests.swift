import Broker
import KafkaProtocol
import Testing

@Suite("JoinGroup")
struct JoinTests {
    @Test("refuses an empty group id")
    func emptyGroup() {
        let scene = GroupScene()
        let join = scene.join("")
        #expect(scene.joins[join]?.error == .invalidGroupId)
    }

    @Test("refuses a session timeout outside the bounds", arguments: [5_999, 1_800_001, -1] as [Int32])
    func sessionTimeout(_ timeout: Int32) {
        let scene = GroupScene()
        let join = scene.join { $0.sessionTimeout = timeout }
        #expect(scene.joins[join]?.error == .invalidSessionTimeout)
    }

    @Test("does not know a member id of a group that is missing")
    func missingGroup() {
        let scene = GroupScene()
        let join = scene.join(member: "m")
        #expect(scene.joins[join]?.error == .unknownMemberId)
        #expect(scene.state == nil)
    }

    @Test("refuses members beyond the most that a group may have, and keeps those that it has")
    func full() {
        let scene = GroupScene { $0.maxMembers = 2 }
        let ids = scene.stableGroup(of: 2)
        let third = scene.join()
        #expect(scene.joins[third]?.error == .groupMaxSizeReached)
        #expect(scene.heartbeat(ids[1], generation: 2) == .none)
    }

    @Test("refuses groups beyond the most that are kept")
    func tooManyGroups() {
        let scene = GroupScene { $0.maxGroups = 1 }
        _ = scene.join("g")
        let second = scene.join("h")
        #expect(scene.joins[second]?.error == .groupMaxSizeReached)
    }

    @Test("refuses more metadata than a member may have")
    func metadata() {
        let scene = GroupScene { $0.maxMemberBytes = 10 }
        let join = scene.join { $0.protocols[0].metadata = [UInt8](repeating: 0, count: 6) }
        #expect(scene.joins[join]?.error == .invalidRequest)
        #expect(scene.state == nil)
    }

    @Test("refuses more protocols than a member may have, and names that are empty or too long")
    func protocols() {
        let scene = GroupScene { $0.maxProtocols = 2 }
        let many = scene.join(protocols: ["a", "b", "c"])
        let empty = scene.join(protocols: ["a", ""])
        let long = scene.join(protocols: [String(repeating: "a", count: 256)])
        for join in [many, empty, long] { #expect(scene.joins[join]?.error == .invalidRequest) }
        #expect(scene.state == nil)
        let fine = scene.join(protocols: ["a", String(repeating: "b", count: 255)])
        #expect(scene.joins[fine]?.error == ErrorCode.none)
    }

    @Test("refuses members that all groups together have no room for, keeps those that it has, and frees what leaves")
    func bytesTogether() throws {
        let scene = GroupScene { $0.maxBytes = 4_000 }
        let ids = scene.stableGroup { $0.protocols[0].metadata = [UInt8](repeating: 0, count: 1_000) }
        func other(_ bytes: Int) -> ErrorCode? {
            let join = scene.join("h") { $0.protocols[0].metadata = [UInt8](repeating: 0, count: bytes) }
            return scene.joins[join]?.error
        }
        #expect(other(3_000) == .groupMaxSizeReached)
        #expect(scene.groups.describe("h") == nil)
        #expect(scene.heartbeat(ids[0], generation: 1) == .none)
        let again = scene.join(member: ids[0]) { $0.protocols[0].metadata = [UInt8](repeating: 1, count: 1_000) }
        #expect(scene.joins[again]?.error == ErrorCode.none, "it does not grow")
        let grown = scene.join(member: ids[0]) { $0.protocols[0].metadata = [UInt8](repeating: 1, count: 5_000) }
        #expect(scene.joins[grown]?.error == .groupMaxSizeReached)
        #expect(scene.leave(ids[0]) == .none)
        #expect(other(3_000) == ErrorCode.none)
    }

    @Test("refuses assignments that all groups together have no room for")
    func assignments() throws {
        let scene = GroupScene { $0.maxBytes = 4_000 }
        let join = scene.join()
        let id = try #require(scene.joins[join]?.member)
        let large = scene.sync(id, generation: 1, [id: [UInt8](repeating: 0, count: 4_000)])
        #expect(scene.syncs[large]?.error == .groupMaxSizeReached)
        let fine = scene.sync(id, generation: 1, [id: [UInt8](repeating: 0, count: 1_000)])
        #expect(scene.syncs[fine]?.error == ErrorCode.none)
    }

    @Test("refuses a first member without protocol type or protocols")
    func emptyProtocols() {
        let scene = GroupScene()
        let untyped = scene.join { $0.protocolType = "" }
        let mute = scene.join(protocols: [])
        #expect(scene.joins[untyped]?.error == .inconsistentGroupProtocol)
        #expect(scene.joins[mute]?.error == .inconsistentGroupProtocol)
    }

    @Test("refuses another protocol type, and protocols that not all members speak")
    func inconsistent() {
        let scene = GroupScene()
        _ = scene.stableGroup()
        let type = scene.join { $0.protocolType = "connect" }
        let name = scene.join(protocols: ["sticky"])
        #expect(scene.joins[type]?.error == .inconsistentGroupProtocol)
        #expect(scene.joins[name]?.error == .inconsistentGroupProtocol)
        #expect(scene.state == "Stable")
    }

    @Test("gives a newcomer an id that it must come back with, from version 4 on")
    func requiredID() {
        let scene = GroupScene()
        let first = scene.join { $0.needsKnownMember = true }
        #expect(scene.joins[first]?.error == .memberIdRequired)
        let id = scene.joins[first]!.member
        #expect(id.hasPrefix("c-"))
        let again = scene.join(member: id) { $0.needsKnownMember = true }
        #expect(scene.joins[again]?.error == ErrorCode.none)
        #expect(scene.joins[again]?.member == id)
        #expect(scene.joins[again]?.leader == id)
        #expect(scene.joins[again]?.generation == 1)
    }

    @Test("forgets an id that nobody came back with, and the group that it would have begun")
    func pendingExpires() {
        let scene = GroupScene()
        let first = scene.join { $0.needsKnownMember = true }
        scene.advance(by: .seconds(11))
        #expect(scene.state == nil)
        let late = scene.join(member: scene.joins[first]!.member)
        #expect(scene.joins[late]?.error == .unknownMemberId)
    }

    @Test("waits with a rebalance for an id that was given out, at most its session timeout")
    func waitsForPending() {
        let scene = GroupScene()
        let ids = scene.stableGroup()
        _ = scene.join { $0.needsKnownMember = true }
        let other = scene.join()
        let leader = scene.join(member: ids[0])
        #expect(scene.joins[leader] == nil && scene.joins[other] == nil)
        scene.advance(by: .seconds(10))
        #expect(scene.joins[leader]?.generation == 2)
        #expect(scene.joins[leader]?.members.count == 2)
        #expect(scene.joins[other]?.members == [])
    }

    @Test("lets members that come within the initial delay share one rebalance")
    func initialDelay() {
        let scene = GroupScene(delay: .seconds(3))
        let first = scene.join()
        scene.advance(by: .seconds(2))
        let second = scene.join()
        scene.advance(by: .seconds(1))
        #expect(scene.joins[first] == nil, "someone came, so the delay is drawn out")
        scene.advance(by: .seconds(3))
        #expect(scene.joins[first]?.generation == 1)
        #expect(scene.joins[second]?.generation == 1)
        #expect(scene.joins[first]?.members.count == 2)
        #expect(scene.joins[first]?.leader == scene.joins[first]?.member)
    }

    @Test("draws the initial delay out no longer than the rebalance timeout")
    func initialDelayEnds() {
        let scene = GroupScene(delay: .seconds(3))
        let first = scene.join { $0.rebalanceTimeout = 10_000 }
        for _ in 0..<9 {
            scene.advance(by: .seconds(1))
            _ = scene.join { $0.rebalanceTimeout = 10_000 }
        }
        #expect(scene.joins[first] == nil)
        scene.advance(by: .seconds(1))
        #expect(scene.joins[first]?.members.count == 10)
    }

    @Test("takes the protocol that most members prefer among those that all speak")
    func votes() {
        let scene = GroupScene(delay: .seconds(1))
        let joins = [
            scene.join(protocols: ["sticky", "range", "roundrobin"]), scene.join(protocols: ["roundrobin", "range"]),
            scene.join(protocols: ["range", "roundrobin"]),
        ]
        scene.advance(by: .seconds(2))
        #expect(scene.joins[joins[0]]?.protocolName == "range")
        #expect(scene.joins[joins[0]]?.members.map(\.metadata) == Array(repeating: Array("range".utf8), count: 3))
    }

    @Test("answers a follower that rejoins unchanged with the current generation")
    func unchangedFollower() {
        let scene = GroupScene()
        let ids = scene.stableGroup(of: 2)
        let again = scene.join(member: ids[1])
        #expect(scene.joins[again]?.generation == 2)
        #expect(scene.joins[again]?.members == [])
        #expect(scene.state == "Stable")
    }

    @Test("rebalances when the leader rejoins, or when a follower speaks something else")
    func changed() {
        let scene = GroupScene()
        let ids = scene.stableGroup(of: 2)
        _ = scene.join(member: ids[1], protocols: ["range", "sticky"])
        #expect(scene.state == "PreparingRebalance")
        let leader = scene.join(member: ids[0])
        #expect(scene.joins[leader]?.generation == 3)
        _ = scene.sync(ids[0], generation: 3)
        _ = scene.sync(ids[1], generation: 3)
        #expect(scene.state == "Stable")
        _ = scene.join(member: ids[0])
        #expect(scene.state == "PreparingRebalance")
    }

    @Test("answers an unchanged member at once while assignments are awaited; the leader with the members")
    func rejoinWhileCompleting() {
        let scene = GroupScene()
        let first = scene.join()
        let id = scene.joins[first]!.member
        let again = scene.join(member: id)
        #expect(scene.joins[again]?.generation == 1)
        #expect(scene.joins[again]?.members.count == 1)
        let changed = scene.join(member: id, protocols: ["range", "sticky"])
        #expect(scene.joins[changed]?.generation == 2)
    }

    @Test("drops dynamic members that did not rejoin in time, and takes another leader")
    func late() {
        let scene = GroupScene()
        let ids = scene.stableGroup(of: 3)
        let second = scene.join(member: ids[1], protocols: ["range", "x"])
        let third = scene.join(member: ids[2])
        for _ in 0..<7 {
            scene.advance(by: .seconds(9))
            _ = scene.heartbeat(ids[0], generation: 2)
        }
        #expect(scene.joins[second]?.generation == 3)
        #expect(scene.joins[second]?.leader == ids[1])
        #expect(scene.joins[second]?.members.map(\.id) == [ids[1], ids[2]])
        #expect(scene.joins[third]?.members == [])
        #expect(scene.heartbeat(ids[0], generation: 3) == .unknownMemberId)
    }

    @Test("lets an older parked request of the same member go")
    func repeated() {
        let scene = GroupScene()
        let ids = scene.stableGroup(of: 2)
        let old = scene.join(member: ids[0])
        let new = scene.join(member: ids[0])
        #expect(scene.joins[old]?.error == .rebalanceInProgress)
        #expect(scene.joins[new] == nil)
        _ = scene.join(member: ids[1])
        #expect(scene.joins[new]?.generation == 3)
    }

    @Test("keeps a parked newcomer five minutes, then lets it go")
    func abandonedNewcomer() {
        let scene = GroupScene()
        let ids = scene.stableGroup { $0.rebalanceTimeout = 600_000 }
        let newcomer = scene.join()
        for _ in 0..<33 {
            scene.advance(by: .seconds(9))
            #expect(scene.heartbeat(ids[0], generation: 1) == .rebalanceInProgress)
        }
        #expect(scene.joins[newcomer] == nil)
        scene.advance(by: .seconds(4))
        #expect(scene.joins[newcomer]?.error == .unknownMemberId)
    }
}
