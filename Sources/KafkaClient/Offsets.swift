import KafkaProtocol
package import Records

/// A place in a partition that has a name.
package enum NamedOffset: Int64, Sendable {
    case end = -1
    case start = -2
}

extension KafkaClient {
    /// Where partitions begin or end: the end is where the next committed record goes.
    package func offsets(
        _ which: NamedOffset, of partitions: [TopicPartition]
    ) throws(ClientError) -> [TopicPartition: Offset] {
        try retrying { (client) throws(ClientError) in
            var offsets: [TopicPartition: Offset] = [:]
            var groups: [Int32: [TopicPartition]] = [:]
            for partition in partitions {
                groups[try client.leaderNumber(of: partition), default: []].append(partition)
            }
            for leader in groups.keys.sorted() {
                let some = (groups[leader] ?? []).sorted()
                try client.ask(some, which.rawValue, into: &offsets)
            }
            return offsets
        }
    }

    private func ask(
        _ partitions: [TopicPartition], _ timestamp: Int64, into offsets: inout [TopicPartition: Offset]
    ) throws(ClientError) {
        var request = ListOffsetsRequest()
        request.isolationLevel = 1
        for partition in partitions {
            var wanted = ListOffsetsRequest.Partitions()
            wanted.partitionIndex = partition.partition
            wanted.timestamp = timestamp
            if request.topics.last?.name == partition.topic {
                request.topics[request.topics.count - 1].partitions.append(wanted)
            } else {
                var topic = ListOffsetsRequest.Topics()
                topic.name = partition.topic
                topic.partitions = [wanted]
                request.topics.append(topic)
            }
        }
        let response = try call(request, leading: partitions[0])
        for topic in response.topics {
            for answer in topic.partitions {
                let partition = TopicPartition(topic.name, answer.partitionIndex)
                guard answer.errorCode == .none else {
                    throw ClientError("find the offsets of \(partition)", answer.errorCode)
                }
                offsets[partition] = answer.offset
            }
        }
    }

    /// What a group has committed; partitions without a commit are left out.
    /// - Parameter partitions: nil for all that it has committed.
    package func committed(
        by group: String, of partitions: [TopicPartition]? = nil
    ) throws(ClientError) -> [TopicPartition: Offset] {
        var topics: [OffsetFetchRequest.Topics]?
        if let partitions {
            topics = Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }.map { name, some in
                var topic = OffsetFetchRequest.Topics()
                topic.name = name
                topic.partitions = some.map(\.partition).sorted()
                return topic
            }
        }
        var request = OffsetFetchRequest()
        request.groupId = group
        request.topics = topics
        var asked = OffsetFetchRequest.Groups()
        asked.groupId = group
        asked.topics = topics
        request.groups = [asked]
        let ready = request
        return try retrying { (client) throws(ClientError) in
            try Self.committed(try client.call(ready, coordinating: group), group)
        }
    }

    private static func committed(
        _ response: OffsetFetchResponse, _ group: String
    ) throws(ClientError) -> [TopicPartition: Offset] {
        let attempt = "read the offsets of group '\(group)'"
        let answer = response.groups.first
        let code = answer?.errorCode ?? response.errorCode
        guard code == .none else { throw ClientError(attempt, code) }
        var offsets: [TopicPartition: Offset] = [:]
        for topic in answer?.topics ?? response.topics {
            for partition in topic.partitions {
                guard partition.errorCode == .none else { throw ClientError(attempt, partition.errorCode) }
                guard partition.committedOffset >= 0 else { continue }
                offsets[TopicPartition(topic.name, partition.partitionIndex)] = partition.committedOffset
            }
        }
        return offsets
    }
}
