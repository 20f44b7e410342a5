package import KafkaProtocol
package import Platform

/// The group coordinator's decisions: pure, no clock, no lock, no I/O. Every call that can change something returns what
/// must be done about it, in order.
///
/// Classic protocol, all versions. Left out on purpose: the consumer protocol of KIP-848.
package struct Groups: Sendable {
    package let options: GroupOptions
    var groups: [String: Group] = [:]
    /// Bytes of the members of all groups.
    private(set) var bytes = 0
    /// Bytes of what all groups have committed.
    package internal(set) var offsetBytes = 0

    package init(options: GroupOptions = GroupOptions()) { self.options = options }

    // MARK: Members

    package mutating func join(_ call: JoinCall, now: Instant, wall: Int64) -> [GroupAction] {
        func refuse(_ error: ErrorCode) -> [GroupAction] {
            [.answerJoin(call.waiter, .failed(error, member: call.member))]
        }
        guard !call.group.isEmpty else { return refuse(.invalidGroupId) }
        guard options.sessionTimeouts.contains(call.sessionTimeout) else { return refuse(.invalidSessionTimeout) }
        if groups[call.group] == nil {
            guard call.member.isEmpty else { return refuse(.unknownMemberId) }
            guard groups.count < options.maxGroups else { return refuse(.groupMaxSizeReached) }
            groups[call.group] = Group(id: call.group)
        }
        return turn(call.group, now: now, wall: wall) { $0.join(call, &$1) }
    }

    package mutating func sync(_ call: SyncCall, now: Instant, wall: Int64) -> [GroupAction] {
        guard !call.group.isEmpty else { return [.answerSync(call.waiter, SyncAnswer(error: .invalidGroupId))] }
        guard groups[call.group] != nil else {
            return [.answerSync(call.waiter, SyncAnswer(error: .unknownMemberId))]
        }
        return turn(call.group, now: now, wall: wall) { $0.sync(call, &$1) }
    }

    package mutating func heartbeat(
        _ group: String, member: String, instance: String?, generation: Int32, now: Instant
    ) -> ErrorCode {
        guard !group.isEmpty else { return .invalidGroupId }
        return groups[group]?.heartbeat(member: member, instance: instance, generation: generation, now: now)
            ?? .unknownMemberId
    }

    /// - Returns: the error of each member in the order given, and what to do.
    package mutating func leave(
        _ group: String, members: [(member: String, instance: String?)], now: Instant, wall: Int64
    ) -> (errors: [ErrorCode], actions: [GroupAction]) {
        guard groups[group] != nil else { return (members.map { _ in .unknownMemberId }, []) }
        var errors: [ErrorCode] = []
        let actions = turn(group, now: now, wall: wall) { group, turn in
            errors = members.map { group.leave(member: $0.member, instance: $0.instance, &turn) }
        }
        return (errors, actions)
    }

    /// A ``GroupAction/store(_:)`` was carried out, or failed with `error`.
    package mutating func stored(
        _ group: String, generation: Int32, error: ErrorCode, now: Instant, wall: Int64
    ) -> [GroupAction] {
        turn(group, now: now, wall: wall) { $0.stored(generation: generation, error: error, &$1) }
    }

    /// A ``GroupAction/wake(group:at:)`` came. Too early or once too often does no harm.
    package mutating func tick(_ group: String, now: Instant, wall: Int64) -> [GroupAction] {
        turn(group, now: now, wall: wall) { group, turn in
            if let wake = group.wakeAt, wake <= turn.now { group.wakeAt = nil }
            group.tick(&turn)
        }
    }

    private mutating func turn(
        _ id: String, now: Instant, wall: Int64, _ body: (inout Group, inout GroupTurn) -> Void
    ) -> [GroupAction] {
        guard var group = groups.removeValue(forKey: id) else { return [] }
        var turn = GroupTurn(now: now, wall: wall, options: options, room: options.maxBytes - bytes)
        body(&group, &turn)
        count(&group)
        if group.isForgettable { return turn.actions }
        if let next = group.nextDeadline, group.wakeAt.map({ next < $0 }) ?? true {
            group.wakeAt = next
            turn.actions.append(.wake(group: id, at: next))
        }
        groups[id] = group
        return turn.actions
    }

    /// After the members of a group changed.
    mutating func count(_ group: inout Group) {
        let now = group.bytes
        bytes += now - group.counted
        group.counted = now
    }
}
