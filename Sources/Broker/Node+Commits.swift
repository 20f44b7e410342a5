package import KafkaProtocol
import Platform
import Records

/// What groups have read: OffsetCommit (versions 2–9) and OffsetFetch (1–9).
extension Node {
    package func offsetCommit(
        _ request: OffsetCommitRequest, _ context: RequestContext, _ respond: @escaping Respond<OffsetCommitResponse>
    ) {
        var refused: [OffsetKey: ErrorCode] = [:]
        var offsets: [(key: OffsetKey, offset: CommittedOffset)] = []
        let now = clock.wallMilliseconds()
        for topic in request.topics {
            for asked in topic.partitions {
                let key = OffsetKey(topic: topic.name, partition: asked.partitionIndex)
                let metadata = asked.committedMetadata ?? ""
                if partition(topic.name, asked.partitionIndex) == nil {
                    refused[key] = .unknownTopicOrPartition
                } else if metadata.utf8.count > options.groups.maxOffsetMetadata {
                    refused[key] = .offsetMetadataTooLarge
                } else {
                    let offset = CommittedOffset(
                        offset: asked.committedOffset, leaderEpoch: asked.committedLeaderEpoch, metadata: metadata,
                        committed: now)
                    offsets.append((key, offset))
                }
            }
        }
        let committer = GroupCoordinator.Committer(
            group: request.groupId, member: request.memberId, instance: request.groupInstanceId,
            generation: request.generationIdOrMemberEpoch, namesMissingGroup: context.version >= 9)
        coordinator.commit(offsets, by: committer) { [refused] error in
            respond(Self.answer(request, refused: refused, others: error))
        }
    }

    private static func answer(
        _ request: OffsetCommitRequest, refused: [OffsetKey: ErrorCode], others: ErrorCode
    ) -> OffsetCommitResponse {
        // Whatever is wrong with the log, a client commits again once it has found the coordinator again.
        let others = others == .kafkaStorageError ? .notCoordinator : others
        var response = OffsetCommitResponse()
        response.topics = request.topics.map { topic in
            var answer = OffsetCommitResponse.Topics()
            answer.name = topic.name
            answer.partitions = topic.partitions.map { asked in
                var part = OffsetCommitResponse.Partitions()
                part.partitionIndex = asked.partitionIndex
                let own = refused[OffsetKey(topic: topic.name, partition: asked.partitionIndex)]
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
                answer.topics = topics(of: group.groupId, group.topics)
                return answer
            }
        } else {
            response.topics = topics(of: request.groupId, request.topics)
        }
        respond(response)
    }

    /// - Parameter wanted: nil is everything that was committed.
    private func topics(
        of group: String, _ wanted: [OffsetFetchRequest.Topics]?
    ) -> [OffsetFetchResponse.Topics] {
        guard let wanted else { return allTopics(of: group) }
        var named = NamedPartitions()
        return wanted.map { topic in
            var answer = OffsetFetchResponse.Topics()
            answer.name = topic.name
            let number = named.number(of: topic.name)
            answer.partitions = topic.partitions.filter { named.insert($0, of: number) }.map { index in
                let key = OffsetKey(topic: topic.name, partition: index)
                return part(index, coordinator.offset(group, key))
            }
            return answer
        }
    }

    private func allTopics(of group: String) -> [OffsetFetchResponse.Topics] {
        var topics: [OffsetFetchResponse.Topics] = []
        for (key, offset) in coordinator.offsets(group) {
            if topics.last?.name != key.topic {
                var topic = OffsetFetchResponse.Topics()
                topic.name = key.topic
                topics.append(topic)
            }
            topics[topics.count - 1].partitions.append(part(key.partition, offset))
        }
        return topics
    }

    private func part(_ index: Int32, _ offset: CommittedOffset?) -> OffsetFetchResponse.Partitions {
        var answer = OffsetFetchResponse.Partitions()
        answer.partitionIndex = index
        answer.committedOffset = offset?.offset ?? -1
        answer.committedLeaderEpoch = offset?.leaderEpoch ?? -1
        answer.metadata = offset?.metadata ?? ""
        return answer
    }
}
