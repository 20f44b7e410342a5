package import CommitLog
package import KafkaProtocol
import Records

/// Topics come and go: CreateTopics, DeleteTopics, and what pipelines ask for.
extension Node {
    /// The topic that a pipeline writes to: the existing one, or a new one.
    ///
    /// Blocks for the disk. Called again when the topic was deleted beneath the pipeline.
    /// - Returns: the topic, and a sentence if it is not as wanted: an existing topic keeps its partitions.
    package func topic(
        forPipeline name: String, partitions: Int, configuration: [String: String]
    ) throws(TopicFailure) -> (topic: Topic, warning: String?) {
        var census: TopicCensus?
        let topic = try ensureTopic(
            name, partitions: Int32(clamping: partitions), configuration: configuration, &census)
        guard topic.partitions.count != partitions else { return (topic, nil) }
        return (
            topic,
            "topic \(name) has \(topic.partitions.count) partitions and keeps them; the pipeline asks for \(partitions)"
        )
    }

    /// The topic of that name, made if it is missing.
    /// - Parameter census: taken when it is needed; for further topics of the same request.
    func ensureTopic(
        _ name: String, partitions: Int32, configuration: [String: String], _ census: inout TopicCensus?
    ) throws(TopicFailure) -> Topic {
        if let topic = directory.topic(named: name) { return topic }
        do throws(TopicFailure) {
            return try createTopic(name, partitions: partitions, configuration: configuration, &census)
        } catch {
            // Someone else was faster.
            if error.code == .topicAlreadyExists, let topic = directory.topic(named: name) { return topic }
            throw error
        }
    }

    private func createTopic(
        _ name: String, partitions: Int32, configuration: [String: String], _ census: inout TopicCensus?
    ) throws(TopicFailure) -> Topic {
        try checkNewTopic(name, partitions: partitions, configuration: configuration, &census)
        do throws(StorageError) {
            let topic = try directory.createTopic(name, partitions: Int(partitions), configuration: configuration)
            census?.add(topic)
            return topic
        } catch {
            throw TopicFailure(code: ErrorCode(error), message: "\(error)")
        }
    }

    private func checkNewTopic(
        _ name: String, partitions: Int32, configuration: [String: String], _ census: inout TopicCensus?
    ) throws(TopicFailure) {
        if let problem = Topic.objection(to: name) {
            throw TopicFailure(code: .invalidTopicException, message: problem)
        }
        guard !name.hasPrefix(TopicName.reservedPrefix), name != TopicName.offsets else {
            throw TopicFailure(
                code: .invalidTopicException, message: "names like \(name) are kept for the broker itself")
        }
        guard partitions > 0 else {
            throw TopicFailure(
                code: .invalidPartitions, message: "a topic has at least one partition, not \(partitions)")
        }
        guard directory.topic(named: name) == nil else {
            throw TopicFailure(code: .topicAlreadyExists, message: "topic \(name) already exists")
        }
        let known = census ?? TopicCensus(directory.topics())
        census = known
        if let other = known.holder(of: name) {
            throw TopicFailure(
                code: .invalidTopicException,
                message: "\(name) collides with topic \(other): '.' and '_' count as the same")
        }
        let total = known.partitions + Int(partitions)
        guard total <= options.maxPartitions else {
            throw TopicFailure(
                code: .policyViolation,
                message: "\(total) partitions are more than the \(options.maxPartitions) that this broker may have")
        }
        try TopicConfiguration.check(configuration)
    }

    /// Versions 2–7.
    package func createTopics(
        _ request: CreateTopicsRequest, _ context: RequestContext, _ respond: @escaping Respond<CreateTopicsResponse>
    ) {
        let accepted = topicWorker.submit { [self] in
            var response = CreateTopicsResponse()
            let repeated = request.topics.repeats(by: \.name)
            var census: TopicCensus?
            response.topics = request.topics.unique(by: \.name).map { topic in
                create(
                    topic, isRepeated: repeated.contains(topic.name), validateOnly: request.validateOnly, &census)
            }
            respond(response)
        }
        guard !accepted else { return }
        var response = CreateTopicsResponse()
        response.topics = request.topics.map { topic in
            var answer = CreateTopicsResponse.Topics()
            answer.name = topic.name
            answer.errorCode = .requestTimedOut
            answer.errorMessage = Self.busy
            return answer
        }
        respond(response)
    }

    private func create(
        _ wanted: CreateTopicsRequest.Topics, isRepeated: Bool, validateOnly: Bool, _ census: inout TopicCensus?
    ) -> CreateTopicsResponse.Topics {
        var answer = CreateTopicsResponse.Topics()
        answer.name = wanted.name
        do throws(TopicFailure) {
            guard !isRepeated else {
                throw TopicFailure(code: .invalidRequest, message: "topic \(wanted.name) is named more than once")
            }
            let partitions = try partitionCount(of: wanted)
            var configuration: [String: String] = [:]
            for config in wanted.configs {
                guard let value = config.value else {
                    throw TopicFailure(
                        code: .invalidConfig, message: "\(TopicName.cut(config.name)): null is no value")
                }
                configuration[config.name] = value
            }
            if validateOnly {
                try checkNewTopic(wanted.name, partitions: partitions, configuration: configuration, &census)
            } else {
                answer.topicId = try createTopic(
                    wanted.name, partitions: partitions, configuration: configuration, &census
                ).id
            }
            answer.numPartitions = partitions
            answer.replicationFactor = 1
            answer.configs = TopicConfiguration.created(configuration, defaults: directory.topicDefaults)
        } catch {
            answer.errorCode = error.code
            answer.errorMessage = error.message
        }
        return answer
    }

