import KafkaProtocol
import Platform
package import Records

/// Sends records to one topic, batch by batch, one request at a time. For one thread.
///
/// With acks of all brokers it is idempotent: a batch that is sent again after a broken connection is there once.
package final class RecordProducer {
    package enum Acknowledgement: Int16, Sendable {
        /// By nobody: errors are not noticed.
        case none = 0
        /// By the leader, when it is appended.
        case leader = 1
        /// By all in-sync replicas; an embedded log has it synced to disk then.
        case all = -1
    }

    package struct Options: Sendable {
        package var acknowledgement = Acknowledgement.all
        package var codec = Codec.none
        /// A batch is sent when its keys and values have so many bytes.
        package var batchBytes = 256 << 10

        package init() {}
    }

    package let topic: TopicView
    private let client: KafkaClient
    private let options: Options
    private var batches: [Int32: Batch] = [:]
    /// Records without key stay with one partition until its batch is full.
    private var sticky: Int
    private var producer: (id: Int64, epoch: Int16) = (-1, -1)
    private var sequences: [Int32: Int32] = [:]

    private struct Batch {
        var records: [Record] = []
        var bytes = 0
    }

    /// Looks the topic up.
    /// - Parameter creating: whether the broker may make it, if its settings allow.
    package init(
        _ client: KafkaClient, topic name: String, creating: Bool = true, options: Options = Options()
    ) throws(ClientError) {
        self.client = client
        self.options = options
        topic = try client.topic(named: name, creating: creating)
        sticky = Int.random(in: 0..<max(1, topic.partitions.count))
        guard options.acknowledgement == .all else { return }
        producer = try client.newProducer()
    }

    /// Adds a record; sends its batch when that is full.
    /// - Parameter partition: nil lets the key decide as in Java's client, or, without key, keeps batches full.
    package func add(_ record: Record, partition: Int32? = nil) throws(ClientError) {
        let chosen: Int32
        if let partition { chosen = partition } else { chosen = try choose(for: record.key) }
        guard topic.partitions.contains(where: { $0.index == chosen }) else {
            throw ClientError(
                "produce to partition \(chosen) of topic '\(topic.name)'",
                cause: "it has partitions 0 to \(topic.partitions.count - 1)")
        }
        var batch = batches[chosen] ?? Batch()
        batch.bytes += (record.key?.count ?? 0) + (record.value?.count ?? 0)
        batch.records.append(record)
        batches[chosen] = batch
        guard batch.bytes >= options.batchBytes else { return }
        if record.key == nil { sticky += 1 }
        try send(chosen)
    }

    /// Sends what has been added.
    package func flush() throws(ClientError) {
        for partition in batches.keys.sorted() { try send(partition) }
    }

    private func choose(for key: [UInt8]?) throws(ClientError) -> Int32 {
        let count = topic.partitions.count
        guard count > 0 else { throw ClientError("produce to topic '\(topic.name)'", .leaderNotAvailable) }
        guard let key else {
            let open = topic.readablePartitions
            return open.isEmpty ? topic.partitions[sticky % count].index : open[sticky % open.count].partition
        }
        return Int32(clamping: Int(murmur2(key.rawSpan) & 0x7fff_ffff) % count)
    }

    private func send(_ partition: Int32) throws(ClientError) {
        guard let batch = batches.removeValue(forKey: partition), !batch.records.isEmpty else { return }
        let target = TopicPartition(topic.name, partition)
        let sequence = producer.id >= 0 ? sequences[partition] ?? 0 : -1
        let encoded: EncodedBatch
        do {
            encoded = try RecordBatch.encode(
                batch.records, codec: options.codec, producerId: producer.id, producerEpoch: producer.epoch,
                baseSequence: sequence)
        } catch {
            throw ClientError("produce to \(target)", cause: "\(error)")
        }
        let request = request(encoded, target)
        if options.acknowledgement == .none { return try client.send(request, leading: target) }
        try client.retrying { (client) throws(ClientError) in
            try Self.check(try client.call(request, leading: target), target)
        }
        if producer.id >= 0 { sequences[partition] = ProducerStamp.sequence(sequence, movedBy: batch.records.count) }
    }

    private func request(_ batch: EncodedBatch, _ target: TopicPartition) -> ProduceRequest {
        var data = ProduceRequest.PartitionData()
        data.index = target.partition
        data.records = batch.bytes.withUnsafeBytes { ArraySlice($0) }
        var topic = ProduceRequest.TopicData()
        topic.name = target.topic
        topic.partitionData = [data]
        var request = ProduceRequest()
        request.acks = options.acknowledgement.rawValue
        request.timeoutMs = Int32(clamping: client.options.requestTimeout.wholeMilliseconds)
        request.topicData = [topic]
        return request
    }

    private static func check(_ response: ProduceResponse, _ target: TopicPartition) throws(ClientError) {
        for partition in response.responses.flatMap(\.partitionResponses) where partition.errorCode != .none {
            let record = partition.recordErrors.first?.batchIndexErrorMessage
            throw ClientError("produce to \(target)", partition.errorCode, message: record ?? partition.errorMessage)
        }
    }
}

extension KafkaClient {
    /// A topic whose partitions all have a leader, waiting for that if the broker has just made it. For those whose
    /// replicas the broker calls offline nobody waits.
    package func topic(named name: String, creating: Bool = false) throws(ClientError) -> TopicView {
        let deadline = clock.now() + options.requestTimeout
        while true {
            do {
                let topic = try topics([name], creating: creating).first
                if let topic, topic.partitions.allSatisfy({ $0.leader >= 0 || $0.isOffline }) {
                    return topic
                }
            } catch {
                guard error.isRetriable, creating || error.code != .unknownTopicOrPartition else { throw error }
                guard clock.now() < deadline else { throw error }
            }
            guard clock.now() < deadline else { throw ClientError("use topic '\(name)'", .leaderNotAvailable) }
            pause(options.retryPause)
        }
    }

    fileprivate func newProducer() throws(ClientError) -> (id: Int64, epoch: Int16) {
        var request = InitProducerIdRequest()
        request.transactionTimeoutMs = Int32(clamping: options.requestTimeout.wholeMilliseconds)
        let ready = request
        let answer = try retrying { (client) throws(ClientError) -> InitProducerIdResponse in
            let answer = try client.call(ready)
            guard answer.errorCode == .none else { throw ClientError("get a producer id", answer.errorCode) }
            return answer
        }
        return (answer.producerId, answer.producerEpoch)
    }
}
