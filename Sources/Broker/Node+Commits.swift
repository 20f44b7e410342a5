import CommitLog
package import KafkaProtocol
import Platform
import Records

/// What groups have read: OffsetCommit (versions 2–9) and OffsetFetch (1–9).
extension Node {
    package func offsetCommit(
        _ request: OffsetCommitRequest, _ context: RequestContext, _ respond: @escaping Respond<OffsetCommitResponse>
    ) {
        var refused: [ErrorCode?] = []
        var offsets: [(key: OffsetKey, offset: CommittedOffset)] = []
        var named = NamedPartitions()
        let now = clock.wallMilliseconds()
        for topic in request.topics {
            let found = directory.topic(named: topic.name)
            let number = named.number(of: topic.name)
            for asked in topic.partitions {
                let metadata = asked.committedMetadata ?? ""
                guard named.insert(asked.partitionIndex, of: number) else {
                    refused.append(.invalidRequest)
                    continue
                }
                guard found?.partition(asked.partitionIndex) != nil else {
                    refused.append(.unknownTopicOrPartition)
                    continue
                }
                guard metadata.utf8.count <= options.groups.maxOffsetMetadata else {
                    refused.append(.offsetMetadataTooLarge)
                    continue
                }
                refused.append(nil)
                let offset = CommittedOffset(
                    offset: asked.committedOffset, leaderEpoch: asked.committedLeaderEpoch, metadata: metadata,
                    committed: now)
                offsets.append((OffsetKey(topic: topic.name, partition: asked.partitionIndex), offset))
            }
        }
        let committer = GroupCoordinator.Committer(
            group: request.groupId, member: request.memberId, instance: request.groupInstanceId,
            generation: request.generationIdOrMemberEpoch, namesMissingGroup: context.version >= 9)
        coordinator.commit(offsets, by: committer) { [refused] error in
            respond(Self.answer(request, refused: refused, others: error))
        }
    }

    /// - Parameter refused: for each partition, in the request's order.
    private static func answer(
        _ request: OffsetCommitRequest, refused: [ErrorCode?], others: ErrorCode
    ) -> OffsetCommitResponse {
        // Whatever is wrong with the log, a client commits again once it has found the coordinator again.
        let others =
            switch others {
            case .kafkaStorageError: ErrorCode.notCoordinator
            case .messageTooLarge, .recordListTooLarge: ErrorCode.invalidCommitOffsetSize
            default: others
            }
        var rest = refused[...]
        var response = OffsetCommitResponse()
        response.topics = request.topics.map { topic in
            var answer = OffsetCommitResponse.Topics()
            answer.name = topic.name
            answer.partitions = topic.partitions.map { asked in
                var part = OffsetCommitResponse.Partitions()
                part.partitionIndex = asked.partitionIndex
                let own = rest.removeFirst()
                // A metadata that is too long matters only to someone who may commit at all.
                part.errorCode = own == .offsetMetadataTooLarge && others != .none ? others : own ?? others
                return part
            }
            return answer
        }
        return response
    }

    package func offsetFetch(
        _ request: OffsetFetchRequest, _ context: RequestContext, _ respond: @escaping Respond<OffsetFetchResponse>
    ) {
        var response = OffsetFetchResponse()
        if context.version >= 8 {
            response.groups = request.groups.unique(by: \.groupId).map { group in
                var answer = OffsetFetchResponse.Groups()
                answer.groupId = group.groupId
                (answer.topics, answer.errorCode) = topics(of: group.groupId, group.topics)
                return answer
            }
        } else {
            (response.topics, response.errorCode) = topics(of: request.groupId, request.topics)
        }
        respond(response)
    }

    /// - Parameter wanted: nil is everything that was committed.
    /// - Returns: the error also stands with each partition: old versions have no other place for it.
    private func topics(
        of group: String, _ wanted: [OffsetFetchRequest.Topics]?
    ) -> ([OffsetFetchResponse.Topics], ErrorCode) {
        let error = coordinator.objection(to: group)
        let offsets = error == nil ? coordinator.offsets(group) : [:]
        guard let wanted else { return (allTopics(offsets), error ?? .none) }
        var named = NamedPartitions()
        let topics = wanted.map { topic in
            var answer = OffsetFetchResponse.Topics()
            answer.name = topic.name
            let number = named.number(of: topic.name)
            // Nothing is committed for names that no topic can have, and those may be long.
            let isPossible = Topic.objection(to: topic.name) == nil
            answer.partitions = topic.partitions.filter { named.insert($0, of: number) }.map { index in
                part(index, isPossible ? offsets[OffsetKey(topic: topic.name, partition: index)] : nil, error)
            }
            return answer
        }
        return (topics, error ?? .none)
    }

    private func allTopics(_ offsets: [OffsetKey: CommittedOffset]) -> [OffsetFetchResponse.Topics] {
        var topics: [OffsetFetchResponse.Topics] = []
        for (key, offset) in offsets.sorted(by: { ($0.key.topic, $0.key.partition) < ($1.key.topic, $1.key.partition) })
        {
            if topics.last?.name != key.topic {
                var topic = OffsetFetchResponse.Topics()
                topic.name = key.topic
                topics.append(topic)
            }
            topics[topics.count - 1].partitions.append(part(key.partition, offset, nil))
        }
        return topics
    }

    private func part(
        _ index: Int32, _ offset: CommittedOffset?, _ error: ErrorCode?
    ) -> OffsetFetchResponse.Partitions {
        var answer = OffsetFetchResponse.Partitions()
        answer.partitionIndex = index
        answer.committedOffset = offset?.offset ?? -1
        answer.committedLeaderEpoch = offset?.leaderEpoch ?? -1
        answer.metadata = offset?.metadata ?? ""
        answer.errorCode = error ?? .none
        return answer
    }
}
