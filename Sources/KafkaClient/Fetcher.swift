import KafkaProtocol
import Platform
package import Records

/// Reads partitions from given offsets on, over and over. Committed records only.
package struct Fetcher {
    /// Bytes asked for in one answer, and for one partition in it.
    package var answerBytes: Int32 = 8 << 20
    package var partitionBytes: Int32 = 1 << 20
    /// Where each partition goes on; setting it begins or stops reading a partition.
    package var positions: [TopicPartition: Offset] = [:]
    private let client: KafkaClient

    package init(_ client: KafkaClient) { self.client = client }

    /// What came for one partition. ``Fetcher/positions`` has moved behind it already.
    package struct Piece: Sendable {
        package var partition: TopicPartition
        package var records: [Record]
        package var nextOffset: Offset
        /// The offset is not in the log any more, or not yet: nothing was read, and the position stands.
        package var isOutOfRange = false
    }

    /// Asks every broker that leads one of the partitions once.
    /// - Parameter patience: how long a broker may wait for a record; with several brokers each gets a part of it.
    /// - Returns: a piece for each partition that moved or is out of range.
    package mutating func fetch(patience: Duration) throws(ClientError) -> [Piece] {
        var groups: [Int32: [TopicPartition]] = [:]
        for partition in positions.keys {
            groups[try client.leaderNumber(of: partition), default: []].append(partition)
        }
        var pieces: [Piece] = []
        for leader in groups.keys.sorted() {
            let partitions = (groups[leader] ?? []).sorted()
            let wait = pieces.isEmpty ? patience / groups.count : .zero
            do {
                pieces += try fetch(partitions, patience: wait)
            } catch {
                // What came is not given up; the error comes again.
                guard pieces.isEmpty else { return pieces }
                throw error
            }
        }
        return pieces
    }

    private mutating func fetch(_ partitions: [TopicPartition], patience: Duration) throws(ClientError) -> [Piece] {
        let response = try client.call(request(partitions, patience), leading: partitions[0])
        guard response.errorCode == .none else { throw ClientError("fetch \(partitions[0])", response.errorCode) }
        var pieces: [Piece] = []
        for topic in response.responses {
            for partition in topic.partitions {
                guard let piece = try take(partition, of: topic.topic) else { continue }
                pieces.append(piece)
            }
        }
        for piece in pieces { positions[piece.partition] = piece.nextOffset }
        return pieces
    }

    private func request(_ partitions: [TopicPartition], _ patience: Duration) -> FetchRequest {
        var request = FetchRequest()
        request.maxWaitMs = Int32(clamping: patience.wholeMilliseconds)
        request.minBytes = 1
        request.maxBytes = answerBytes
        request.isolationLevel = 1
        for partition in partitions {
            var wanted = FetchRequest.Partitions()
            wanted.partition = partition.partition
            wanted.fetchOffset = positions[partition] ?? 0
            wanted.partitionMaxBytes = partitionBytes
            if request.topics.last?.name == partition.topic {
                request.topics[request.topics.count - 1].partitions.append(wanted)
            } else {
                var topic = FetchRequest.Topics()
                topic.name = partition.topic
                topic.partitions = [wanted]
                request.topics.append(topic)
            }
        }
        return request
    }

    private func take(_ answer: FetchResponse.Partitions, of topic: String) throws(ClientError) -> Piece? {
        let partition = TopicPartition(topic, answer.partitionIndex)
        guard let position = positions[partition] else { return nil }
        if answer.errorCode == .offsetOutOfRange {
            return Piece(partition: partition, records: [], nextOffset: position, isOutOfRange: true)
        }
        guard answer.errorCode == .none else { throw ClientError("fetch \(partition)", answer.errorCode) }
        var reader = BatchReader(
            from: position, aborted: answer.abortedTransactions, limit: client.options.maxDecompressed)
        for case .bytes(let bytes) in answer.records {
            do { try reader.read(bytes) } catch {
                throw ClientError("read \(partition) at offset \(reader.nextOffset)", cause: "\(error)")
            }
        }
        guard reader.nextOffset > position else { return nil }
        return Piece(partition: partition, records: reader.records, nextOffset: reader.nextOffset)
    }
}
