import CommitLog
package import KafkaProtocol
import Platform

/// DescribeConfigs, versions 1–4: topics, and what of this broker tools ask for.
extension Node {
    package func describeConfigs(
        _ request: DescribeConfigsRequest, _ context: RequestContext,
        _ respond: @escaping Respond<DescribeConfigsResponse>
    ) {
        let resources = request.resources.unique { ResourceKey(type: $0.resourceType, name: $0.resourceName) }
        // On a worker, since all settings of all topics are many.
        let accepted = workers.submit { [self] in
            respond(Self.answer(resources, describe, includesSynonyms: request.includeSynonyms))
        }
        guard !accepted else { return }
        var busy = DescribeConfigsResponse.Results()
        (busy.errorCode, busy.errorMessage) = (.requestTimedOut, Self.busy)
        respond(Self.answer(resources, { [busy] _ in busy }, includesSynonyms: false))
    }

    private static func answer(
        _ resources: [DescribeConfigsRequest.Resources],
        _ describe: (DescribeConfigsRequest.Resources) -> DescribeConfigsResponse.Results, includesSynonyms: Bool
    ) -> DescribeConfigsResponse {
        var response = DescribeConfigsResponse()
        response.results = resources.map { resource in
            var result = describe(resource)
            result.resourceType = resource.resourceType
            result.resourceName = resource.resourceName
            if let keys = resource.configurationKeys.map({ Set($0) }) {
                result.configs.removeAll { !keys.contains($0.name) }
            }
            if !includesSynonyms {
                for index in result.configs.indices { result.configs[index].synonyms = [] }
            }
            return result
        }
        return response
    }

    struct ResourceKey: Hashable {
        let type: Int8
        let name: String
    }

    private func describe(_ resource: DescribeConfigsRequest.Resources) -> DescribeConfigsResponse.Results {
        var result = DescribeConfigsResponse.Results()
        switch resource.resourceType {
        case 2:
            if let topic = directory.topic(named: resource.resourceName) {
                result.configs = describe(topic)
            } else {
                result.errorCode = .unknownTopicOrPartition
                result.errorMessage = "there is no topic \(resource.resourceName)"
            }
        case 4:
            // Without a name, what all brokers have that is not said elsewhere: nothing.
            if resource.resourceName == "\(options.nodeID)" {
                result.configs = brokerConfigs
            } else if !resource.resourceName.isEmpty {
                result.errorCode = .invalidRequest
                result.errorMessage = "there is one broker, \(options.nodeID), not '\(resource.resourceName)'"
            }
        default:
            result.errorCode = .invalidRequest
            result.errorMessage = "resources of type \(resource.resourceType) have no configuration here"
        }
        return result
    }

    private func describe(_ topic: Topic) -> [DescribeConfigsResponse.Configs] {
        let (configuration, defaults) = (topic.configuration, directory.topicDefaults)
        return TopicSetting.all.map { setting in
            let value = TopicConfiguration.Value(of: setting, configuration, defaults)
            var config = DescribeConfigsResponse.Configs()
            config.name = setting.name
            config.value = value.text
            config.readOnly = topic.isInternal
            config.configSource = value.source.rawValue
            config.configType = setting.kind.rawValue
            if value.source == .topic { config.synonyms.append(synonym(setting.name, value.text, .topic)) }
            if let name = setting.synonym {
                let given = TopicConfiguration.Value(of: setting, [:], defaults)
                config.synonyms.append(synonym(name, given.text, given.source))
            }
            return config
        }
    }

    private func synonym(
        _ name: String, _ value: String, _ source: TopicConfiguration.Source
    ) -> DescribeConfigsResponse.Synonyms {
        var synonym = DescribeConfigsResponse.Synonyms()
        synonym.name = name
        synonym.value = value
        synonym.source = source.rawValue
        return synonym
    }

    private var brokerConfigs: [DescribeConfigsResponse.Configs] {
        let values: [(String, TopicSetting.Kind, String)] = [
            ("auto.create.topics.enable", .boolean, "\(options.createsTopics)"),
            ("broker.id", .int, "\(options.nodeID)"),
            ("default.replication.factor", .int, "1"),
            ("delete.topic.enable", .boolean, "true"),
            ("fetch.max.bytes", .int, "\(options.fetchMaxBytes)"),
            (
                "group.initial.rebalance.delay.ms", .int,
                "\(options.groups.initialRebalanceDelay.wholeMilliseconds)"
            ),
            ("group.max.session.timeout.ms", .int, "\(options.groups.sessionTimeouts.upperBound)"),
            ("group.max.size", .int, "\(options.groups.maxMembers)"),
            ("group.min.session.timeout.ms", .int, "\(options.groups.sessionTimeouts.lowerBound)"),
            ("log.retention.check.interval.ms", .long, "\(options.timeRetentionInterval.wholeMilliseconds)"),
            ("num.partitions", .int, "\(options.defaultPartitions)"),
            ("offset.metadata.max.bytes", .int, "\(options.groups.maxOffsetMetadata)"),
            ("offsets.retention.minutes", .int, "\(options.groups.offsetsRetentionMilliseconds / 60_000)"),
        ]
        let own = values.map { name, kind, value in brokerConfig(name, kind, value, .staticBroker) }
        return (own + topicDefaults).sorted { $0.name < $1.name }
    }

    /// What topics have that do not say otherwise, by the names that Kafka's brokers give it.
    private var topicDefaults: [DescribeConfigsResponse.Configs] {
        TopicSetting.all.compactMap { setting in
            guard let name = setting.synonym else { return nil }
            let value = TopicConfiguration.Value(of: setting, [:], directory.topicDefaults)
            return brokerConfig(name, setting.kind, value.text, value.source)
        }
    }

    private func brokerConfig(
        _ name: String, _ kind: TopicSetting.Kind, _ value: String, _ source: TopicConfiguration.Source
    ) -> DescribeConfigsResponse.Configs {
        var config = DescribeConfigsResponse.Configs()
        config.name = name
        config.value = value
        config.readOnly = true
        config.configSource = source.rawValue
        config.configType = kind.rawValue
        return config
    }
}
