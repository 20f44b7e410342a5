import KafkaProtocol

/// What tools are told.
extension Groups {
    package struct Overview: Equatable, Sendable {
        package var group: String
        package var protocolType: String
        package var state: String
    }

    package struct Description: Equatable, Sendable {
        package struct Member: Equatable, Sendable {
            package var id: String
            package var instance: String?
            package var clientID: String
            package var clientHost: String
            package var metadata: [UInt8]
            package var assignment: [UInt8]
        }

        package var state: String
        package var protocolType: String
        /// Empty unless the group is stable.
        package var protocolName: String
        package var members: [Member]
    }

    /// All groups by name.
    package var overviews: [Overview] {
        groups.values.map { Overview(group: $0.id, protocolType: $0.protocolType ?? "", state: $0.state.name) }
            .sorted { $0.group < $1.group }
    }

    /// nil for a group that does not exist.
    package func describe(_ id: String) -> Description? {
        guard let group = groups[id] else { return nil }
        let isStable = group.state == .stable
        return Description(
            state: group.state.name, protocolType: group.protocolType ?? "",
            protocolName: isStable ? group.protocolName ?? "" : "",
            members: group.inOrder.map { member in
                Description.Member(
                    id: member.id, instance: member.instance, clientID: member.clientID,
                    clientHost: member.clientHost, metadata: isStable ? member.metadata(for: group.protocolName) : [],
                    assignment: isStable ? member.assignment : [])
            })
    }
}
