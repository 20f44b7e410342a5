import CommitLog
package import KafkaProtocol
import Records

/// What exists, and where: Metadata, DescribeCluster, FindCoordinator. This node leads everything.
extension Node {
    /// Versions 0–12. Topics that are asked for by name and missing are made on the way, if options and request agree.
    package func metadata(
        _ request: MetadataRequest, _ context: RequestContext, _ respond: @escaping Respond<MetadataResponse>
    ) {
        // As in Kafka, a topic that is named more than once is answered once.
        let wanted =
            context.version == 0 && request.topics?.isEmpty == true
            ? nil : request.topics?.unique { topic in topic.name.map(TopicKey.name) ?? .id(topic.topicId) }
        let creates = options.createsTopics && (request.allowAutoTopicCreation || context.version < 4)
        let missing = creates ? missingTopics(wanted ?? []) : []
        guard !missing.isEmpty else { return respond(answer(request, topics: wanted)) }
        // One thread, so that many clients that ask for one new topic make it once.
        let accepted = topicWorker.submit { [self] in
            var failures: [String: TopicFailure] = [:]
            var census: TopicCensus?
            for name in missing {
                do throws(TopicFailure) {
                    _ = try ensureTopic(name, partitions: options.defaultPartitions, configuration: [:], &census)
                } catch {
                    if failures.isEmpty {
                        log("cannot create topic \(name) for \(context.clientID): \(error.message)")
                    }
                    failures[name] = error
                }
            }
            respond(answer(request, topics: wanted, failures: failures))
        }
        // Clients retry when they are told that there is no leader yet.
        if !accepted { respond(answer(request, topics: wanted, failures: [:], missingError: .leaderNotAvailable)) }
    }

    private enum TopicKey: Hashable {
        case name(String)
        case id(TopicID)
    }

    /// What is to be made: topics with names that topics can have, as many as one request may make.
    private func missingTopics(_ wanted: [MetadataRequest.Topics]) -> [String] {
        var missing: [String] = []
        for case let name? in wanted.lazy.map(\.name) where missing.count < options.maxAutoCreatedTopics {
            if Topic.objection(to: name) == nil, directory.topic(named: name) == nil { missing.append(name) }
        }
        return missing
    }

    private func answer(
        _ request: MetadataRequest, topics wanted: [MetadataRequest.Topics]?,
        failures: [String: TopicFailure] = [:], missingError: ErrorCode = .unknownTopicOrPartition
    ) -> MetadataResponse {
        var response = MetadataResponse()
        var broker = MetadataResponse.Brokers()
        broker.nodeId = options.nodeID
        broker.host = endpoint.host
        broker.port = endpoint.port
        response.brokers = [broker]
        response.clusterId = directory.clusterId
        response.controllerId = options.nodeID
        if request.includeClusterAuthorizedOperations { response.clusterAuthorizedOperations = Self.clusterOperations }
        if let wanted {
            response.topics = wanted.map { topic in
                describe(topic, error: topic.name.flatMap { failures[$0]?.code } ?? missingError)
            }
        } else {
            response.topics = directory.topics().map(describe)
        }
        if request.includeTopicAuthorizedOperations {
            for index in response.topics.indices {
                response.topics[index].topicAuthorizedOperations = Self.topicOperations
            }
        }
        return response
    }

    /// - Parameter error: for a topic that does not exist.
    private func describe(_ wanted: MetadataRequest.Topics, error: ErrorCode) -> MetadataResponse.Topics {
        var unknown = MetadataResponse.Topics()
        if let name = wanted.name {
            if let topic = directory.topic(named: name) { return describe(topic) }
            unknown.name = name
            unknown.errorCode = Topic.objection(to: name) == nil ? error : .invalidTopicException
        } else {
            if let topic = directory.topic(id: wanted.topicId) { return describe(topic) }
            unknown.topicId = wanted.topicId
            unknown.errorCode = .unknownTopicId
        }
        return unknown
    }

