import KafkaProtocol
import Platform
package import Records

/// Changing topics that are there.
extension KafkaClient {
    /// Changes single settings of a topic: all of them or, when it refuses one, none.
    /// - Parameter unset: have the broker's default again.
    package func alterTopic(
        _ name: String, set: [(String, String)], unset: [String]
    ) throws(ClientError) {
        var resource = IncrementalAlterConfigsRequest.Resources()
        resource.resourceType = 2
        resource.resourceName = name
        let changes = set.map { (name: $0.0, operation: Int8(0), value: Optional($0.1)) }
        for change in changes + unset.map({ (name: $0, operation: Int8(1), value: nil) }) {
            var config = IncrementalAlterConfigsRequest.Configs()
            (config.name, config.configOperation, config.value) = change
            resource.configs.append(config)
        }
        var request = IncrementalAlterConfigsRequest()
        request.resources = [resource]
        let ready = request
        try retrying { (client) throws(ClientError) in
            for answer in try client.callController(ready).responses where answer.errorCode != .none {
                throw ClientError(
                    "change the settings of topic '\(name)'", answer.errorCode, message: answer.errorMessage)
            }
        }
    }

    /// Gives a topic more partitions.
    /// - Parameter count: of all its partitions.
    package func addPartitions(_ name: String, to count: Int32) throws(ClientError) {
        var topic = CreatePartitionsRequest.Topics()
        topic.name = name
        topic.count = count
        var request = CreatePartitionsRequest()
        request.topics = [topic]
        request.timeoutMs = Int32(clamping: options.requestTimeout.wholeMilliseconds)
        for answer in try callController(request).results where answer.errorCode != .none {
            throw ClientError(
                "give topic '\(name)' \(count) partitions", answer.errorCode, message: answer.errorMessage)
        }
        forgetLeaders()
    }

    /// Deletes the records of a partition below an offset.
    /// - Parameter offset: -1 for the end.
    /// - Returns: the first offset that can be read now.
    package func deleteRecords(of partition: TopicPartition, before offset: Offset) throws(ClientError) -> Offset {
        var part = DeleteRecordsRequest.Partitions()
        part.partitionIndex = partition.partition
        part.offset = offset
        var topic = DeleteRecordsRequest.Topics()
        topic.name = partition.topic
        topic.partitions = [part]
        var request = DeleteRecordsRequest()
        request.topics = [topic]
        request.timeoutMs = Int32(clamping: options.requestTimeout.wholeMilliseconds)
        let attempt = "delete the records of \(partition) below \(offset == -1 ? "its end" : "\(offset)")"
        guard let answer = try call(request, leading: partition).topics.first?.partitions.first else {
            throw ClientError(attempt, cause: "the broker answered nothing about it")
        }
        guard answer.errorCode != .offsetOutOfRange else {
            let start = try offsets(.start, of: [partition])[partition] ?? 0
            let end = try offsets(.end, of: [partition])[partition] ?? 0
            throw ClientError(attempt, cause: "it has offsets \(start) to \(end)")
        }
        guard answer.errorCode == .none else { throw ClientError(attempt, answer.errorCode) }
        return answer.lowWatermark
    }
}
