import KafkaProtocol
import Platform
package import Records

/// One member of a consumer group, as Java's classic consumer: joins, divides partitions if it is the leader, sends
/// heartbeats, commits, leaves. For one thread, which must call ``heartbeat()`` more often than the session timeout: who
/// stops reading loses its partitions to the others.
package final class GroupMember {
    package struct Options: Sendable {
        /// A member that is not heard of for so long is dropped.
        package var sessionTimeout: Duration = .seconds(45)
        /// How long a rebalance waits for members that are busy.
        package var rebalanceTimeout: Duration = .seconds(60)
        package var heartbeatInterval: Duration = .seconds(3)

        package init() {}
    }

    package let group: String
    package let topics: [String]
    /// What is assigned in this generation.
    package private(set) var assignment: [TopicPartition] = []
    private let client: KafkaClient
    private let options: Options
    private var memberId = ""
    private var generation: Int32 = -1
    private var nextHeartbeat = Instant(nanoseconds: 0)

    package init(_ client: KafkaClient, group: String, topics: [String], options: Options = Options()) {
        self.client = client
        self.group = group
        self.topics = topics.sorted()
        self.options = options
    }

    /// Joins the group, or joins it again, and waits until all members have got their partitions.
    /// - Returns: ``assignment``.
    @discardableResult
    package func join() throws(ClientError) -> [TopicPartition] {
        let deadline = client.clock.now() + options.rebalanceTimeout + options.sessionTimeout
        while true {
            do {
                try joinOnce()
                return assignment
            } catch {
                guard settles(error), client.clock.now() < deadline else { throw error }
                if error.code == .unknownMemberId || error.code == .illegalGeneration { forget() }
                if client.mayRepeat(after: error) {
                    client.forgetLeaders()
                    client.pause(client.options.retryPause)
                }
            }
        }
    }

    /// Says that the member is alive, if it is time to.
    /// - Returns: false if the group rebalances: commit, then ``join()`` again.
    package func heartbeat() throws(ClientError) -> Bool {
        guard client.clock.now() >= nextHeartbeat else { return true }
        var request = HeartbeatRequest()
        request.groupId = group
        request.generationId = generation
        request.memberId = memberId
        do throws(ClientError) {
            let code = try client.call(request, coordinating: group).errorCode
            guard code == .none else { throw ClientError("stay in group '\(group)'", code) }
        } catch {
            guard settles(error) else { throw error }
            if client.mayRepeat(after: error) {
                client.forgetLeaders()
                return true
            }
            if error.code != .rebalanceInProgress { forget() }
            return false
        }
        nextHeartbeat = client.clock.now() + options.heartbeatInterval
        return true
    }

    /// Commits where the next record to read is.
    /// - Returns: false if the member has lost its partitions meanwhile, and nothing was committed.
    @discardableResult
    package func commit(_ offsets: [TopicPartition: Offset]) throws(ClientError) -> Bool {
        guard !offsets.isEmpty, generation >= 0 else { return true }
        let request = commitRequest(offsets)
        do {
            try client.retrying { [group] (client) throws(ClientError) in
                let response = try client.call(request, coordinating: group)
                for partition in response.topics.flatMap(\.partitions) where partition.errorCode != .none {
                    throw ClientError("commit the offsets of group '\(group)'", partition.errorCode)
                }
            }
            return true
        } catch {
            guard [.unknownMemberId, .illegalGeneration, .rebalanceInProgress, .fencedInstanceId].contains(error.code)
            else { throw error }
            return false
        }
    }

    /// Leaves the group, so that the others need not wait for the session timeout.
    package func leave() throws(ClientError) {
        guard !memberId.isEmpty else { return }
        var request = LeaveGroupRequest()
        request.groupId = group
        request.memberId = memberId
        var member = LeaveGroupRequest.Members()
        member.memberId = memberId
        member.reason = "the consumer is done"
        request.members = [member]
        forget()
        _ = try client.call(request, coordinating: group)
    }
}

extension GroupMember {
    /// Whether joining again, or trying again, can help.
    private func settles(_ error: ClientError) -> Bool {
        client.mayRepeat(after: error)
            || [.unknownMemberId, .illegalGeneration, .rebalanceInProgress, .memberIdRequired].contains(error.code)
    }

    private func forget() {
        memberId = ""
        generation = -1
        assignment = []
    }