    private func describe(_ topic: Topic) -> MetadataResponse.Topics {
        var answer = MetadataResponse.Topics()
        answer.name = topic.name
        answer.topicId = topic.id
        answer.isInternal = topic.isInternal
        answer.partitions = topic.partitions.map { partition in
            var answer = MetadataResponse.Partitions()
            answer.partitionIndex = partition.index
            answer.leaderEpoch = directory.leaderEpoch
            answer.replicaNodes = [options.nodeID]
            // Without a leader producers of records without a key turn to other partitions.
            let isOnline = partition.offline == nil
            answer.leaderId = isOnline ? options.nodeID : -1
            answer.isrNodes = isOnline ? [options.nodeID] : []
            answer.offlineReplicas = isOnline ? [] : [options.nodeID]
            answer.errorCode = isOnline ? .none : .leaderNotAvailable
            return answer
        }
        return answer
    }

    /// Versions 0–1.
    package func describeCluster(
        _ request: DescribeClusterRequest, _ context: RequestContext,
        _ respond: @escaping Respond<DescribeClusterResponse>
    ) {
        var response = DescribeClusterResponse()
        response.endpointType = request.endpointType
        guard request.endpointType == 1 else {
            response.errorCode = request.endpointType == 2 ? .mismatchedEndpointType : .unsupportedEndpointType
            response.errorMessage = "this is a broker: endpoint type 1, not \(request.endpointType)"
            return respond(response)
        }
        response.clusterId = directory.clusterId
        response.controllerId = options.nodeID
        var broker = DescribeClusterResponse.Brokers()
        broker.brokerId = options.nodeID
        broker.host = endpoint.host
        broker.port = endpoint.port
        response.brokers = [broker]
        if request.includeClusterAuthorizedOperations { response.clusterAuthorizedOperations = Self.clusterOperations }
        respond(response)
    }

    /// Versions 0–4. Groups are coordinated here; transactions nowhere yet.
    package func findCoordinator(
        _ request: FindCoordinatorRequest, _ context: RequestContext,
        _ respond: @escaping Respond<FindCoordinatorResponse>
    ) {
        var response = FindCoordinatorResponse()
        if context.version >= 4 {
            response.coordinators = request.coordinatorKeys.map { key in
                let refusal = coordinatorRefusal(of: key, keyType: request.keyType)
                var coordinator = FindCoordinatorResponse.Coordinators()
                coordinator.key = key
                coordinator.nodeId = refusal == nil ? options.nodeID : -1
                coordinator.host = refusal == nil ? endpoint.host : ""
                coordinator.port = refusal == nil ? endpoint.port : -1
                coordinator.errorCode = refusal?.code ?? .none
                coordinator.errorMessage = refusal?.message
                return coordinator
            }
        } else {
            let refusal = coordinatorRefusal(of: request.key, keyType: request.keyType)
            response.nodeId = refusal == nil ? options.nodeID : -1
            response.host = refusal == nil ? endpoint.host : ""
            response.port = refusal == nil ? endpoint.port : -1
            response.errorCode = refusal?.code ?? .none
            response.errorMessage = refusal?.message
        }
        respond(response)
    }

    private func coordinatorRefusal(of key: String, keyType: Int8) -> (code: ErrorCode, message: String)? {
        switch keyType {
        case 0: coordinator.objection(to: key).map { ($0, "the records of this group could not be read") }
        // The one error at which all clients stop instead of trying for ever.
        case 1: (.transactionalIdAuthorizationFailed, "this broker does not speak transactions yet")
        default: (.invalidRequest, "there is no coordinator for keys of type \(keyType)")
        }
    }

    /// Bits of all operations on a topic, on a group, on the cluster: nobody is denied anything.
    static let topicOperations: Int32 = 3576
    static let groupOperations: Int32 = 3400
    static let clusterOperations: Int32 = 8096
}
