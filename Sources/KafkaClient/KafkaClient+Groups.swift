import KafkaProtocol

/// A consumer group as its coordinator describes it.
package struct GroupView: Sendable {
    package var name: String
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead`.
    package var state: String
    /// `consumer` for consumers, something else for others, empty where only offsets were committed.
    package var protocolType: String
    /// The assignor that was agreed on.
    package var assignor: String
    package var members: [MemberView]

    package struct MemberView: Sendable {
        package var id: String
        package var clientId: String
        package var host: String
        package var assignment: [TopicPartition]
    }
}

extension KafkaClient {
    /// All groups of all brokers, by name.
    package func groups() throws(ClientError) -> [(name: String, protocolType: String, state: String?)] {
        let answers = try retrying { (client) throws(ClientError) in
            let answers = try client.callAll(ListGroupsRequest())
            for answer in answers where answer.errorCode != .none {
                throw ClientError("list the groups", answer.errorCode)
            }
            return answers
        }
        return answers.flatMap(\.groups).map { group in
            (group.groupId, group.protocolType, group.groupState.isEmpty ? nil : group.groupState)
        }.sorted { $0.0 < $1.0 }
    }

    /// One group with its members.
    /// - Throws: GROUP_ID_NOT_FOUND if there is none.
    package func describeGroup(_ name: String) throws(ClientError) -> GroupView {
        var request = DescribeGroupsRequest()
        request.groups = [name]
        let ready = request
        return try retrying { (client) throws(ClientError) in
            let response = try client.call(ready, coordinating: name)
            guard let group = response.groups.first else {
                throw ClientError("describe group '\(name)'", .groupIdNotFound)
            }
            // Before version 6 a group that is not there is dead, and no error.
            let code = group.errorCode == .none && group.groupState == "Dead" ? .groupIdNotFound : group.errorCode
            guard code == .none else {
                throw ClientError("describe group '\(name)'", code, message: group.errorMessage)
            }
            return GroupView(group)
        }
    }
}

extension GroupView {
    init(_ group: DescribeGroupsResponse.Groups) {
        name = group.groupId
        state = group.groupState
        protocolType = group.protocolType
        assignor = group.protocolData
        members = group.members.map { member in
            let assignment = (try? ConsumerAssignment(decoding: member.memberAssignment[...])) ?? ConsumerAssignment()
            return MemberView(
                id: member.memberId, clientId: member.clientId, host: member.clientHost,
                assignment: assignment.assignedPartitions.flatMap { topic in
                    topic.partitions.map { TopicPartition(topic.topic, $0) }
                }.sorted())
        }
    }
}
