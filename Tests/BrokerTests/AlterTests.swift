import Broker
import CommitLog
import KafkaProtocol
import Records
import TestSupport
import Testing

@Suite("Changing topics that are there")
struct AlterTests {
    private let scene: NodeScene

    init() throws { scene = try NodeScene() }

    // MARK: IncrementalAlterConfigs

    private typealias Change = (name: String, operation: Int8, value: String?)

    private func increment(
        _ topic: String, _ changes: [Change], type: Int8 = 2, validateOnly: Bool = false, times: Int = 1
    ) throws -> IncrementalAlterConfigsResponse {
        var resource = IncrementalAlterConfigsRequest.Resources()
        (resource.resourceType, resource.resourceName) = (type, topic)
        resource.configs = changes.map { change in
            var config = IncrementalAlterConfigsRequest.Configs()
            (config.name, config.configOperation, config.value) = change
            return config
        }
        var request = IncrementalAlterConfigsRequest()
        request.resources = Array(repeating: resource, count: times)
        request.validateOnly = validateOnly
        return try answer { scene.node.incrementalAlterConfigs(request, scene.context(1), $0) }
    }

    private func code(_ topic: String, _ changes: [Change], type: Int8 = 2) throws -> ErrorCode {
        try increment(topic, changes, type: type).responses[0].errorCode
    }

    private func configuration(_ topic: String = "t") -> [String: String]? {
        scene.directory.topic(named: topic)?.configuration
    }

    @Test("single settings are set, taken back, added to and subtracted from, and stay so after a restart")
    func incremental() throws {
        try scene.create("t", partitions: 1, ["retention.ms": "5", "flush.ms": "9"])
        let changes: [Change] = [
            ("retention.ms", 0, "7"), ("flush.ms", 1, nil), ("cleanup.policy", 2, "compact,delete"),
        ]
        #expect(try code("t", changes) == .none)
        #expect(configuration() == ["retention.ms": "7", "cleanup.policy": "delete,compact"])
        #expect(try code("t", [("cleanup.policy", 3, "delete")]) == .none)
        let expected = ["retention.ms": "7", "cleanup.policy": "compact"]
        #expect(configuration() == expected)
        #expect(scene.directory.topic(named: "t")?.settings.cleanupPolicy == .compact)
        try scene.reopen()
        #expect(configuration() == expected)
    }

    @Test("what cannot be changed is refused with Kafka's error, and nothing of the resource changes")
    func refusals() throws {
        try scene.create("t", partitions: 1, ["flush.ms": "9"])
        let good: Change = ("retention.ms", 0, "7")
        #expect(try code("u", [good]) == .unknownTopicOrPartition)
        #expect(try code("", [good]) == .invalidRequest)
        #expect(try code("t", [good, ("no.such", 0, "1")]) == .invalidConfig)
        #expect(try code("t", [good, ("segment.ms", 0, "0")]) == .invalidConfig)
        #expect(try code("t", [good, ("segment.bytes", 0, "14")]) == .invalidConfig)
        #expect(try code("t", [good, ("flush.ms", 2, "1")]) == .invalidConfig)
        #expect(try code("t", [good, ("flush.ms", 0, nil)]) == .invalidRequest)
        #expect(try code("t", [good, ("flush.ms", 4, "1")]) == .invalidRequest)
        #expect(try code("t", [good, good]) == .invalidRequest)
        #expect(try code("__penstock_positions", [good]) == .invalidTopicException)
        #expect(try code("t", [good], type: 8) == .invalidRequest)
        #expect(try code("1", [good], type: 4) == .invalidRequest)
        #expect(try code("2", [], type: 4) == .invalidRequest)
        #expect(try code("1", [], type: 4) == .none)
        #expect(configuration() == ["flush.ms": "9"])
    }

