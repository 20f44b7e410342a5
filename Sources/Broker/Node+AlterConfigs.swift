import CommitLog
package import KafkaProtocol

/// AlterConfigs, versions 0–2, and IncrementalAlterConfigs, 0–1, of topics. What of the broker itself can be chosen is
/// chosen when it starts.
extension Node {
    package func alterConfigs(
        _ request: AlterConfigsRequest, _ context: RequestContext, _ respond: @escaping Respond<AlterConfigsResponse>
    ) {
        let resources = request.resources.map { resource in
            AlteredResource(resource.resourceType, resource.resourceName, resource.configs.map(\.name)) {
                (_) throws(TopicFailure) in
                var configuration: [String: String] = [:]
                for config in resource.configs {
                    guard let value = config.value else {
                        throw TopicFailure(
                            code: .invalidRequest, message: "\(TopicName.cut(config.name)): null is no value")
                    }
                    configuration[config.name] = value
                }
                return configuration
            }
        }
        alter(resources, validateOnly: request.validateOnly) { results in
            var response = AlterConfigsResponse()
            response.responses = results
            respond(response)
        }
    }

    package func incrementalAlterConfigs(
        _ request: IncrementalAlterConfigsRequest, _ context: RequestContext,
        _ respond: @escaping Respond<IncrementalAlterConfigsResponse>
    ) {
        let defaults = directory.topicDefaults
        let resources = request.resources.map { resource in
            AlteredResource(resource.resourceType, resource.resourceName, resource.configs.map(\.name)) {
                (old) throws(TopicFailure) in
                var configuration = old
                for config in resource.configs {
                    try ConfigurationChange(config).apply(to: &configuration, defaults: defaults)
                }
                return configuration
            }
        }
        alter(resources, validateOnly: request.validateOnly) { results in
            var response = IncrementalAlterConfigsResponse()
            response.responses = results
            respond(response)
        }
    }

    /// Something whose configuration is to become what `change` makes of the old one.
    private struct AlteredResource: Sendable {
        let type: Int8
        let name: String
        let repeatedSettings: Set<String>
        let change: @Sendable ([String: String]) throws(TopicFailure) -> [String: String]

        init(
            _ type: Int8, _ name: String, _ settings: [String],
            _ change: @escaping @Sendable ([String: String]) throws(TopicFailure) -> [String: String]
        ) {
            (self.type, self.name, self.change) = (type, name, change)
            repeatedSettings = settings.repeats { $0 }
        }

        var key: ResourceKey { ResourceKey(type: type, name: name) }

        func answer(_ failure: TopicFailure?) -> AlterConfigsResponse.Responses {
            var answer = AlterConfigsResponse.Responses()
            (answer.resourceType, answer.resourceName) = (type, name)
            (answer.errorCode, answer.errorMessage) = (failure?.code ?? .none, failure?.message)
            return answer
        }
    }

    /// Answers each resource once, in the order of the first mentions.
    private func alter(
        _ resources: [AlteredResource], validateOnly: Bool,
        _ respond: @escaping @Sendable ([AlterConfigsResponse.Responses]) -> Void
    ) {
        let repeated = resources.repeats { $0.key }
        let unique = resources.unique { $0.key }
        let accepted = topicWorker.submit { [self] in
            respond(
                unique.map { resource in
                    do throws(TopicFailure) {
                        guard !repeated.contains(resource.key) else {
                            throw TopicFailure(
                                code: .invalidRequest,
                                message: "\(TopicName.cut(resource.name)) is named more than once")
                        }
                        try alter(resource, validateOnly: validateOnly)
                        return resource.answer(nil)
                    } catch {
                        return resource.answer(error)
                    }
                })
        }
        guard !accepted else { return }
        respond(unique.map { $0.answer(TopicFailure(code: .requestTimedOut, message: Self.busy)) })
    }

    private func alter(_ resource: AlteredResource, validateOnly: Bool) throws(TopicFailure) {
        if let name = resource.repeatedSettings.min() {
            throw TopicFailure(code: .invalidRequest, message: "\(TopicName.cut(name)) is named more than once")
        }
        switch resource.type {
        case 2: try alter(try alterableTopic(resource.name), resource, validateOnly: validateOnly)
        case 4: try alterBroker(resource)
        default:
            throw TopicFailure(
                code: .invalidRequest, message: "resources of type \(resource.type) have no configuration here")
        }
    }

    private func alterableTopic(_ name: String) throws(TopicFailure) -> Topic {
        guard !name.isEmpty else {
            throw TopicFailure(code: .invalidRequest, message: "name a topic: the defaults are the broker's own")
        }
        return try changeableTopic(name)
    }

    private func alter(
        _ topic: Topic, _ resource: AlteredResource, validateOnly: Bool
    ) throws(TopicFailure) {
        let configuration = try resource.change(topic.configuration)
        try TopicConfiguration.check(configuration)
        try OffsetsLog.check(configuration, of: topic, defaults: directory.topicDefaults)
        guard !validateOnly else { return }
        do throws(StorageError) {
            try directory.alterTopic(named: topic.name, configuration: configuration)
        } catch {
            throw TopicFailure(code: ErrorCode(error), message: "\(error)")
        }
    }

    private func alterBroker(_ resource: AlteredResource) throws(TopicFailure) {
        guard resource.name.isEmpty || resource.name == "\(options.nodeID)" else {
            throw TopicFailure(
                code: .invalidRequest,
                message: "there is one broker, \(options.nodeID), not '\(TopicName.cut(resource.name))'")
        }
        guard try resource.change([:]).isEmpty else {
            throw TopicFailure(code: .invalidRequest, message: "the broker's settings are given when it starts")
        }
    }

    /// The topic of that name, unless it is one of those that Penstock itself relies on.
    func changeableTopic(_ name: String) throws(TopicFailure) -> Topic {
        guard let topic = directory.topic(named: name) else {
            throw TopicFailure(code: .unknownTopicOrPartition, message: "there is no topic \(TopicName.cut(name))")
        }
        guard !name.hasPrefix(TopicName.reservedPrefix) else {
            throw TopicFailure(code: .invalidTopicException, message: "\(name) belongs to the broker itself")
        }
        return topic
    }
}
