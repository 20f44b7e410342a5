import CommitLog
package import KafkaProtocol
import Records

/// Where to read from: ListOffsets (versions 1–9) and OffsetForLeaderEpoch (2–4).
extension Node {
    package func listOffsets(
        _ request: ListOffsetsRequest, _ context: RequestContext, _ respond: @escaping Respond<ListOffsetsResponse>
    ) {
        let accepted = workers.submit { [self] in
            respond(
                answer(request) { partition, asked in
                    find(
                        asked.timestamp, in: partition, version: context.version,
                        request.isolationLevel == 1 ? .committed : .uncommitted)
                })
        }
        if !accepted { respond(answer(request) { _, _ in Found(.leaderNotAvailable) }) }
    }

    private struct Found {
        var error = ErrorCode.none
        var offset: Offset = -1
        var timestamp: Int64 = -1
        var leaderEpoch: Int32 = -1

        init(_ error: ErrorCode) { self.error = error }

        init(offset: Offset, leaderEpoch: Int32) {
            self.offset = offset
            self.leaderEpoch = leaderEpoch
        }

        /// nil: there is no such record, which is no error.
        init(_ found: TimedOffset?) {
            guard let found else { return }
            offset = found.offset
            timestamp = found.timestamp
            leaderEpoch = found.leaderEpoch
        }
    }

    private func answer(
        _ request: ListOffsetsRequest,
        _ find: (Partition, ListOffsetsRequest.Partitions) -> Found
    ) -> ListOffsetsResponse {
        var named = NamedPartitions()
        let numbers = request.topics.map { topic in
            let number = named.number(of: topic.name)
            for asked in topic.partitions { _ = named.insert(asked.partitionIndex, of: number) }
            return number
        }
        var response = ListOffsetsResponse()
        response.topics = zip(request.topics, numbers).map { topic, number in
            var answer = ListOffsetsResponse.Topics()
            answer.name = topic.name
            let there = directory.topic(named: topic.name)
            answer.partitions = topic.partitions.map { asked in
                let isRepeated = named.isRepeated(asked.partitionIndex, of: number)
                let found: Found = isRepeated ? Found(.invalidRequest) : lookUp(there, asked, find)
                var part = ListOffsetsResponse.Partitions()
                part.partitionIndex = asked.partitionIndex
                part.errorCode = found.error
                part.offset = found.offset
                part.timestamp = found.timestamp
                part.leaderEpoch = found.leaderEpoch
                return part
            }
            return answer
        }
        return response
    }

    private func lookUp(
        _ topic: Topic?, _ asked: ListOffsetsRequest.Partitions,
        _ find: (Partition, ListOffsetsRequest.Partitions) -> Found
    ) -> Found {
        guard let partition = topic?.partition(asked.partitionIndex) else { return Found(.unknownTopicOrPartition) }
        if let error = objection(to: partition, epoch: asked.currentLeaderEpoch) { return Found(error) }
        return find(partition, asked)
    }

    /// Special times: -1 latest, -2 earliest, -3 of the largest timestamp (version 7), -4 earliest on this disk (8),
    /// -5 latest on another tier (9; there is none).
    ///
    /// Readers of committed records are told of none at or behind the last stable offset.
    private func find(
        _ timestamp: Int64, in partition: Partition, version: Int16, _ isolation: Isolation
    ) -> Found {
        func plain(_ offset: Offset) -> Found { Found(offset: offset, leaderEpoch: directory.leaderEpoch) }
        let end = isolation == .committed ? partition.lastStable : partition.highWatermark
        func shown(_ found: TimedOffset?) -> Found { Found(found.flatMap { $0.offset < end ? $0 : nil }) }
        do throws(StorageError) {
            switch timestamp {
            case -1: return plain(end)
            case -2: return plain(partition.logStart)
            case -3 where version >= 7: return shown(try partition.offsetOfMaxTimestamp())
            case -4 where version >= 8: return plain(partition.logStart)
            case -5 where version >= 9: return Found(ErrorCode.none)
            case ..<0: return Found(.unsupportedVersion)
            default: return shown(try partition.offset(atOrAfter: timestamp))
            }
        } catch {
            log("\(error)")
            return Found(ErrorCode(error))
        }
    }

    package func offsetForLeaderEpoch(
        _ request: OffsetForLeaderEpochRequest, _ context: RequestContext,
        _ respond: @escaping Respond<OffsetForLeaderEpochResponse>
    ) {
        // On a worker, since the answer waits for a writer that is under way.
        let accepted = workers.submit { [self] in
            respond(answer(request) { partition, asked in .success(partition.epochEnd(for: asked.leaderEpoch)) })
        }
        if !accepted { respond(answer(request) { _, _ in .failure(.leaderNotAvailable) }) }
    }

    private func answer(
        _ request: OffsetForLeaderEpochRequest,
        _ find: (Partition, OffsetForLeaderEpochRequest.Partitions) -> Result<
            (epoch: Int32, endOffset: Offset), ErrorCode
        >
    ) -> OffsetForLeaderEpochResponse {
        var response = OffsetForLeaderEpochResponse()
        response.topics = request.topics.map { topic in
            var answer = OffsetForLeaderEpochResponse.Topics()
            answer.name = topic.name
            let there = directory.topic(named: topic.name)
            answer.partitions = topic.partitions.map { asked in
                var part = OffsetForLeaderEpochResponse.Partitions()
                part.partition = asked.partition
                guard let partition = there?.partition(asked.partition) else {
                    part.errorCode = .unknownTopicOrPartition
                    return part
                }
                if let error = objection(to: partition, epoch: asked.currentLeaderEpoch) {
                    part.errorCode = error
                    return part
                }
                switch find(partition, asked) {
                case .success(let end): (part.leaderEpoch, part.endOffset) = (end.epoch, end.endOffset)
                case .failure(let error): part.errorCode = error
                }
                return part
            }
            return answer
        }
        return response
    }
}

extension Topic {
    /// nil for one that is not there.
    func partition(_ index: Int32) -> Partition? {
        partitions.indices.contains(Int(index)) ? partitions[Int(index)] : nil
    }
}
