import CommitLog
import KafkaProtocol
import Records

/// What the records of `__consumer_offsets` say.
enum OffsetsMeaning {
    /// - Returns: nil for other topics, and for records that cannot be read.
    static func of(_ record: Record, in topic: String) -> [InspectedField]? {
        guard topic == "__consumer_offsets", let name = record.key,
            let key = try? OffsetsKey.decode(name[...])
        else { return nil }
        switch key {
        case .offset(let group, let topic, let partition):
            let fields = [
                InspectedField("group", group), InspectedField("topic", topic), InspectedField("partition", partition),
            ]
            guard let value = record.value else { return fields + [InspectedField("forgotten", true)] }
            guard let offset = try? OffsetCommitValue(decoding: value[...]) else { return nil }
            return fields + [
                InspectedField("offset", offset.offset), InspectedField("leader_epoch", offset.leaderEpoch),
                InspectedField("metadata", offset.metadata), InspectedField("committed", offset.commitTimestamp),
            ]
        case .group(let group):
            guard let value = record.value else {
                return [InspectedField("group", group), InspectedField("forgotten", true)]
            }
            guard let metadata = try? GroupMetadataValue(decoding: value[...]) else { return nil }
            return [InspectedField("group", group)] + fields(metadata)
        }
    }

    private static func fields(_ group: GroupMetadataValue) -> [InspectedField] {
        [
            InspectedField("protocol_type", group.protocolType), InspectedField("generation", group.generation),
            InspectedField("protocol", group.protocolName.map { .text($0) } ?? .null),
            InspectedField("leader", group.leader.map { .text($0) } ?? .null),
            InspectedField("since", group.currentStateTimestamp),
            InspectedField(
                "members",
                .list(
                    group.members.map { member in
                        .fields([
                            InspectedField("id", member.memberId),
                            InspectedField("instance", member.groupInstanceId.map { .text($0) } ?? .null),
                            InspectedField("client", member.clientId), InspectedField("host", member.clientHost),
                            InspectedField("rebalance_timeout_ms", member.rebalanceTimeout),
                            InspectedField("session_timeout_ms", member.sessionTimeout),
                        ])
                    })),
        ]
    }
}
