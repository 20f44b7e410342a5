import CommitLog
package import KafkaProtocol
import Platform
import Records

/// Produce, versions 3–11.
///
/// `acks=0`: no answer; `acks=1`: when appended; `acks=all`: when a sync pass has made it durable, which is more than one
/// Kafka broker promises. Where a topic has `flush.messages=1`, `acks=1` waits for the pass as well.
extension Node {
    package func produce(
        _ request: ProduceRequest, _ context: RequestContext, _ respond: @escaping Respond<ProduceOutcome>
    ) {
        guard (-1...1).contains(request.acks) else {
            let message = "acks must be -1, 0 or 1, not \(request.acks)"
            return respond(.response(Self.refuse(request, .invalidRequiredAcks, message)))
        }
        let bytes = request.topicData.reduce(0) { sum, topic in
            sum + topic.partitionData.reduce(0) { $0 + ($1.records?.count ?? 0) }
        }
        let accepted = workers.submit(lane: context.connection, bytes: bytes) { [self] in
            append(request, context, respond)
        }
        guard !accepted else { return }
        respond(
            request.acks == 0
                ? .close(reason: Self.busy) : .response(Self.refuse(request, .requestTimedOut, Self.busy)))
    }

    private func append(
        _ request: ProduceRequest, _ context: RequestContext, _ respond: @escaping Respond<ProduceOutcome>
    ) {
        var response = ProduceResponse()
        var ticket: CommitTicket?
        var failure: String?
        var isFlushed = false
        var budget = DecompressionBudget(
            perBatch: options.maxDecompressedBytes, total: options.maxDecompressedRequestBytes)
        for topic in request.topicData {
            var answer = ProduceResponse.Responses()
            answer.name = topic.name
            let found = directory.topic(named: topic.name)
            for data in topic.partitionData {
                let (part, written) = append(data, to: found, context, &budget)
                answer.partitionResponses.append(part)
                if let written {
                    ticket = max(ticket ?? written, written)
                    isFlushed = isFlushed || found?.settings.flushMessages == 1
                }
                if part.errorCode != .none, failure == nil {
                    let name = TopicName.cut(topic.name)
                    failure = "\(name)-\(data.index): \(part.errorMessage ?? "\(part.errorCode)")"
                }
            }
            response.responses.append(answer)
        }
        switch request.acks {
        case 0: respond(failure.map { .close(reason: $0) } ?? .silence)
        case 1 where !isFlushed: respond(.response(response))
        default:
            guard let ticket else { return respond(.response(response)) }
            awaitSync(response, ticket, timeout: request.timeoutMs, respond)
        }
    }

    /// - Returns: the answer, and what must be synced for it to be durable if it is a success.
    private func append(
        _ data: ProduceRequest.PartitionData, to topic: Topic?, _ context: RequestContext,
        _ budget: inout DecompressionBudget
    ) -> (ProduceResponse.PartitionResponses, CommitTicket?) {
        var answer = ProduceResponse.PartitionResponses()
        answer.index = data.index
        answer.baseOffset = -1
        do throws(ClientBatch.Refusal) {
            let (topic, partition) = try writable(topic, data.index)
            let batch = try ClientBatch(checking: data.records, circumstances(topic, context), &budget)
            answer.logAppendTimeMs = batch.appendTime
            let (base, ticket) = try append(batch.batch, to: partition)
            answer.baseOffset = base
            answer.logStartOffset = partition.logStart
            return (answer, ticket)
        } catch {
            answer.errorCode = error.code
            answer.errorMessage = error.message
            answer.logAppendTimeMs = -1
            answer.recordErrors = error.records.map { index in
                var record = ProduceResponse.RecordErrors()
                record.batchIndex = index
                record.batchIndexErrorMessage = error.message
                return record
            }
            return (answer, nil)
        }
    }

    /// The errors leave out the topic's name: it is as long as a client likes, and they are repeated by partition.
    private func writable(_ topic: Topic?, _ index: Int32) throws(ClientBatch.Refusal) -> (Topic, Partition) {
        guard let topic else {
            throw ClientBatch.Refusal(code: .unknownTopicOrPartition, message: "there is no such topic")
        }
        guard topic.partitions.indices.contains(Int(index)) else {
            throw ClientBatch.Refusal(
                code: .unknownTopicOrPartition, message: "the topic has no partition \(index)")
        }
        guard !topic.isInternal else {
            throw ClientBatch.Refusal(code: .invalidTopicException, message: "the topic belongs to the broker itself")
        }
        return (topic, topic.partitions[Int(index)])
    }

    private func circumstances(_ topic: Topic, _ context: RequestContext) -> ClientBatch.Circumstances {
        ClientBatch.Circumstances(
            settings: topic.settings, version: context.version, now: clock.wallMilliseconds())
    }

    private func append(
        _ batch: EncodedBatch, to partition: Partition
    ) throws(ClientBatch.Refusal) -> (base: Offset, ticket: CommitTicket) {
        let result: AppendResult
        do throws(StorageError) {
            result = try directory.append(batch, to: partition, now: clock.wallMilliseconds())
        } catch {
            throw ClientBatch.Refusal(code: ErrorCode(error), message: "\(error)")
        }
        switch result {
        case .appended(let base, let ticket), .duplicate(let base, let ticket): return (base, ticket)
        case .rejected(let reason): throw ClientBatch.Refusal(code: ErrorCode(reason), message: "\(reason)")
        }
    }

    /// Answers when the ticket is durable, or when the client's patience ends.
    private func awaitSync(
        _ response: ProduceResponse, _ ticket: CommitTicket, timeout: Int32,
        _ respond: @escaping Respond<ProduceOutcome>
    ) {
        let once = Once(respond)
        let patience = min(.milliseconds(max(0, timeout)), options.longestWait)
        let deadline = scheduler.schedule(at: clock.now() + patience) {
            once.run(
                .response(Self.failing(response, .requestTimedOut, "appended, but not durable within the timeout")))
        }
        syncing.whenSynced(ticket) { error in
            deadline.cancel()
            guard let error else { return once.run(.response(response)) }
            once.run(.response(Self.failing(response, ErrorCode(error), "\(error)")))
        }
    }

    /// The same answer with an error in place of each success.
    private static func failing(_ response: ProduceResponse, _ code: ErrorCode, _ message: String) -> ProduceResponse {
        var response = response
        for topic in response.responses.indices {
            for index in response.responses[topic].partitionResponses.indices
            where response.responses[topic].partitionResponses[index].errorCode == .none {
                response.responses[topic].partitionResponses[index].errorCode = code
                response.responses[topic].partitionResponses[index].errorMessage = message
                response.responses[topic].partitionResponses[index].baseOffset = -1
            }
        }
        return response
    }

    private static func refuse(_ request: ProduceRequest, _ code: ErrorCode, _ message: String) -> ProduceResponse {
        var response = ProduceResponse()
        response.responses = request.topicData.map { topic in
            var answer = ProduceResponse.Responses()
            answer.name = topic.name
            answer.partitionResponses = topic.partitionData.map { data in
                var part = ProduceResponse.PartitionResponses()
                part.index = data.index
                part.errorCode = code
                part.errorMessage = message
                part.baseOffset = -1
                return part
            }
            return answer
        }
        return response
    }
}

/// Calls a function for the first of several answers.
final class Once<Value: Sendable>: Sendable {
    private let body: Lock<(@Sendable (Value) -> Void)?>

    init(_ body: @escaping @Sendable (Value) -> Void) { self.body = Lock(body) }

    func run(_ value: Value) {
        let first = body.withLock { body in
            defer { body = nil }
            return body
        }
        first?(value)
    }
}
