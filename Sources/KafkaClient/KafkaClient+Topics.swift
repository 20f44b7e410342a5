import KafkaProtocol
import Platform

extension KafkaClient {
    /// Creates a topic.
    /// - Parameter partitions: nil for the broker's default, as `replication`.
    /// - Returns: how many partitions it got; nil if the broker is too old to say.
    package func createTopic(
        _ name: String, partitions: Int32? = nil, replication: Int16? = nil, configuration: [(String, String)] = []
    ) throws(ClientError) -> Int32? {
        var topic = CreateTopicsRequest.Topics()
        topic.name = name
        topic.numPartitions = partitions ?? -1
        topic.replicationFactor = replication ?? -1
        topic.configs = configuration.map { key, value in
            var setting = CreateTopicsRequest.Configs()
            setting.name = key
            setting.value = value
            return setting
        }
        var request = CreateTopicsRequest()
        request.topics = [topic]
        request.timeoutMs = Int32(clamping: options.requestTimeout.wholeMilliseconds)
        let ready = request
        let made = try retrying { (client) throws(ClientError) -> CreateTopicsResponse.Topics? in
            let answer = try client.callController(ready).topics.first
            if let answer, answer.errorCode != .none {
                throw ClientError("create topic '\(name)'", answer.errorCode, message: answer.errorMessage)
            }
            return answer
        }
        return made.flatMap { $0.numPartitions > 0 ? $0.numPartitions : nil }
    }

    /// Deletes a topic and all its records.
    package func deleteTopic(_ name: String) throws(ClientError) {
        var topic = DeleteTopicsRequest.Topics()
        topic.name = name
        var request = DeleteTopicsRequest()
        request.topics = [topic]
        request.topicNames = [name]
        request.timeoutMs = Int32(clamping: options.requestTimeout.wholeMilliseconds)
        let response = try callController(request)
        for answer in response.responses where answer.errorCode != .none {
            throw ClientError("delete topic '\(name)'", answer.errorCode, message: answer.errorMessage)
        }
    }

    /// The settings of a topic that differ from the broker's defaults, by name.
    package func configuration(of topic: String) throws(ClientError) -> [(name: String, value: String)] {
        var resource = DescribeConfigsRequest.Resources()
        resource.resourceType = 2
        resource.resourceName = topic
        var request = DescribeConfigsRequest()
        request.resources = [resource]
        let response = try call(request)
        for result in response.results where result.errorCode != .none {
            throw ClientError(
                "read the settings of topic '\(topic)'", result.errorCode, message: result.errorMessage)
        }
        // Source 1 is "set on the topic".
        let own = response.results.flatMap(\.configs).filter { $0.configSource == 1 }
        return own.map { ($0.name, $0.value ?? "") }.sorted { $0.0 < $1.0 }
    }
}
