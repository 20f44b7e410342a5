import KafkaProtocol

/// Divides partitions among the members of a group as Java's `RangeAssignor` does: topic by topic, in the order of the
/// members' ids, consecutive ranges, the first ones larger by one where it does not come out even.
package enum RangeAssignor {
    package static let name = "range"

    /// - Parameter subscriptions: the topics of each member, by member id.
    /// - Parameter partitions: how many there are, by topic; topics that are not there get nothing assigned.
    /// - Returns: an entry for every member.
    package static func assign(
        _ subscriptions: [String: [String]], partitions: [String: Int32]
    ) -> [String: [TopicPartition]] {
        var assignment = subscriptions.mapValues { _ in [TopicPartition]() }
        for topic in Set(subscriptions.values.joined()).sorted() {
            let members = subscriptions.filter { $0.value.contains(topic) }.keys.sorted()
            let count = partitions[topic] ?? 0
            let share = count / Int32(clamping: members.count)
            let extra = count % Int32(clamping: members.count)
            var next: Int32 = 0
            for (place, member) in members.enumerated() {
                let end = next + share + (place < Int(extra) ? 1 : 0)
                assignment[member, default: []] += (next..<end).map { TopicPartition(topic, $0) }
                next = end
            }
        }
        return assignment
    }
}
