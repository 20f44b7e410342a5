import CommitLog
package import KafkaProtocol

/// CreatePartitions, versions 0–3.
extension Node {
    package func createPartitions(
        _ request: CreatePartitionsRequest, _ context: RequestContext,
        _ respond: @escaping Respond<CreatePartitionsResponse>
    ) {
        let repeated = request.topics.repeats(by: \.name)
        let unique = request.topics.unique(by: \.name)
        let accepted = topicWorker.submit { [self] in
            respond(
                Self.answer(unique) { (wanted) throws(TopicFailure) in
                    guard !repeated.contains(wanted.name) else {
                        throw TopicFailure(
                            code: .invalidRequest, message: "\(TopicName.cut(wanted.name)) is named more than once")
                    }
                    try grow(wanted, validateOnly: request.validateOnly)
                })
        }
        guard !accepted else { return }
        respond(
            Self.answer(unique) { (_) throws(TopicFailure) in
                throw TopicFailure(code: .requestTimedOut, message: Self.busy)
            })
    }

    private static func answer(
        _ topics: [CreatePartitionsRequest.Topics],
        _ body: (CreatePartitionsRequest.Topics) throws(TopicFailure) -> Void
    ) -> CreatePartitionsResponse {
        var response = CreatePartitionsResponse()
        response.results = topics.map { wanted in
            var result = CreatePartitionsResponse.Results()
            result.name = wanted.name
            do throws(TopicFailure) { try body(wanted) } catch {
                (result.errorCode, result.errorMessage) = (error.code, error.message)
            }
            return result
        }
        return response
    }

    private func grow(_ wanted: CreatePartitionsRequest.Topics, validateOnly: Bool) throws(TopicFailure) {
        let topic = try changeableTopic(wanted.name)
        guard !topic.isInternal else {
            throw TopicFailure(code: .invalidTopicException, message: "\(wanted.name) belongs to the broker itself")
        }
        let present = topic.partitions.count
        guard wanted.count > present else {
            throw TopicFailure(
                code: .invalidPartitions,
                message: "the topic has \(present) partitions and can only get more, not \(wanted.count)")
        }
        let more = Int(wanted.count) - present
        if let assignments = wanted.assignments {
            guard assignments.count == more, assignments.allSatisfy({ $0.brokerIds == [options.nodeID] }) else {
                throw TopicFailure(
                    code: .invalidReplicaAssignment,
                    message: "\(more) new partitions need as many assignments, each to broker \(options.nodeID) alone")
            }
        }
        let total = directory.topics().reduce(more) { $0 + $1.partitions.count }
        guard total <= options.maxPartitions else {
            throw TopicFailure(
                code: .policyViolation,
                message: "\(total) partitions are more than the \(options.maxPartitions) that this broker may have")
        }
        guard !validateOnly else { return }
        do throws(StorageError) {
            try directory.addPartitions(named: wanted.name, to: Int(wanted.count))
        } catch {
            throw TopicFailure(code: ErrorCode(error), message: "\(error)")
        }
    }
}
