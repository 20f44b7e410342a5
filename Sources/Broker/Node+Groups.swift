import CommitLog
package import KafkaProtocol
import Platform
import Records

/// Groups of consumers, classic protocol: JoinGroup (versions 0–9), SyncGroup (0–5), Heartbeat (0–4), LeaveGroup (0–5),
/// DescribeGroups (0–6), ListGroups (0–5).
extension Node {
    func loadGroups() {
        coordinator.load { [directory] key in
            guard let partition = directory.topic(named: key.topic)?.partition(key.partition) else { return nil }
            // Nobody knows where one that is offline ends.
            return partition.offline == nil ? partition.highWatermark : Int64.max
        }
    }

    package func joinGroup(
        _ request: JoinGroupRequest, _ context: RequestContext, _ respond: @escaping Respond<JoinGroupResponse>
    ) {
        var call = JoinCall()
        call.group = request.groupId
        call.member = request.memberId
        call.instance = request.groupInstanceId
        call.sessionTimeout = request.sessionTimeoutMs
        call.rebalanceTimeout = request.rebalanceTimeoutMs
        call.protocolType = request.protocolType
        call.protocols = request.protocols.map { GroupProtocol(name: $0.name, metadata: $0.metadata) }
        call.clientID = context.clientID
        call.clientHost = context.clientHost
        call.needsKnownMember = context.version >= 4
        call.canSkipAssignment = context.version >= 9
        coordinator.join(call) { answer in
            var response = JoinGroupResponse()
            response.errorCode = answer.error
            response.generationId = answer.generation
            response.protocolType = answer.protocolType
            response.protocolName = answer.protocolName
            response.leader = answer.leader
            response.skipAssignment = answer.skipAssignment
            response.memberId = answer.member
            response.members = answer.members.map { member in
                var one = JoinGroupResponse.Members()
                one.memberId = member.id
                one.groupInstanceId = member.instance
                one.metadata = member.metadata
                return one
            }
            respond(response)
        }
    }

    package func syncGroup(
        _ request: SyncGroupRequest, _ context: RequestContext, _ respond: @escaping Respond<SyncGroupResponse>
    ) {
        var call = SyncCall()
        call.group = request.groupId
        call.generation = request.generationId
        call.member = request.memberId
        call.instance = request.groupInstanceId
        call.protocolType = request.protocolType
        call.protocolName = request.protocolName
        for one in request.assignments { call.assignments[one.memberId] = one.assignment }
        coordinator.sync(call) { answer in
            var response = SyncGroupResponse()
            response.errorCode = answer.error
            response.protocolType = answer.protocolType
            response.protocolName = answer.protocolName
            response.assignment = answer.assignment
            respond(response)
        }
    }

    package func heartbeat(
        _ request: HeartbeatRequest, _ context: RequestContext, _ respond: @escaping Respond<HeartbeatResponse>
    ) {
        var response = HeartbeatResponse()
        response.errorCode = coordinator.heartbeat(
            request.groupId, member: request.memberId, instance: request.groupInstanceId,
            generation: request.generationId)
        respond(response)
    }

    package func leaveGroup(
        _ request: LeaveGroupRequest, _ context: RequestContext, _ respond: @escaping Respond<LeaveGroupResponse>
    ) {
        var response = LeaveGroupResponse()
        guard !request.groupId.isEmpty else {
            response.errorCode = .invalidGroupId
            return respond(response)
        }
        guard context.version >= 3 else {
            response.errorCode = coordinator.leave(request.groupId, members: [(request.memberId, nil)])[0]
            return respond(response)
        }
        let errors = coordinator.leave(
            request.groupId, members: request.members.map { ($0.memberId, $0.groupInstanceId) })
        response.members = zip(request.members, errors).map { asked, error in
            var member = LeaveGroupResponse.Members()
            member.memberId = asked.memberId
            member.groupInstanceId = asked.groupInstanceId
            member.errorCode = error
            return member
        }
        respond(response)
    }

    package func describeGroups(
        _ request: DescribeGroupsRequest, _ context: RequestContext,
        _ respond: @escaping Respond<DescribeGroupsResponse>
    ) {
        var response = DescribeGroupsResponse()
        response.groups = request.groups.unique { $0 }.map { id in
            var group = describe(id, version: context.version)
            if request.includeAuthorizedOperations { group.authorizedOperations = Self.groupOperations }
            return group
        }
        respond(response)
    }

    private func describe(_ id: String, version: Int16) -> DescribeGroupsResponse.Groups {
        var answer = DescribeGroupsResponse.Groups()
        answer.groupId = id
        if let error = coordinator.objection(to: id) {
            answer.errorCode = error
            return answer
        }
        guard let group = coordinator.describe(id) else {
            answer.groupState = "Dead"
            if version >= 6 {
                answer.errorCode = .groupIdNotFound
                answer.errorMessage = "there is no group \(id)"
            }
            return answer
        }
        answer.groupState = group.state
        answer.protocolType = group.protocolType
        answer.protocolData = group.protocolName
        answer.members = group.members.map { member in
            var one = DescribeGroupsResponse.Members()
            one.memberId = member.id
            one.groupInstanceId = member.instance
            one.clientId = member.clientID
            one.clientHost = member.clientHost
            one.memberMetadata = member.metadata
            one.memberAssignment = member.assignment
            return one
        }
        return answer
    }

    package func listGroups(
        _ request: ListGroupsRequest, _ context: RequestContext, _ respond: @escaping Respond<ListGroupsResponse>
    ) {
        let states = Set(request.statesFilter.map { $0.lowercased() })
        let types = Set(request.typesFilter.map { $0.lowercased() })
        var response = ListGroupsResponse()
        response.groups = coordinator.overviews().compactMap { group in
            guard states.isEmpty || states.contains(group.state.lowercased()) else { return nil }
            guard types.isEmpty || types.contains("classic") else { return nil }
            var answer = ListGroupsResponse.Groups()
            answer.groupId = group.group
            answer.protocolType = group.protocolType
            answer.groupState = group.state
            answer.groupType = "classic"
            return answer
        }
        respond(response)
    }
}
