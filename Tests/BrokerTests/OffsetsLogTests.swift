import CommitLog
import Foundation
import KafkaProtocol
import Platform
import Records
import TestSupport
import Testing

@testable import Broker

/// `__consumer_offsets` as a Kafka broker leaves it: many partitions, transactions, and records that only it knows.
@Suite("Group offsets in a directory of Kafka's")
struct OffsetsLogTests {
    @Test(
        "a group's partition is the one that Kafka chooses",
        arguments: [
            ("g1", 3242, 42), ("my-group", -1_906_497_762, 12), ("console-consumer-1", 35_782_224, 24),
            ("группа", 1_749_938_458, 8), ("polygenelubricants", -2_147_483_648, 0),
        ] as [(String, Int32, Int)])
    func partition(group: String, hash: Int32, index: Int) {
        #expect(GroupPartition.javaHash(group) == hash)
        #expect(GroupPartition.index(of: group, count: 50) == index)
        #expect(GroupPartition.index(of: group, count: 1) == 0)
    }

    /// A node on a directory whose `__consumer_offsets` was written by someone else.
    private func scene(
        partitions: Int, configuration: [String: String] = ["cleanup.policy": "compact"],
        _ write: (DataDirectory, Topic) throws -> Void
    ) throws -> NodeScene {
        let scene = try NodeScene()
        try scene.create("t", partitions: 8)
        for index: Int32 in 0..<8 { _ = try scene.produce("t", NodeScene.batch(["a", "b", "c"]), partition: index) }
        try scene.reopen {
            let directory = try DataDirectory.open(scene.path)
            try directory.deleteTopic(TopicName.offsets)
            let topic = try directory.createTopic(
                TopicName.offsets, partitions: partitions, configuration: configuration, internal: true)
            try write(directory, topic)
            try directory.close()
        }
        return scene
    }

    private static func offset(_ group: String, _ partition: Int32, _ offset: Int64?) throws -> Record {
        try GroupRecords.offset(
            group, OffsetKey(topic: "t", partition: partition),
            offset.map { CommittedOffset(offset: $0, leaderEpoch: -1, metadata: "", committed: 1) }, now: 1)
    }

    private func append(
        _ records: [Record], to partition: Partition, _ directory: DataDirectory, producer: Int64 = -1,
        sequence: Int32 = -1
    ) throws {
        let batch = try RecordBatch.encode(
            records, producerId: producer, producerEpoch: producer < 0 ? -1 : 0, baseSequence: sequence,
            isTransactional: producer >= 0)
        guard case .appended = try directory.append(batch, to: partition) else {
            Issue.record("not appended")
            return
        }
    }

    @Test("all of fifty partitions are loaded, and a group goes on in its own")
    func fifty() throws {
        let groups = ["g1": 42, "my-group": 12, "console-consumer-1": 24, "группа": 8]
        let scene = try scene(partitions: 50) { directory, topic in
            for (group, index) in groups {
                try append(
                    [Self.offset(group, 0, 1), Self.offset(group, 1, 2)], to: topic.partitions[index], directory)
            }
        }
        for group in groups.keys {
            #expect(try (scene.committed(group, "t"), scene.committed(group, "t", 1)) == (1, 2))
        }
        #expect(try scene.commit("g1", "t", 0, 3) == .none)
        let topic = try #require(scene.directory.topic(named: TopicName.offsets))
        #expect(topic.partitions.count == 50)
        #expect(topic.partitions.map(\.highWatermark).enumerated().filter { $1 > 2 }.map(\.offset) == [42])
        try scene.reopen()
        #expect(try (scene.committed("g1", "t"), scene.committed("my-group", "t")) == (3, 1))
    }

