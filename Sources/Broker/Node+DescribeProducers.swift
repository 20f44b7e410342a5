import CommitLog
package import KafkaProtocol
import Records

/// DescribeProducers: with it an operator finds transactions that hang.
extension Node {
    package func describeProducers(
        _ request: DescribeProducersRequest, _ context: RequestContext,
        _ respond: @escaping Respond<DescribeProducersResponse>
    ) {
        // On a worker, since the answer waits for a writer that is under way.
        let accepted = workers.submit { [self] in respond(answer(request, error: nil)) }
        if !accepted { respond(answer(request, error: .leaderNotAvailable)) }
    }

    /// - Parameter error: for each partition, instead of an answer.
    private func answer(_ request: DescribeProducersRequest, error: ErrorCode?) -> DescribeProducersResponse {
        var response = DescribeProducersResponse()
        var named = NamedPartitions()
        var left = options.maxDescribedProducers
        response.topics = request.topics.map { topic in
            var answer = DescribeProducersResponse.Topics()
            answer.name = topic.name
            let found = directory.topic(named: topic.name)
            let number = named.number(of: topic.name)
            answer.partitions = topic.partitions.map { index in
                guard error == nil, named.insert(index, of: number) else {
                    return Self.part(index, error ?? .invalidRequest)
                }
                guard let partition = found?.partition(index) else {
                    return Self.part(index, .unknownTopicOrPartition)
                }
                return Self.describe(partition, &left)
            }
            return answer
        }
        return response
    }

    /// - Parameter left: producers that still go into the answer.
    private static func describe(_ partition: Partition, _ left: inout Int) -> DescribeProducersResponse.Partitions {
        guard partition.offline == nil else { return Self.part(partition.index, .kafkaStorageError) }
        var part = part(partition.index, .none)
        let producers = partition.producers()
        guard producers.count <= left else {
            part.errorCode = .invalidRequest
            part.errorMessage = "too many producers for one answer: ask for fewer partitions at once"
            return part
        }
        left -= producers.count
        part.activeProducers = producers.map(DescribeProducersResponse.ProducerState.init)
        return part
    }

    private static func part(_ index: Int32, _ error: ErrorCode) -> DescribeProducersResponse.Partitions {
        var part = DescribeProducersResponse.Partitions()
        part.partitionIndex = index
        part.errorCode = error
        return part
    }
}

extension DescribeProducersResponse.ProducerState {
    fileprivate init(_ state: ProducerState) {
        self.init()
        producerId = state.producerId
        producerEpoch = Int32(state.epoch)
        lastSequence = state.lastSequence
        lastTimestamp = state.timestamp
        coordinatorEpoch = state.coordinatorEpoch
        currentTxnStartOffset = state.transactionStart ?? -1
    }
}
