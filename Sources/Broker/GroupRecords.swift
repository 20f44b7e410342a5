import KafkaProtocol
import Records

/// The records of `__consumer_offsets`, as this broker writes them: offsets and groups in version 3, as Kafka 3.
enum GroupRecords {
    static func offset(
        _ group: String, _ key: OffsetKey, _ offset: CommittedOffset?, now: Int64
    ) throws(WireError) -> Record {
        let name = try OffsetsKey.offset(group: group, topic: key.topic, partition: key.partition).encode()
        guard let offset else { return Record(timestamp: now, key: name, value: nil) }
        var value = OffsetCommitValue()
        value.offset = offset.offset
        value.leaderEpoch = offset.leaderEpoch
        value.metadata = offset.metadata
        value.commitTimestamp = offset.committed
        return Record(timestamp: now, key: name, value: try value.encode(version: 3))
    }

    static func group(_ stored: StoredGroup, now: Int64) throws(WireError) -> Record {
        var value = GroupMetadataValue()
        value.protocolType = stored.protocolType
        value.generation = stored.generation
        value.protocolName = stored.protocolName
        value.leader = stored.leader
        value.currentStateTimestamp = stored.since
        value.members = stored.members.map { member in
            var one = GroupMetadataValue.Members()
            one.memberId = member.id
            one.groupInstanceId = member.instance
            one.clientId = member.clientID
            one.clientHost = member.clientHost
            one.rebalanceTimeout = member.rebalanceTimeout
            one.sessionTimeout = member.sessionTimeout
            one.subscription = member.subscription
            one.assignment = member.assignment
            return one
        }
        return Record(
            timestamp: now, key: try OffsetsKey.group(stored.group).encode(), value: try value.encode(version: 3))
    }

    static func erasedGroup(_ group: String, now: Int64) throws(WireError) -> Record {
        Record(timestamp: now, key: try OffsetsKey.group(group).encode(), value: nil)
    }

    static func group(_ group: String, from bytes: ArraySlice<UInt8>) throws(WireError) -> StoredGroup {
        let value = try GroupMetadataValue(decoding: bytes)
        return StoredGroup(
            group: group, protocolType: value.protocolType, generation: value.generation,
            protocolName: value.protocolName, leader: value.leader, since: value.currentStateTimestamp,
            members: value.members.map { member in
                StoredGroup.Member(
                    id: member.memberId, instance: member.groupInstanceId, clientID: member.clientId,
                    clientHost: member.clientHost,
                    rebalanceTimeout: member.rebalanceTimeout < 0 ? member.sessionTimeout : member.rebalanceTimeout,
                    sessionTimeout: member.sessionTimeout, subscription: member.subscription,
                    assignment: member.assignment)
            })
    }

    static func offset(from bytes: ArraySlice<UInt8>) throws(WireError) -> CommittedOffset {
        let value = try OffsetCommitValue(decoding: bytes)
        return CommittedOffset(
            offset: value.offset, leaderEpoch: value.leaderEpoch, metadata: value.metadata,
            committed: value.commitTimestamp)
    }
}
