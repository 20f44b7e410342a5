import KafkaProtocol
package import Records

/// A partition, by name.
package struct TopicPartition: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32

    package init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    package static func < (a: TopicPartition, b: TopicPartition) -> Bool {
        (a.topic, a.partition) < (b.topic, b.partition)
    }

    package var description: String { "\(topic)-\(partition)" }
}

/// A topic as brokers describe it.
package struct TopicView: Sendable {
    package var name: String
    package var id: TopicID
    package var isInternal: Bool
    /// By ascending index.
    package var partitions: [PartitionView]

    package struct PartitionView: Sendable {
        package var index: Int32
        /// -1 while there is none.
        package var leader: Int32
        package var leaderEpoch: Int32
        package var replicas: [Int32]
        package var inSync: [Int32]
        /// No replica can be read.
        package var isOffline: Bool
    }

    init(_ topic: MetadataResponse.Topics) {
        name = topic.name ?? ""
        id = topic.topicId
        isInternal = topic.isInternal
        partitions = topic.partitions.map { partition in
            PartitionView(
                index: partition.partitionIndex, leader: partition.leaderId, leaderEpoch: partition.leaderEpoch,
                replicas: partition.replicaNodes, inSync: partition.isrNodes,
                isOffline: !partition.offlineReplicas.isEmpty
                    && Set(partition.replicaNodes).isSubset(of: partition.offlineReplicas))
        }
        partitions.sort { $0.index < $1.index }
    }

    package var topicPartitions: [TopicPartition] { partitions.map { TopicPartition(name, $0.index) } }
    /// Those that have a leader.
    package var readablePartitions: [TopicPartition] {
        partitions.filter { $0.leader >= 0 }.map { TopicPartition(name, $0.index) }
    }
}
