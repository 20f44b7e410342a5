import Broker
import CommitLog
import KafkaProtocol
import Platform
import Records
import Testing

@Suite("Topics")
struct TopicTests {
    private func metadata(
        _ scene: NodeScene, _ names: [String]?, version: Int16 = 9, creates: Bool = true
    ) throws -> MetadataResponse {
        var request = MetadataRequest()
        request.topics = names.map { names in
            names.map { name in
                var topic = MetadataRequest.Topics()
                topic.name = name
                return topic
            }
        }
        request.allowAutoTopicCreation = creates
        return try answer { scene.node.metadata(request, scene.context(version), $0) }
    }

    @Test("metadata names the broker and all topics, the internal ones as such")
    func everything() throws {
        let scene = try NodeScene()
        try scene.create("t", partitions: 3)
        let all = try metadata(scene, nil)
        #expect(all.brokers.map(\.nodeId) == [1] && all.brokers[0].host == "here" && all.brokers[0].port == 9092)
        #expect(all.controllerId == 1 && all.clusterId == scene.directory.clusterId)
        let topic = try #require(all.topics.first { $0.name == "t" })
        #expect(topic.partitions.map(\.partitionIndex) == [0, 1, 2])
        #expect(topic.partitions.allSatisfy { $0.leaderId == 1 && $0.replicaNodes == [1] && $0.isrNodes == [1] })
        #expect(topic.topicId != .zero && !topic.isInternal)
        #expect(all.topics.first { $0.name == "__consumer_offsets" }?.isInternal == true)
        #expect(try metadata(scene, [], version: 0).topics.count == all.topics.count, "version 0 says all with none")
        #expect(try metadata(scene, []).topics.isEmpty)
    }

    @Test("the address that clients are given can be set once it is known")
    func advertised() throws {
        let scene = try NodeScene()
        scene.node.advertise(Node.Endpoint(host: "there", port: 1234))
        let broker = try metadata(scene, []).brokers[0]
        #expect(broker.host == "there" && broker.port == 1234)
    }

    @Test("an unknown topic is made with eight partitions and answered at once")
    func autoCreation() throws {
        let scene = try NodeScene()
        let answer = try metadata(scene, ["new"])
        #expect(answer.topics[0].errorCode == .none)
        #expect(answer.topics[0].partitions.count == 8)
        #expect(try metadata(scene, ["new"]).topics[0].topicId == answer.topics[0].topicId)
    }

    @Test("an unknown topic is not made when the client or the options do not want it")
    func noAutoCreation() throws {
        let scene = try NodeScene()
        #expect(try metadata(scene, ["new"], creates: false).topics[0].errorCode == .unknownTopicOrPartition)
        #expect(try metadata(scene, ["new"], version: 3, creates: false).topics[0].errorCode == .none)
        let strict = try NodeScene { $0.createsTopics = false }
        #expect(try metadata(strict, ["new"]).topics[0].errorCode == .unknownTopicOrPartition)
    }

    @Test(
        "illegal names are answered as such",
        arguments: ["", ".", "..", "a b", "ä", String(repeating: "x", count: 250)])
    func illegal(_ name: String) throws {
        let scene = try NodeScene()
        #expect(try metadata(scene, [name]).topics[0].errorCode == .invalidTopicException)
        #expect(try metadata(scene, [name], creates: false).topics[0].errorCode == .invalidTopicException)
        #expect(try scene.create(name) == .invalidTopicException)
    }

    @Test("a topic is found by its id from version 10 on")
    func byID() throws {
        let scene = try NodeScene()
        try scene.create("t")
        var request = MetadataRequest()
        var known = MetadataRequest.Topics()
        known.topicId = try #require(scene.directory.topic(named: "t")).id
        var unknown = MetadataRequest.Topics()
        unknown.topicId = TopicID(high: 1, low: 2)
        request.topics = [known, unknown]
        let topics = try answer { scene.node.metadata(request, scene.context(12), $0) }.topics
        #expect(topics[0].name == "t" && topics[0].errorCode == .none)
        #expect(topics[1].name == nil && topics[1].errorCode == .unknownTopicId)
    }

