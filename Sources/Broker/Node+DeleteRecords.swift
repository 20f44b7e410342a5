import CommitLog
package import KafkaProtocol

/// DeleteRecords, versions 0–2. Answered when the new starts are durable.
extension Node {
    package func deleteRecords(
        _ request: DeleteRecordsRequest, _ context: RequestContext, _ respond: @escaping Respond<DeleteRecordsResponse>
    ) {
        let accepted = topicWorker.submit { [self] in respond(delete(request)) }
        guard !accepted else { return }
        respond(Self.answer(request) { _, _ in .failure(.requestTimedOut) })
    }

    private func delete(_ request: DeleteRecordsRequest) -> DeleteRecordsResponse {
        var deletions: [DataDirectory.Deletion] = []
        var objections: [ErrorCode?] = []
        var named = NamedPartitions()
        for topic in request.topics {
            let found = directory.topic(named: topic.name)
            let number = named.number(of: topic.name)
            for part in topic.partitions {
                guard named.insert(part.partitionIndex, of: number) else {
                    objections.append(.invalidRequest)
                    continue
                }
                do throws(ErrorCode) {
                    deletions.append((try Self.deletable(found, part.partitionIndex), part.before))
                    objections.append(nil)
                } catch {
                    objections.append(error)
                }
            }
        }
        let moved = carryOut(deletions)
        var place = 0
        var next = 0
        return Self.answer(request) { _, _ in
            defer { place += 1 }
            if let objection = objections[place] { return .failure(objection) }
            defer { next += 1 }
            return moved[next]
        }
    }

    private static func deletable(_ topic: Topic?, _ index: Int32) throws(ErrorCode) -> Partition {
        guard let topic, let partition = topic.partition(index) else { throw .unknownTopicOrPartition }
        guard !topic.isInternal else { throw .invalidTopicException }
        let policy = topic.settings.cleanupPolicy
        guard policy.contains(.delete) || !policy.contains(.compact) else { throw .policyViolation }
        return partition
    }

    private func carryOut(_ deletions: [DataDirectory.Deletion]) -> [Result<Int64, ErrorCode>] {
        guard !deletions.isEmpty else { return [] }
        do throws(StorageError) {
            return try directory.deleteRecords(deletions).map { $0.mapError { ErrorCode($0) } }
        } catch {
            log("\(error)")
            return deletions.map { _ in .failure(ErrorCode(error)) }
        }
    }

    private static func answer(
        _ request: DeleteRecordsRequest,
        _ start: (DeleteRecordsRequest.Topics, DeleteRecordsRequest.Partitions) -> Result<Int64, ErrorCode>
    ) -> DeleteRecordsResponse {
        var response = DeleteRecordsResponse()
        response.topics = request.topics.map { topic in
            var answer = DeleteRecordsResponse.Topics()
            answer.name = topic.name
            answer.partitions = topic.partitions.map { asked in
                var part = DeleteRecordsResponse.Partitions()
                part.partitionIndex = asked.partitionIndex
                switch start(topic, asked) {
                case .success(let offset): part.lowWatermark = offset
                case .failure(let code): (part.lowWatermark, part.errorCode) = (-1, code)
                }
                return part
            }
            return answer
        }
        return response
    }
}

extension DeleteRecordsRequest.Partitions {
    /// nil is the high watermark. Anything else below 0 is out of range, which the log says.
    fileprivate var before: Int64? { offset == -1 ? nil : offset }
}
