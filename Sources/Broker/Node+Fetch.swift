import CommitLog
package import KafkaProtocol
import Platform
import Records

/// Fetch, versions 4–12. Batches go out as spans of their files.
///
/// Left out on purpose: fetch sessions (every answer says session 0, so clients send full requests), followers.
extension Node {
    package func fetch(
        _ request: FetchRequest, _ context: RequestContext, _ respond: @escaping Respond<FetchResponse>
    ) {
        if request.sessionId != 0, request.sessionEpoch > 0 {
            var response = FetchResponse()
            response.errorCode = .fetchSessionIdNotFound
            return respond(response)
        }
        let patience = min(.milliseconds(max(0, request.maxWaitMs)), options.longestWait)
        let call = FetchCall(
            request, context, parts: parts(of: request),
            maxBytes: min(max(0, Int(request.maxBytes)), options.fetchMaxBytes), deadline: clock.now() + patience,
            respond)
        // A reader at the end is the common case, and needs no worker.
        if call.mayWait, call.parts.allSatisfy({ call.end(of: $0) == $0.offset }) {
            park(call, seen: call.parts.map(\.offset))
        } else {
            evaluateLater(call)
        }
    }

    package func connectionClosed(_ connection: UInt64) {
        for call in waiting.take(connection: connection) { finish(call) }
    }

    private func parts(of request: FetchRequest) -> [FetchCall.Part] {
        var named = NamedPartitions()
        return request.topics.enumerated().flatMap { topicPlace, wanted in
            let topic = directory.topic(named: wanted.name)
            let number = named.number(of: wanted.name)
            return wanted.partitions.enumerated().map { place, asked in
                var part = FetchCall.Part(
                    place: (topicPlace, place), offset: asked.fetchOffset,
                    maxBytes: max(0, Int(asked.partitionMaxBytes)))
                guard named.insert(asked.partition, of: number) else {
                    part.error = .invalidRequest
                    return part
                }
                guard let partition = topic?.partition(asked.partition) else {
                    part.error = .unknownTopicOrPartition
                    return part
                }
                part.partition = partition
                part.error = objection(to: partition, epoch: asked.currentLeaderEpoch) ?? .none
                if part.error == .none, asked.fetchOffset < partition.logStart || asked.fetchOffset > partition.logEnd {
                    part.error = .offsetOutOfRange
                }
                return part
            }
        }
    }

    /// Why nothing can be said of a partition: it is offline (nobody knows where it begins and ends, and clients would move
    /// their positions to what they are told), or the client knows another leader epoch; -1 is not checked.
    func objection(to partition: Partition, epoch: Int32) -> ErrorCode? {
        guard partition.offline == nil else { return .kafkaStorageError }
        guard epoch >= 0, epoch != directory.leaderEpoch else { return nil }
        return epoch < directory.leaderEpoch ? .fencedLeaderEpoch : .unknownLeaderEpoch
    }

    /// Hands a call to a worker: reading may wait for the disk.
    func evaluateLater(_ call: FetchCall) {
        if workers.submit({ [self] in evaluate(call) }) { return }
        // Clients look the leader up again and retry.
        call.answer(response(to: call) { part in self.unread(part, error: .replicaNotAvailable) })
    }

    /// Answers a call with what there is.
    func finish(_ call: FetchCall) {
        call.becomeOverdue()
        call.answer(response(to: call) { part in self.unread(part, error: part.error) })
    }

    private func evaluate(_ call: FetchCall) {
        var read: [FetchResponse.Partitions] = []
        var bytes = 0
        var failed = false
        for part in call.parts {
            let (answer, length) = self.read(
                part, call.isolation, left: call.maxBytes - bytes, isFirst: bytes == 0)
            bytes += length
            failed = failed || answer.errorCode != .none
            read.append(answer)
        }
        guard call.mayWait, !failed, bytes < call.minBytes, !call.isOverdue else {
            var next = 0
            return call.answer(
                response(to: call) { _ in
                    defer { next += 1 }
                    return read[next]
                })
        }
        park(call, seen: read.map { call.isolation == .committed ? $0.lastStableOffset : $0.highWatermark })
    }

    private func read(
        _ part: FetchCall.Part, _ isolation: Isolation, left: Int, isFirst: Bool
    ) -> (FetchResponse.Partitions, Int) {
        var answer = unread(part, error: part.error)
        guard part.error == .none, let partition = part.partition, isFirst || left > 0 else { return (answer, 0) }
        do throws(StorageError) {
            let slice = try partition.read(
                from: part.offset, maxBytes: min(part.maxBytes, max(0, left)), minOneMessage: isFirst,
                isolation: isolation)
            answer.highWatermark = slice.highWatermark
            answer.lastStableOffset = slice.lastStable
            answer.logStartOffset = slice.logStart
            answer.records = slice.spans.map { .file($0) }
            answer.abortedTransactions = slice.aborted.map { aborted in
                var entry = FetchResponse.AbortedTransactions()
                entry.producerId = aborted.producerId
                entry.firstOffset = aborted.firstOffset
                return entry
            }
            return (answer, slice.length)
        } catch {
            if case .disk = error.cause { log("\(error)") }
            answer.errorCode = ErrorCode(error)
            return (answer, 0)
        }
    }

    /// A partition's answer without records.
    private func unread(_ part: FetchCall.Part, error: ErrorCode) -> FetchResponse.Partitions {
        var answer = FetchResponse.Partitions()
        answer.errorCode = error
        // In this order, so that the one is never beyond the other.
        answer.lastStableOffset = part.partition?.lastStable ?? -1
        answer.highWatermark = part.partition?.highWatermark ?? -1
        answer.abortedTransactions = []
        answer.logStartOffset = part.partition?.logStart ?? -1
        return answer
    }

    private func response(
        to call: FetchCall, _ answer: (FetchCall.Part) -> FetchResponse.Partitions
    ) -> FetchResponse {
        var response = FetchResponse()
        response.responses = call.request.topics.map { topic in
            var responses = FetchResponse.Responses()
            responses.topic = topic.name
            return responses
        }
        for part in call.parts {
            var answer = answer(part)
            answer.partitionIndex = call.request.topics[part.place.topic].partitions[part.place.partition].partition
            if call.isolation == .uncommitted { answer.abortedTransactions = nil }
            // Older clients do not know this error; they look for the leader again at the other.
            if answer.errorCode == .kafkaStorageError, call.version <= 5 { answer.errorCode = .notLeaderOrFollower }
            response.responses[part.place.topic].partitions.append(answer)
        }
        return response
    }

    /// - Parameter seen: the ends of what the client is shown that were not enough.
    private func park(_ call: FetchCall, seen: [Offset]) {
        call.armDeadline {
            scheduler.schedule(at: call.deadline) { [weak self] in
                call.becomeOverdue()
                guard let self, waiting.take(call) else { return }
                evaluateLater(call)
            }
        }
        guard waiting.park(call) else { return finish(call) }
        // What was appended, deleted or became overdue in between found nobody waiting.
        let isStale =
            call.isOverdue
            || zip(call.parts, seen).contains { part, seen in
                call.end(of: part) != seen || part.partition?.isDeleted ?? true
            }
        if isStale, waiting.take(call) { evaluateLater(call) }
    }
}