    @Test("group offsets stay compacted whatever is asked for, and what else is said of them counts")
    func offsets() throws {
        let topic = "__consumer_offsets"
        let before = try #require(configuration(topic))
        #expect(before["cleanup.policy"] == "compact")
        let good: Change = ("flush.ms", 0, "7")
        let refused: [Change] = [
            ("cleanup.policy", 0, "delete"), ("cleanup.policy", 0, ""), ("cleanup.policy", 1, nil),
            ("cleanup.policy", 2, "delete"), ("cleanup.policy", 3, "compact"),
        ]
        for change in refused {
            for validateOnly in [true, false] {
                let answer = try increment(topic, [good, change], validateOnly: validateOnly).responses[0]
                #expect(answer.errorCode == .invalidConfig, "\(change)")
                #expect(answer.errorMessage?.contains("cleanup.policy: expected compact") == true, "\(change)")
            }
        }
        #expect(try scene.configure(topic, ["flush.ms": "7"]) == .invalidConfig, "the default is to delete")
        #expect(configuration(topic) == before)
        #expect(try code(topic, [good, ("cleanup.policy", 0, "compact")]) == .none)
        #expect(configuration(topic) == before.merging(["flush.ms": "7"]) { $1 })
        #expect(try scene.configure(topic, ["flush.ms": "8", "cleanup.policy": " compact "]) == .none)
        #expect(scene.directory.topic(named: topic)?.settings.flushMilliseconds == 8)
    }

    @Test("a resource that is named twice is answered once, with an error")
    func repeated() throws {
        try scene.create("t")
        let responses = try increment("t", [("retention.ms", 0, "7")], times: 3).responses
        #expect(responses.map(\.errorCode) == [.invalidRequest])
        #expect(configuration() == [:])
    }

    @Test("a change that is only to be validated changes nothing, and is refused where the change would be")
    func validateOnly() throws {
        try scene.create("t")
        #expect(try increment("t", [("flush.ms", 0, "7")], validateOnly: true).responses[0].errorCode == .none)
        #expect(try increment("t", [("flush.ms", 0, "x")], validateOnly: true).responses[0].errorCode == .invalidConfig)
        #expect(configuration() == [:])
    }

    // MARK: AlterConfigs

    @Test("AlterConfigs replaces everything that the topic had")
    func replacing() throws {
        try scene.create("t", partitions: 1, ["retention.ms": "5", "flush.ms": "9"])
        var request = AlterConfigsRequest()
        func ask(_ configs: [(String, String?)], validateOnly: Bool = false) throws -> ErrorCode {
            var resource = AlterConfigsRequest.Resources()
            (resource.resourceType, resource.resourceName) = (2, "t")
            resource.configs = configs.map { name, value in
                var config = AlterConfigsRequest.Configs()
                (config.name, config.value) = (name, value)
                return config
            }
            request.resources = [resource]
            request.validateOnly = validateOnly
            return try answer { scene.node.alterConfigs(request, scene.context(2), $0) }.responses[0].errorCode
        }
        #expect(try ask([("flush.ms", "3")], validateOnly: true) == .none)
        #expect(try ask([("flush.ms", nil)]) == .invalidRequest)
        #expect(try ask([("flush.ms", "3"), ("flush.ms", "4")]) == .invalidRequest)
        #expect(try ask([("flush.ms", "-3")]) == .invalidConfig)
        #expect(configuration() == ["retention.ms": "5", "flush.ms": "9"])
        #expect(try ask([("flush.ms", "3")]) == .none)
        #expect(configuration() == ["flush.ms": "3"])
    }

    // MARK: CreatePartitions

    private func grow(
        _ topic: String, to count: Int32, brokers: [[Int32]]? = nil, validateOnly: Bool = false, times: Int = 1
    ) throws -> [ErrorCode] {
        var wanted = CreatePartitionsRequest.Topics()
        (wanted.name, wanted.count) = (topic, count)
        wanted.assignments = brokers.map { brokers in
            brokers.map { ids in
                var assignment = CreatePartitionsRequest.Assignments()
                assignment.brokerIds = ids
                return assignment
            }
        }
        var request = CreatePartitionsRequest()
        request.topics = Array(repeating: wanted, count: times)
        request.validateOnly = validateOnly
        return try answer { scene.node.createPartitions(request, scene.context(3), $0) }.results.map(\.errorCode)
    }

