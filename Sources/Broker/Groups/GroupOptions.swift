import Platform

/// Bounds and times of the group coordinator.
package struct GroupOptions: Sendable {
    /// How long an empty group waits for more members after its first one (`group.initial.rebalance.delay.ms`).
    /// Kafka's 3 s spare a large cluster some rebalances; whoever starts one reader on a log host stares at it. Members
    /// that start together within half a second still share one rebalance.
    package var initialRebalanceDelay = Duration.milliseconds(500)
    /// Shortest and longest session timeout that a member may ask for, in milliseconds, as in Kafka.
    package var sessionTimeouts: ClosedRange<Int32> = 6_000...1_800_000
    /// How long a member that was never answered is kept.
    package var newMemberTimeout = Duration.seconds(300)
    /// Members of one group, with those that were given an id and have not come back yet.
    package var maxMembers = 1_000
    /// Bytes of a group's name, which stands in each of its records. (Kafka takes up to 32 KiB.)
    package var maxGroupNameBytes = 4_096
    /// Groups kept, empty ones included; each costs some hundred bytes and its offsets.
    package var maxGroups = 10_000
    /// Names and metadata of all the protocols of one member, in bytes. Held in memory, and written with the group.
    package var maxMemberBytes = 256 * 1024
    /// Protocols of one member. Each join compares those of all members.
    package var maxProtocols = 64
    /// Bytes of the name of a protocol.
    package var maxProtocolNameBytes = 255
    /// Bytes that the members of all groups hold in memory together: ids, names, protocols, assignments. What would be
    /// more is refused with GROUP_MAX_SIZE_REACHED; who is in a group stays.
    package var maxBytes = 256 << 20
    /// Bytes that the committed offsets of all groups hold in memory together, about. Beyond, only partitions for which a
    /// group has committed before are taken; others are refused with GROUP_MAX_SIZE_REACHED.
    package var maxOffsetBytes = 256 << 20
    /// Bytes of metadata with one committed offset (`offset.metadata.max.bytes`).
    package var maxOffsetMetadata = 4_096
    /// Milliseconds that the offsets of an empty group are kept (`offsets.retention.minutes`: seven days).
    package var offsetsRetentionMilliseconds: Int64 = 7 * 24 * 3_600_000

    package init() {}
}