    @Test("what is wrong with a new topic has an error of its own")
    func creation() throws {
        let scene = try NodeScene { $0.maxPartitions = 100 }
        #expect(try scene.create("t") == .none)
        #expect(try scene.create("t") == .topicAlreadyExists)
        #expect(try scene.create("zero", partitions: 0) == .invalidPartitions)
        #expect(try scene.create("less", partitions: -2) == .invalidPartitions)
        #expect(try scene.create("many", partitions: 101) == .policyViolation)
        #expect(try scene.create("a.b") == .none)
        #expect(try scene.create("a_b") == .invalidTopicException)
        #expect(try scene.create("__penstock_mine") == .invalidTopicException)
        #expect(try scene.create("c", partitions: 1, ["no.such": "1"]) == .invalidConfig)
        #expect(try scene.create("c", partitions: 1, ["retention.ms": "soon"]) == .invalidConfig)
        #expect(try scene.create("c", partitions: 1, ["cleanup.policy": "burn"]) == .invalidConfig)
        for (name, value) in [
            ("segment.bytes", "14"), ("segment.bytes", "1048575"), ("max.message.bytes", "104857601"),
        ] {
            #expect(try scene.create("c", partitions: 1, [name: value]) == .invalidConfig)
        }
        let edge = ["segment.bytes": "1048576", "max.message.bytes": "104857600"]
        #expect(try scene.create("edge", partitions: 1, edge) == .none)
        #expect(try scene.create("c", partitions: 1, ["retention.ms": "1000"]) == .none)
        #expect(scene.directory.topic(named: "c")?.configuration == ["retention.ms": "1000"])
        #expect(try scene.create("standard", partitions: -1) == .none)
        #expect(scene.directory.topic(named: "standard")?.partitions.count == 8)
    }