    /// Makes a broker's directory of one that is closed, and adopts it; no node starts on it.
    private func adopt(_ path: String) throws {
        for name in ["__penstock_topics-0", "__penstock_positions-0"] {
            try FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
        try "version=1\ncluster.id=abc\nnode.id=1\n"
            .write(toFile: "\(path)/meta.properties", atomically: true, encoding: .utf8)
        var options = LogOptions()
        options.adopt = true
        try DataDirectory.open(path, options: options).close()
    }

    @Test("offsets that were adopted, by whatever version, are compacted from the next start on")
    func adopted() throws {
        let scene = try scene(partitions: 1, configuration: ["segment.bytes": "2000"]) { directory, topic in
            for number in 0..<100 {
                try append([Self.offset("g", 0, Int64(number % 3))], to: topic.partitions[0], directory)
            }
        }
        try scene.reopen { try adopt(scene.path) }
        let topic = try #require(scene.directory.topic(named: TopicName.offsets))
        #expect(topic.isInternal && topic.settings.cleanupPolicy == .compact)
        #expect((topic.settings.segmentBytes, topic.settings.maxMessageBytes) == (16 << 20, 16 << 20))
        let before = topic.partitions[0].size
        while let done = try scene.directory.clean(now: 2, pace: { _ in true }) { #expect(done.objection == nil) }
        #expect(topic.partitions[0].size < before / 4)
        #expect(try scene.committed("g", "t") == 0)
        try scene.reopen()
        #expect(try scene.committed("g", "t") == 0)
    }

    @Test("what an operator says of the group offsets stays, but that they are compacted")
    func altered() throws {
        let scene = try NodeScene()
        let own = ["cleanup.policy": "delete", "segment.bytes": "2097152", "flush.ms": "5"]
        try scene.directory.alterTopic(named: TopicName.offsets, configuration: own)
        try scene.reopen()
        let topic = try #require(scene.directory.topic(named: TopicName.offsets))
        #expect(topic.settings.cleanupPolicy == .compact)
        #expect((topic.settings.segmentBytes, topic.settings.flushMilliseconds) == (2 << 20, 5))
        #expect(topic.settings.retentionMilliseconds == -1)
    }

    @Test("offsets of a transaction count once it is committed, those of an aborted or an open one do not")
    func transactions() throws {
        let scene = try scene(partitions: 1) { directory, topic in
            let partition = topic.partitions[0]
            func end(_ producer: Int64, _ outcome: TransactionMarker.Outcome) throws {
                _ = try directory.append(
                    TransactionMarker(outcome, coordinatorEpoch: 0), producer: producer, epoch: 0, timestamp: 1,
                    to: partition)
            }
            try append((0..<6).map { try Self.offset("g", $0, 0) }, to: partition, directory)
            try append([Self.offset("g", 0, 1)], to: partition, directory, producer: 1, sequence: 0)
            try append([Self.offset("g", 1, 1)], to: partition, directory, producer: 2, sequence: 0)
            try append([Self.offset("g", 2, 1)], to: partition, directory, producer: 3, sequence: 0)
            try append(
                [Self.offset("g", 3, 1), Self.offset("g", 4, 1)], to: partition, directory, producer: 4, sequence: 0)
            // Newer than what the fourth transaction says, which is committed later.
            try append([Self.offset("g", 3, 2)], to: partition, directory)
            try end(1, .commit)
            try end(2, .abort)
            try end(4, .commit)
        }
        #expect(try (0..<6).map { try scene.committed("g", "t", $0) } == [1, 0, 0, 2, 1, 0])
    }

    @Test("what is not known is passed over and reported, and the rest is loaded")
    func unknown() throws {
        let scene = try scene(partitions: 5) { directory, topic in
            let partition = topic.partitions[GroupPartition.index(of: "g1", count: 5)]
            var newer = try Self.offset("g1", 1, 1)
            newer.value?[1] = 9
            var cut = try Self.offset("g1", 2, 1)
            cut.value = Array((cut.value ?? []).prefix(5))
            let newKind = Record(timestamp: 1, key: [0, 3, 0, 2, 103, 49], value: [0, 0, 0, 0])
            try append(
                [
                    newer, newKind, newKind, cut, Record(timestamp: 1, value: [1]), Self.offset("g1", 3, 2),
                    Self.offset("g1", 4, 1), Self.offset("g1", 4, nil),
                ], to: partition, directory)
        }
        #expect(try (1..<5).map { try scene.committed("g1", "t", $0) } == [-1, -1, 2, -1])
        let logged = scene.logged.withLock { $0 }.filter { $0.contains("passed over") }
        #expect(logged.contains { $0.contains("2 times: a record of kind 3") }, "\(logged)")
        #expect(logged.contains { $0.contains("version 9") }, "\(logged)")
        #expect(logged.contains { $0.contains("without a key") }, "\(logged)")
        #expect(logged.count == 4, "\(logged)")
    }

    @Test(
        "Kafka's own records of groups and offsets are loaded, of every version",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)),
        arguments: 0...4)
    func vectors(version: Int) throws {
        func bytes(_ name: String) throws -> [UInt8] {
            try Shared.bytes("vectors/coordinator/coffsets-\(name)-java.bin")
        }
        let scene = try NodeScene()
        try scene.create("t1", partitions: 6)
        _ = try scene.produce("t1", NodeScene.batch((0..<50).map { "\($0)" }), partition: 5)
        try scene.reopen {
            let directory = try DataDirectory.open(scene.path)
            try directory.deleteTopic(TopicName.offsets)
            let topic = try directory.createTopic(TopicName.offsets, partitions: 50, configuration: [:], internal: true)
            try append(
                [
                    Record(timestamp: 1, key: bytes("offset-key-v1"), value: bytes("offset-value-v\(version)")),
                    Record(timestamp: 1, key: bytes("groupmeta-key-v2"), value: bytes("groupmeta-value-v\(version)")),
                ], to: topic.partitions[42], directory)
            try directory.close()
        }
        #expect(try scene.committed("g1", "t1", 5) == 42)
        var request = DescribeGroupsRequest()
        request.groups = ["g1"]
        let group = try answer { scene.node.describeGroups(request, scene.context(5), $0) }.groups[0]
        #expect(group.members.map(\.memberId) == ["m-1"])
        #expect(group.protocolData == "range")
    }
}