    private func partitionCount(of wanted: CreateTopicsRequest.Topics) throws(TopicFailure) -> Int32 {
        guard wanted.assignments.isEmpty else {
            guard wanted.numPartitions == -1, wanted.replicationFactor == -1 else {
                throw TopicFailure(
                    code: .invalidRequest, message: "give an assignment or numbers of partitions and replicas, not both"
                )
            }
            let indexes = wanted.assignments.map(\.partitionIndex).sorted()
            guard indexes == Array(0..<Int32(clamping: indexes.count)),
                wanted.assignments.allSatisfy({ $0.brokerIds == [options.nodeID] })
            else {
                throw TopicFailure(
                    code: .invalidReplicaAssignment,
                    message: "partitions must count from 0, each on broker \(options.nodeID) alone")
            }
            return Int32(clamping: indexes.count)
        }
        guard wanted.replicationFactor == -1 || wanted.replicationFactor == 1 else {
            throw TopicFailure(
                code: .invalidReplicationFactor,
                message: "there is one broker, so one replica, not \(wanted.replicationFactor)")
        }
        return wanted.numPartitions == -1 ? options.defaultPartitions : wanted.numPartitions
    }

    /// Versions 1–6. What groups have committed for a topic goes with it.
    package func deleteTopics(
        _ request: DeleteTopicsRequest, _ context: RequestContext, _ respond: @escaping Respond<DeleteTopicsResponse>
    ) {
        let wanted =
            context.version >= 6
            ? request.topics
            : request.topicNames.map { name in
                var topic = DeleteTopicsRequest.Topics()
                topic.name = name
                return topic
            }
        let accepted = topicWorker.submit { [self] in
            let ids = wanted.map { topic in topic.name.flatMap { directory.topic(named: $0)?.id } ?? topic.topicId }
            let repeated = ids.repeats { $0 }.subtracting([.zero])
            var response = DeleteTopicsResponse()
            response.responses = zip(wanted, ids).map { delete($0, isRepeated: repeated.contains($1)) }
            respond(response)
        }
        guard !accepted else { return }
        var response = DeleteTopicsResponse()
        response.responses = wanted.map { topic in
            var answer = DeleteTopicsResponse.Responses()
            answer.name = topic.name
            answer.topicId = topic.topicId
            answer.errorCode = .requestTimedOut
            answer.errorMessage = Self.busy
            return answer
        }
        respond(response)
    }

    private func delete(
        _ wanted: DeleteTopicsRequest.Topics, isRepeated: Bool
    ) -> DeleteTopicsResponse.Responses {
        var answer = DeleteTopicsResponse.Responses()
        answer.name = wanted.name
        answer.topicId = wanted.topicId
        do throws(TopicFailure) {
            guard !isRepeated else {
                throw TopicFailure(code: .invalidRequest, message: "the topic is named more than once")
            }
            let topic = try find(wanted)
            answer.name = topic.name
            answer.topicId = topic.id
            try delete(topic)
        } catch {
            answer.errorCode = error.code
            answer.errorMessage = error.message
        }
        return answer
    }

    private func find(_ wanted: DeleteTopicsRequest.Topics) throws(TopicFailure) -> Topic {
        guard (wanted.name == nil) != (wanted.topicId == .zero) else {
            throw TopicFailure(code: .invalidRequest, message: "name a topic, or give its id: exactly one of them")
        }
        if let name = wanted.name {
            guard let topic = directory.topic(named: name) else {
                throw TopicFailure(code: .unknownTopicOrPartition, message: "there is no topic \(name)")
            }
            return topic
        }
        guard let topic = directory.topic(id: wanted.topicId) else {
            throw TopicFailure(code: .unknownTopicId, message: "there is no topic with the id \(wanted.topicId)")
        }
        return topic
    }

    private func delete(_ topic: Topic) throws(TopicFailure) {
        guard !topic.isInternal else {
            throw TopicFailure(code: .invalidTopicException, message: "\(topic.name) belongs to the broker itself")
        }
        do throws(StorageError) { try directory.deleteTopic(topic.name) } catch {
            throw TopicFailure(code: ErrorCode(error), message: "\(error)")
        }
        coordinator.forget(topic: topic.name)
        for partition in topic.partitions {
            for call in waiting.take(partition) { evaluateLater(call) }
        }
    }

    /// For a request that found every queue full.
    static let busy = "the broker has too much to do; try again"
}
