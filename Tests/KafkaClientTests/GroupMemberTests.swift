import KafkaClient
import KafkaProtocol
import Platform
import Records
import Sockets
import Testing

/// A member of a group whose coordinator answers as a script says.
@Suite struct GroupMemberTests {
    /// What the coordinator has been told.
    private struct Told {
        var joins: [JoinGroupRequest] = []
        var assigned: [SyncGroupRequest] = []
        var left: [String] = []
        var heartbeat = ErrorCode.none
        var commit = ErrorCode.none
    }

    private final class Coordinator: Sendable {
        let told = Lock(Told())
        let broker: ScriptedBroker

        init() throws {
            let told = told
            let port = Lock(0)
            broker = try ScriptedBroker { header, body in
                try Self.reply(header, body, told, port.withLock { $0 })
            }
            port.withLock { $0 = broker.port }
        }

        private static func reply(
            _ header: RequestHeader, _ body: ArraySlice<UInt8>, _ told: Lock<Told>, _ port: Int
        ) throws -> ScriptedBroker.Reply {
            let version = header.apiVersion
            switch header.api {
            case .apiVersions: return .versions()
            case .metadata: return .metadata(port: port, partitions: 3)
            case .findCoordinator:
                var found = FindCoordinatorResponse.Coordinators()
                found.host = "127.0.0.1"
                found.port = Int32(port)
                var response = FindCoordinatorResponse()
                response.coordinators = [found]
                return .message(response)
            case .joinGroup:
                return .message(joined(try JoinGroupRequest(decoding: body, version: version), told))
            case .syncGroup:
                let request = try SyncGroupRequest(decoding: body, version: version)
                told.withLock { $0.assigned.append(request) }
                var response = SyncGroupResponse()
                response.assignment = request.assignments.first { $0.memberId == request.memberId }?.assignment ?? []
                return .message(response)
            case .heartbeat:
                var response = HeartbeatResponse()
                response.errorCode = told.withLock { $0.heartbeat }
                return .message(response)
            case .offsetCommit:
                var partition = OffsetCommitResponse.Partitions()
                partition.errorCode = told.withLock { $0.commit }
                var topic = OffsetCommitResponse.Topics()
                topic.partitions = [partition]
                var response = OffsetCommitResponse()
                response.topics = [topic]
                return .message(response)
            default:
                let request = try LeaveGroupRequest(decoding: body, version: version)
                told.withLock { $0.left += request.members.map(\.memberId) }
                return .message(LeaveGroupResponse())
            }
        }

        /// As a coordinator does: first an id, then a group of two with the member as its leader.
        private static func joined(_ request: JoinGroupRequest, _ told: Lock<Told>) -> JoinGroupResponse {
            told.withLock { $0.joins.append(request) }
            var response = JoinGroupResponse()
            response.memberId = request.memberId.isEmpty ? "m1" : request.memberId
            guard !request.memberId.isEmpty else {
                response.errorCode = .memberIdRequired
                return response
            }
            response.generationId = Int32(told.withLock { $0.joins.count })
            response.leader = request.memberId
            response.protocolName = "range"
            response.members = [request.memberId, "m2"].map { id in
                var member = JoinGroupResponse.Members()
                member.memberId = id
                member.metadata = request.protocols[0].metadata
                return member
            }
            return response
        }
    }

    private func member(of coordinator: Coordinator) -> GroupMember {
        var options = ClientOptions()
        options.requestTimeout = .seconds(5)
        options.retryPause = .milliseconds(1)
        var patience = GroupMember.Options()
        patience.heartbeatInterval = .zero
        let client = KafkaClient(bootstrap: [coordinator.broker.endpoint], options: options)
        return GroupMember(client, group: "g", topics: ["t"], options: patience)
    }

    @Test("takes the id it is given, divides the partitions as leader, and leaves under its id")
    func session() throws {
        let coordinator = try Coordinator()
        let member = member(of: coordinator)
        #expect(try member.join() == [TopicPartition("t", 0), TopicPartition("t", 1)])
        let told = coordinator.told.withLock { $0 }
        #expect(told.joins.map(\.memberId) == ["", "m1"])
        #expect(Set(told.assigned[0].assignments.map(\.memberId)) == ["m1", "m2"])
        #expect(try member.heartbeat())
        #expect(try member.commit([TopicPartition("t", 0): 5]))
        try member.leave()
        #expect(coordinator.told.withLock { $0.left } == ["m1"])
    }

    @Test("joins again under its id in a rebalance, and under a new one when it was dropped")
    func rebalance() throws {
        let coordinator = try Coordinator()
        let member = member(of: coordinator)
        try member.join()
        coordinator.told.withLock { $0.heartbeat = .rebalanceInProgress }
        #expect(try !member.heartbeat())
        try member.join()
        #expect(coordinator.told.withLock { $0.joins.map(\.memberId) } == ["", "m1", "m1"])
        coordinator.told.withLock { $0.heartbeat = .unknownMemberId }
        #expect(try !member.heartbeat())
        try member.join()
        #expect(coordinator.told.withLock { $0.joins.map(\.memberId) } == ["", "m1", "m1", "", "m1"])
    }

    @Test("says that nothing was committed when the group has moved on, and throws other errors")
    func lostCommit() throws {
        let coordinator = try Coordinator()
        let member = member(of: coordinator)
        try member.join()
        coordinator.told.withLock { $0.commit = .illegalGeneration }
        #expect(try !member.commit([TopicPartition("t", 0): 5]))
        coordinator.told.withLock { $0.commit = .groupAuthorizationFailed }
        #expect(throws: ClientError.self) { try member.commit([TopicPartition("t", 0): 5]) }
    }

    @Test("stays a member while its coordinator is away for a moment")
    func coordinatorAway() throws {
        var coordinator: Coordinator? = try Coordinator()
        let member = member(of: try #require(coordinator))
        try member.join()
        coordinator = nil
        #expect(try member.heartbeat())
        #expect(try member.heartbeat())
        #expect(member.assignment.count == 2)
    }
}
