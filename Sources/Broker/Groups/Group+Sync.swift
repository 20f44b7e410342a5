import KafkaProtocol
import Platform

/// SyncGroup, Heartbeat, LeaveGroup, and who may commit.
extension Group {
    mutating func sync(_ call: SyncCall, _ turn: inout GroupTurn) {
        if let error = syncError(call) { return turn.answer(call.waiter, SyncAnswer(error: error)) }
        switch state {
        case .empty: turn.answer(call.waiter, SyncAnswer(error: .unknownMemberId))
        case .preparing: turn.answer(call.waiter, SyncAnswer(error: .rebalanceInProgress))
        case .completing:
            guard growth(by: call) <= max(0, turn.room) else {
                return turn.answer(call.waiter, SyncAnswer(error: .groupMaxSizeReached))
            }
            park(call, &turn)
        case .stable:
            unsynced.remove(call.member)
            members[call.member]?.heard(now: turn.now)
            turn.answer(call.waiter, assignment(of: call.member))
        }
    }

    private func syncError(_ call: SyncCall) -> ErrorCode? {
        if let error = identityError(member: call.member, instance: call.instance) { return error }
        guard call.generation == generation else { return .illegalGeneration }
        if let type = call.protocolType, type != protocolType { return .inconsistentGroupProtocol }
        if let name = call.protocolName, name != protocolName { return .inconsistentGroupProtocol }
        return nil
    }

    /// Bytes by which the leader's assignments are more than those that they replace.
    private func growth(by call: SyncCall) -> Int {
        guard call.member == leader, !isStoring else { return 0 }
        return members.reduce(0) { $0 + (call.assignments[$1.key]?.count ?? 0) - $1.value.assignment.count }
    }

    private func assignment(of member: String) -> SyncAnswer {
        SyncAnswer(
            protocolType: protocolType, protocolName: protocolName, assignment: members[member]?.assignment ?? [])
    }

    private mutating func park(_ call: SyncCall, _ turn: inout GroupTurn) {
        unsynced.remove(call.member)
        if let waiter = members[call.member]?.syncing { turn.answer(waiter, SyncAnswer(error: .rebalanceInProgress)) }
        members[call.member]?.syncing = call.waiter
        guard call.member == leader, !isStoring else { return }
        for id in members.keys { members[id]?.assignment = call.assignments[id] ?? [] }
        isStoring = true
        turn.actions.append(.store(stored))
    }

    /// The group's record is in the log, or could not be written.
    mutating func stored(generation written: Int32, error: ErrorCode, _ turn: inout GroupTurn) {
        guard state == .completing, isStoring, written == generation else { return }
        isStoring = false
        guard error == .none else {
            dropAssignments(error, &turn)
            return rebalance(&turn)
        }
        enter(.stable, wall: turn.wall)
        for member in inOrder {
            guard let waiter = member.syncing else { continue }
            members[member.id]?.syncing = nil
            members[member.id]?.heard(now: turn.now)
            turn.answer(waiter, assignment(of: member.id))
        }
    }

    mutating func heartbeat(member: String, instance: String?, generation claimed: Int32, now: Instant) -> ErrorCode {
        if let error = identityError(member: member, instance: instance) { return error }
        guard claimed == generation else { return .illegalGeneration }
        guard state != .empty else { return .unknownMemberId }
        members[member]?.heard(now: now)
        return state == .preparing ? .rebalanceInProgress : .none
    }

    /// - Parameter member: may be empty when `instance` names a static member.
    mutating func leave(member: String, instance: String?, _ turn: inout GroupTurn) -> ErrorCode {
        if let instance, member.isEmpty {
            guard let holder = statics[instance] else { return .unknownMemberId }
            drop(holder, &turn)
            return .none
        }
        if pending.removeValue(forKey: member) != nil {
            completeIfAllJoined(&turn)
            return .none
        }
        if let error = identityError(member: member, instance: instance) { return error }
        drop(member, &turn)
        return .none
    }

    /// Whether offsets may be committed by this caller; a member's timer is restarted if so.
    /// - Parameter claimed: the generation, negative for a caller outside the group protocol.
    mutating func admitCommit(
        member: String, instance: String?, generation claimed: Int32, now: Instant
    ) -> ErrorCode {
        if claimed < 0, state == .empty { return .none }
        if claimed >= 0 || !member.isEmpty || instance != nil {
            if let error = identityError(member: member, instance: instance) { return error }
            guard claimed == generation else { return .illegalGeneration }
        } else {
            return .unknownMemberId
        }
        switch state {
        case .empty: return .unknownMemberId
        case .completing: return .rebalanceInProgress
        case .preparing, .stable:
            members[member]?.heard(now: now)
            return .none
        }
    }
}