    @Test("partitions come at once, and only more of them")
    func partitions() throws {
        try scene.create("t", partitions: 2)
        #expect(try grow("t", to: 2) == [.invalidPartitions])
        #expect(try grow("t", to: 1) == [.invalidPartitions])
        #expect(try grow("u", to: 3) == [.unknownTopicOrPartition])
        #expect(try grow("t", to: 3, times: 2) == [.invalidRequest])
        #expect(try grow("t", to: 4, brokers: [[1]]) == [.invalidReplicaAssignment])
        #expect(try grow("t", to: 3, brokers: [[2]]) == [.invalidReplicaAssignment])
        #expect(try grow("t", to: 20_000) == [.policyViolation])
        #expect(try grow("__consumer_offsets", to: 3) == [.invalidTopicException])
        #expect(try grow("t", to: 3, validateOnly: true) == [.none])
        #expect(scene.directory.topic(named: "t")?.partitions.count == 2)
        #expect(try grow("t", to: 4, brokers: [[1], [1]]) == [.none])
        #expect(try scene.produce("t", NodeScene.batch(["a"]), partition: 3).errorCode == .none)
        try scene.reopen()
        #expect(try scene.values("t", 3) == ["a"])
    }

    // MARK: DeleteRecords

    private func delete(_ topic: String, _ parts: [(Int32, Int64)]) throws -> [DeleteRecordsResponse.Partitions] {
        var wanted = DeleteRecordsRequest.Topics()
        wanted.name = topic
        wanted.partitions = parts.map { index, offset in
            var part = DeleteRecordsRequest.Partitions()
            (part.partitionIndex, part.offset) = (index, offset)
            return part
        }
        var request = DeleteRecordsRequest()
        request.topics = [wanted]
        return try answer { scene.node.deleteRecords(request, scene.context(2), $0) }.topics[0].partitions
    }

    @Test("records below an offset are gone for readers, also after a restart")
    func deleteRecords() throws {
        try scene.create("t", partitions: 2)
        _ = try scene.produce("t", NodeScene.batch(["a", "b", "c"]))
        let answers = try delete("t", [(0, 2), (1, -1), (2, 0), (0, 1)])
        #expect(answers.map(\.lowWatermark) == [2, 0, -1, -1])
        #expect(answers.map(\.errorCode) == [.none, .none, .unknownTopicOrPartition, .invalidRequest])
        for _ in 0..<2 {
            #expect(try scene.fetch("t", from: 1).errorCode == .offsetOutOfRange)
            let fetched = try scene.fetch("t", from: 2)
            #expect(fetched.logStartOffset == 2 && fetched.highWatermark == 3)
            #expect(try NodeScene.records(in: fetched).filter { $0.offset >= 2 }.count == 1)
            try scene.reopen()
        }
        #expect(try delete("t", [(0, 1)])[0].lowWatermark == 2)
        #expect(try delete("t", [(0, 4)])[0].errorCode == .offsetOutOfRange)
        #expect(try delete("t", [(0, -2)])[0].errorCode == .offsetOutOfRange)
        #expect(try delete("t", [(0, -1)])[0].lowWatermark == 3)
    }

    @Test("records of a topic that is only compacted, or belongs to the broker, are not deleted")
    func undeletable() throws {
        try scene.create("c", partitions: 1, ["cleanup.policy": "compact"])
        try scene.create("both", partitions: 1, ["cleanup.policy": "compact,delete"])
        #expect(try delete("c", [(0, 0)])[0].errorCode == .policyViolation)
        #expect(try delete("both", [(0, 0)])[0].errorCode == .none)
        #expect(try delete("__consumer_offsets", [(0, 0)])[0].errorCode == .invalidTopicException)
        #expect(try delete("u", [(0, 0)])[0].errorCode == .unknownTopicOrPartition)
    }
}