    @Test("replicas, assignments and names given twice are checked")
    func assignments() throws {
        let scene = try NodeScene()
        func create(_ change: (inout CreateTopicsRequest) -> Void) throws -> [ErrorCode] {
            var request = CreateTopicsRequest()
            var topic = CreateTopicsRequest.Topics()
            topic.name = "t"
            (topic.numPartitions, topic.replicationFactor) = (1, 1)
            request.topics = [topic]
            change(&request)
            return try answer { scene.node.createTopics(request, scene.context(7), $0) }.topics.map(\.errorCode)
        }
        func assign(_ brokers: [[Int32]], _ topic: inout CreateTopicsRequest.Topics) {
            (topic.numPartitions, topic.replicationFactor) = (-1, -1)
            topic.assignments = brokers.enumerated().map { index, brokers in
                var one = CreateTopicsRequest.Assignments()
                (one.partitionIndex, one.brokerIds) = (Int32(index), brokers)
                return one
            }
        }
        #expect(try create { $0.topics[0].replicationFactor = 2 } == [.invalidReplicationFactor])
        #expect(try create { $0.topics[0].replicationFactor = 0 } == [.invalidReplicationFactor])
        #expect(try create { assign([[2]], &$0.topics[0]) } == [.invalidReplicaAssignment])
        #expect(
            try create {
                assign([[1]], &$0.topics[0])
                $0.topics[0].numPartitions = 1
            } == [.invalidRequest])
        #expect(
            try create { request in
                request.topics.append(request.topics[0])
                (request.topics[0].name, request.topics[1].name) = ("a.b", "a_b")
            } == [.none, .invalidTopicException])
        #expect(try create { $0.topics.append($0.topics[0]) } == [.invalidRequest])
        for value in [nil, " 14", " 2147483648 "] as [String?] {
            let code = try create { request in
                var config = CreateTopicsRequest.Configs()
                (config.name, config.value) = ("segment.bytes", value)
                request.topics[0].configs = [config]
            }
            #expect(code == [.invalidConfig], "segment.bytes \(value ?? "null")")
        }
        #expect(try create { $0.validateOnly = true } == [.none])
        #expect(scene.directory.topic(named: "t") == nil, "it was only to be validated")
        #expect(try create { assign([[1], [1]], &$0.topics[0]) } == [.none])
        #expect(scene.directory.topic(named: "t")?.partitions.count == 2)
    }

    @Test("topics are deleted by name or id; the broker's own are not")
    func deletion() throws {
        let scene = try NodeScene()
        try scene.create("t")
        #expect(try scene.delete("u") == .unknownTopicOrPartition)
        #expect(try scene.delete("__consumer_offsets") == .invalidTopicException)
        #expect(try scene.delete("t") == .none)
        #expect(scene.directory.topic(named: "t") == nil)
        try scene.create("t")
        func delete(_ name: String?, _ id: TopicID) throws -> ErrorCode {
            var request = DeleteTopicsRequest()
            var topic = DeleteTopicsRequest.Topics()
            (topic.name, topic.topicId) = (name, id)
            request.topics = [topic]
            return try answer { scene.node.deleteTopics(request, scene.context(6), $0) }.responses[0].errorCode
        }
        let id = try #require(scene.directory.topic(named: "t")).id
        #expect(try delete("t", id) == .invalidRequest)
        #expect(try delete(nil, .zero) == .invalidRequest)
        #expect(try delete(nil, TopicID(high: 9, low: 9)) == .unknownTopicId)
        var twice = DeleteTopicsRequest()
        twice.topics = [("t", .zero), (nil, id), ("u", .zero)].map { name, id in
            var topic = DeleteTopicsRequest.Topics()
            (topic.name, topic.topicId) = (name, id)
            return topic
        }
        let answers = try answer { scene.node.deleteTopics(twice, scene.context(6), $0) }.responses
        #expect(answers.map(\.errorCode) == [.invalidRequest, .invalidRequest, .unknownTopicOrPartition])
        #expect(scene.directory.topic(named: "t") != nil, "nothing that is named twice goes")
        #expect(try delete(nil, id) == .none)
        #expect(scene.directory.topic(named: "t") == nil)
    }

    @Test("a pipeline gets its topic, new or as it is, with a warning when it has other partitions")
    func pipelines() throws {
        let scene = try NodeScene()
        let (topic, silence) = try scene.node.topic(
            forPipeline: "p", partitions: 3, configuration: ["retention.bytes": "1000"])
        #expect(topic.partitions.count == 3 && silence == nil)
        #expect(topic.configuration == ["retention.bytes": "1000"])
        let (same, warning) = try scene.node.topic(forPipeline: "p", partitions: 4, configuration: [:])
        #expect(same === topic)
        #expect(warning == "topic p has 3 partitions and keeps them; the pipeline asks for 4")
        #expect(try scene.delete("p") == .none)
        let (again, _) = try scene.node.topic(forPipeline: "p", partitions: 4, configuration: [:])
        #expect(again.id != topic.id && again.partitions.count == 4)
        #expect(throws: TopicFailure.self) {
            try scene.node.topic(forPipeline: "a b", partitions: 1, configuration: [:])
        }
    }

    @Test("configurations are told with where they come from")
    func configs() throws {
        let scene = try NodeScene()
        try scene.create("t", partitions: 1, ["retention.ms": "5"])
        var request = DescribeConfigsRequest()
        func ask(_ type: Int8, _ name: String, _ keys: [String]? = nil) throws -> DescribeConfigsResponse.Results {
            var resource = DescribeConfigsRequest.Resources()
            (resource.resourceType, resource.resourceName, resource.configurationKeys) = (type, name, keys)
            request.resources = [resource]
            return try answer { scene.node.describeConfigs(request, scene.context(4), $0) }.results[0]
        }
        request.includeSynonyms = true
        let topic = try ask(2, "t", ["retention.ms", "segment.bytes"])
        #expect(topic.configs.map(\.name) == ["retention.ms", "segment.bytes"])
        #expect(topic.configs.map(\.value) == ["5", "1073741824"])
        #expect(topic.configs.map(\.configSource) == [1, 5])
        #expect(topic.configs[0].synonyms.map(\.source) == [1])
        #expect(try ask(2, "t").configs.count > 20)
        #expect(try ask(2, "u").errorCode == .unknownTopicOrPartition)
        #expect(try ask(4, "1", ["num.partitions"]).configs.map(\.value) == ["8"])
        let broker = try ask(4, "1", ["log.segment.bytes", "log.retention.check.interval.ms"])
        #expect(broker.configs.map(\.value) == ["300000", "1073741824"])
        #expect(broker.configs.map(\.configSource) == [4, 5])
        #expect(try ask(4, "2").errorCode == .invalidRequest)
        #expect(try ask(8, "1").errorCode == .invalidRequest)
    }

    @Test("the cluster is this broker")
    func cluster() throws {
        let scene = try NodeScene()
        var request = DescribeClusterRequest()
        let response = try answer { scene.node.describeCluster(request, scene.context(1), $0) }
        #expect(response.errorCode == .none && response.brokers.map(\.brokerId) == [1])
        request.endpointType = 2
        let controller = try answer { scene.node.describeCluster(request, scene.context(1), $0) }
        #expect(controller.errorCode == .mismatchedEndpointType)
    }

    @Test("topics that are named more than once are answered once, in the order in which they were first named")
    func repeatedNames() throws {
        let scene = try NodeScene()
        try scene.create("t")
        for creates in [true, false] {
            let topics = try metadata(scene, ["u v", "t", "new", "t", "u v", "new"], creates: creates).topics
            #expect(topics.map(\.name) == ["u v", "t", "new"])
        }
        var request = MetadataRequest()
        request.topics = ([1, 2, 1] as [UInt64]).map { number in
            var topic = MetadataRequest.Topics()
            topic.topicId = TopicID(high: 7, low: number)
            return topic
        }
        let unknown = try answer { scene.node.metadata(request, scene.context(12), $0) }.topics
        #expect(unknown.map(\.topicId.low) == [1, 2])
    }

    @Test("resources that are named more than once are described once")
    func repeatedResources() throws {
        let scene = try NodeScene()
        try scene.create("1")
        var request = DescribeConfigsRequest()
        let named: [(Int8, String)] = [(2, "1"), (4, "1"), (2, "1"), (2, "u"), (4, "1"), (2, "u")]
        request.resources = named.map { type, name in
            var resource = DescribeConfigsRequest.Resources()
            (resource.resourceType, resource.resourceName) = (type, name)
            return resource
        }
        let results = try answer { scene.node.describeConfigs(request, scene.context(4), $0) }.results
        #expect(results.map(\.resourceType) == [2, 4, 2])
        #expect(results.map(\.resourceName) == ["1", "1", "u"])
    }

    @Test("however many topics of a request cannot be made, the log gets one line")
    func oneLine() throws {
        let scene = try NodeScene()
        let illegal = try metadata(scene, (0..<500).map { "not legal \($0)" }).topics
        #expect(illegal.count == 500 && illegal.allSatisfy { $0.errorCode == .invalidTopicException })
        #expect(scene.logged.withLock { $0.count } <= 1)
        scene.logged.withLock { $0 = [] }
        let reserved = try metadata(scene, (0..<50).map { "__penstock_\($0)" }).topics
        #expect(reserved.count == 50 && reserved.allSatisfy { $0.errorCode == .invalidTopicException })
        #expect(scene.logged.withLock { $0.count } == 1)
    }

    @Test("one request makes so many topics and no more; the others are made when it is sent again")
    func boundedAutoCreation() throws {
        let scene = try NodeScene { $0.maxAutoCreatedTopics = 2 }
        let names = ["a", "b", "c"]
        #expect(try metadata(scene, names).topics.map(\.errorCode) == [.none, .none, .unknownTopicOrPartition])
        #expect(scene.directory.topic(named: "c") == nil)
        #expect(try metadata(scene, names).topics.map(\.errorCode) == [.none, .none, .none])
    }

    @Test("producers do not wait for topics that come and go", arguments: ["metadata", "create", "delete"])
    func producersGoOn(_ change: String) throws {
        let gate = SyncGate()
        let scene = try NodeScene(disk: gate.disk) { $0.workers = 1 }
        try scene.create("t")
        try scene.create("old")
        gate.hold()
        defer { gate.letGo() }
        let changed = Answer<Bool>()
        switch change {
        case "metadata":
            var request = MetadataRequest()
            var topic = MetadataRequest.Topics()
            topic.name = "new"
            request.topics = [topic]
            scene.node.metadata(request, scene.context(9)) { _ in changed.give(true) }
        case "create":
            var request = CreateTopicsRequest()
            var topic = CreateTopicsRequest.Topics()
            (topic.name, topic.numPartitions, topic.replicationFactor) = ("new", 1, 1)
            request.topics = [topic]
            scene.node.createTopics(request, scene.context(7)) { _ in changed.give(true) }
        default:
            var request = DeleteTopicsRequest()
            request.topicNames = ["old"]
            scene.node.deleteTopics(request, scene.context(5)) { _ in changed.give(true) }
        }
        try gate.waitForSync()
        #expect(try scene.produce("t", NodeScene.batch(["a"]), acks: 1).errorCode == .none)
        #expect(changed.now == nil)
        gate.letGo()
        _ = try changed.wait()
    }
}