    private func joinOnce() throws(ClientError) {
        let attempt = "join group '\(group)'"
        var request = JoinGroupRequest()
        request.groupId = group
        request.sessionTimeoutMs = Int32(clamping: options.sessionTimeout.wholeMilliseconds)
        request.rebalanceTimeoutMs = Int32(clamping: options.rebalanceTimeout.wholeMilliseconds)
        request.memberId = memberId
        request.protocolType = "consumer"
        var range = JoinGroupRequest.Protocols()
        range.name = RangeAssignor.name
        range.metadata = try encoded(attempt) { () throws(WireError) in try self.subscription.encode(version: 1) }
        request.protocols = [range]
        let joined = try client.call(
            request, coordinating: group, timeout: options.rebalanceTimeout + client.options.requestTimeout)
        if joined.errorCode == .memberIdRequired { memberId = joined.memberId }
        guard joined.errorCode == .none else { throw ClientError(attempt, joined.errorCode) }
        memberId = joined.memberId
        generation = joined.generationId
        try synchronize(joined, attempt)
        nextHeartbeat = client.clock.now() + options.heartbeatInterval
    }

    private var subscription: ConsumerSubscription {
        var subscription = ConsumerSubscription()
        subscription.topics = topics
        return subscription
    }

    private func synchronize(_ joined: JoinGroupResponse, _ attempt: String) throws(ClientError) {
        var request = SyncGroupRequest()
        request.groupId = group
        request.generationId = generation
        request.memberId = memberId
        request.protocolType = joined.protocolType ?? "consumer"
        request.protocolName = joined.protocolName ?? RangeAssignor.name
        if joined.leader == memberId { request.assignments = try assignments(joined, attempt) }
        let synced = try client.call(
            request, coordinating: group, timeout: options.rebalanceTimeout + client.options.requestTimeout)
        guard synced.errorCode == .none else { throw ClientError(attempt, synced.errorCode) }
        do {
            // A member that the leader forgot gets no bytes at all.
            let mine =
                try synced.assignment.isEmpty
                ? ConsumerAssignment() : ConsumerAssignment(decoding: synced.assignment[...])
            assignment = mine.assignedPartitions.flatMap { topic in
                topic.partitions.map { TopicPartition(topic.topic, $0) }
            }.sorted()
        } catch {
            throw ClientError(attempt, cause: "\(error)")
        }
    }

    /// The leader's work: who reads what.
    private func assignments(
        _ joined: JoinGroupResponse, _ attempt: String
    ) throws(ClientError) -> [SyncGroupRequest.Assignments] {
        var subscriptions: [String: [String]] = [:]
        for member in joined.members {
            subscriptions[member.memberId] = (try? ConsumerSubscription(decoding: member.metadata[...]))?.topics ?? []
        }
        var counts: [String: Int32] = [:]
        for topic in Set(subscriptions.values.joined()).sorted() {
            counts[topic] = try client.partitionCount(of: topic)
        }
        var assignments: [SyncGroupRequest.Assignments] = []
        for (member, partitions) in RangeAssignor.assign(subscriptions, partitions: counts) {
            var value = ConsumerAssignment()
            value.assignedPartitions = Dictionary(grouping: partitions, by: \.topic).sorted { $0.key < $1.key }.map {
                ConsumerPartitions(topic: $0.key, partitions: $0.value.map(\.partition))
            }
            var assignment = SyncGroupRequest.Assignments()
            assignment.memberId = member
            let ready = value
            assignment.assignment = try encoded(attempt) { () throws(WireError) in try ready.encode(version: 1) }
            assignments.append(assignment)
        }
        return assignments
    }

    private func encoded(_ attempt: String, _ encode: () throws(WireError) -> [UInt8]) throws(ClientError) -> [UInt8] {
        do { return try encode() } catch { throw ClientError(attempt, cause: "\(error)") }
    }

    private func commitRequest(_ offsets: [TopicPartition: Offset]) -> OffsetCommitRequest {
        var request = OffsetCommitRequest()
        request.groupId = group
        request.generationIdOrMemberEpoch = generation
        request.memberId = memberId
        request.topics = Dictionary(grouping: offsets.keys, by: \.topic).sorted { $0.key < $1.key }.map { name, some in
            var topic = OffsetCommitRequest.Topics()
            topic.name = name
            topic.partitions = some.sorted().map { key in
                var partition = OffsetCommitRequest.Partitions()
                partition.partitionIndex = key.partition
                partition.committedOffset = offsets[key] ?? 0
                partition.committedMetadata = ""
                return partition
            }
            return topic
        }
        return request
    }
}

extension KafkaClient {
    /// 0 for a topic that is not there.
    fileprivate func partitionCount(of topic: String) throws(ClientError) -> Int32 {
        do {
            return Int32(clamping: try topics([topic]).first?.partitions.count ?? 0)
        } catch {
            guard error.code == .unknownTopicOrPartition else { throw error }
            return 0
        }
    }
}
