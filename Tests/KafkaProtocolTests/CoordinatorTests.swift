import KafkaProtocol
import TestSupport
import Testing

/// What Kafka's own classes wrote into `__consumer_offsets`, and consumers into their groups.
@Suite(.enabled(if: Shared.directory != nil, "\(Shared.missing)"))
struct CoordinatorTests {
    @Test("reads and writes Kafka's keys of __consumer_offsets")
    func keys() throws {
        let offset = try Shared.bytes("vectors/coordinator/coffsets-offset-key-v1-java.bin")
        #expect(try OffsetsKey.decode(offset[...]) == .offset(group: "g1", topic: "t1", partition: 5))
        #expect(try OffsetsKey.offset(group: "g1", topic: "t1", partition: 5).encode() == offset)
        let group = try Shared.bytes("vectors/coordinator/coffsets-groupmeta-key-v2-java.bin")
        #expect(try OffsetsKey.decode(group[...]) == .group("g1"))
        #expect(try OffsetsKey.group("g1").encode() == group)
    }

    @Test("passes over kinds of records that it does not know")
    func unknownKinds() throws { #expect(try OffsetsKey.decode([0, 3, 0, 1, 0x67]) == nil) }

    @Test("reads and writes committed offsets of each version", arguments: Int16(0)...4)
    func offsets(version: Int16) throws {
        let golden = try Shared.bytes("vectors/coordinator/coffsets-offset-value-v\(version)-java.bin")
        let value = try OffsetCommitValue(decoding: golden[...])
        #expect(value.offset == 42)
        #expect(value.metadata == "meta")
        #expect(value.commitTimestamp == 1_700_000_000_000)
        #expect(value.leaderEpoch == (version >= 3 ? version == 3 ? 2 : value.leaderEpoch : -1))
        #expect(try value.encode(version: version) == golden)
    }

    @Test("reads and writes groups of each version", arguments: Int16(0)...4)
    func groups(version: Int16) throws {
        let golden = try Shared.bytes("vectors/coordinator/coffsets-groupmeta-value-v\(version)-java.bin")
        let value = try GroupMetadataValue(decoding: golden[...])
        #expect(value.protocolType == "consumer")
        #expect(value.generation == 3)
        #expect(value.protocolName == "range")
        #expect(value.leader == "m-1")
        #expect(value.members.map(\.memberId) == ["m-1"])
        #expect(value.members.map(\.clientHost) == ["/127.0.0.1"])
        #expect(value.members.map(\.sessionTimeout) == [45_000])
        #expect(try value.encode(version: version) == golden)
        let subscription = try ConsumerSubscription(decoding: value.members[0].subscription[...])
        #expect(subscription.topics == ["t1"])
        let assignment = try ConsumerAssignment(decoding: value.members[0].assignment[...])
        #expect(assignment.assignedPartitions == [ConsumerPartitions(topic: "t1", partitions: [0, 1])])
        #expect(try assignment.encode(version: 0) == value.members[0].assignment)
    }

    @Test("reads and writes subscriptions of each version", arguments: Int16(0)...3)
    func subscriptions(version: Int16) throws {
        let golden = try Shared.bytes("vectors/coordinator/consumerproto-subscription-v\(version)-java.bin")
        let value = try ConsumerSubscription(decoding: golden[...])
        #expect(value.topics == ["t1", "t2"])
        #expect(value.ownedPartitions == (version >= 1 ? [ConsumerPartitions(topic: "t1", partitions: [0, 1])] : []))
        #expect(value.generationId == (version >= 2 ? 3 : -1))
        #expect(value.rackId == (version >= 3 ? "r1" : nil))
        #expect(try value.encode(version: version) == golden)
    }

    @Test("refuses every proper prefix of each value")
    func prefixes() throws {
        for file in Shared.names(in: "vectors/coordinator") where file.contains("-value-") && file.hasPrefix("coffsets")
        {
            let golden = try Shared.bytes("vectors/coordinator/" + file)
            for end in golden.indices {
                if file.contains("offset-value") {
                    #expect(throws: WireError.self) { try OffsetCommitValue(decoding: golden[..<end]) }
                } else {
                    #expect(throws: WireError.self) { try GroupMetadataValue(decoding: golden[..<end]) }
                }
            }
        }
    }

    @Test("reads a subscription of a later version as the newest known, and refuses a later stored value")
    func newer() throws {
        var golden = try Shared.bytes("vectors/coordinator/consumerproto-subscription-v3-java.bin")
        golden[1] = 9
        #expect(try ConsumerSubscription(decoding: (golden + [1, 2])[...]).rackId == "r1")
        #expect(throws: WireError.self) { try OffsetCommitValue(decoding: [0, 5, 0, 0]) }
    }
}
