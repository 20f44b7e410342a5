import KafkaProtocol
import Platform

/// JoinGroup.
extension Group {
    mutating func join(_ call: JoinCall, _ turn: inout GroupTurn) {
        if let error = refusal(of: call, turn) {
            pending[call.member] = nil
            completeIfAllJoined(&turn)
            return turn.answer(call.waiter, .failed(error, member: call.member))
        }
        if call.member.isEmpty {
            joinWithoutID(call, &turn)
        } else if pending[call.member] != nil {
            admit(call, id: call.member, &turn)
        } else if let error = identityError(member: call.member, instance: call.instance) {
            turn.answer(call.waiter, .failed(error, member: call.member))
        } else {
            rejoin(call, &turn)
        }
    }

    private func refusal(of call: JoinCall, _ turn: GroupTurn) -> ErrorCode? {
        let options = turn.options
        // First what is cheap to see: the rest walks over names, and everybody's groups wait meanwhile.
        guard call.protocols.count <= options.maxProtocols else { return .invalidRequest }
        guard hasRoom(for: call, options) else { return .groupMaxSizeReached }
        let bytes = call.protocols.reduce(0) { $0 + $1.name.utf8.count + $1.metadata.count }
        guard bytes <= options.maxMemberBytes else { return .invalidRequest }
        let names = 1...max(1, options.maxProtocolNameBytes)
        guard call.protocols.allSatisfy({ names.contains($0.name.utf8.count) }) else { return .invalidRequest }
        let known = members[call.member] ?? call.instance.flatMap { statics[$0] }.flatMap { members[$0] }
        let growth = call.bytes + (known?.assignment.count ?? 0) - (known?.bytes ?? 0)
        guard growth <= max(0, turn.room) else { return .groupMaxSizeReached }
        return supports(type: call.protocolType, call.protocols) ? nil : .inconsistentGroupProtocol
    }

    private func hasRoom(for call: JoinCall, _ options: GroupOptions) -> Bool {
        if members[call.member] != nil || pending[call.member] != nil { return true }
        if let instance = call.instance, statics[instance] != nil { return true }
        return members.count + pending.count < options.maxMembers
    }

    private mutating func joinWithoutID(_ call: JoinCall, _ turn: inout GroupTurn) {
        let id = "\(call.instance ?? call.clientID)-\(call.unique)"
        if let instance = call.instance, let old = statics[instance] {
            return replace(old, with: id, call, &turn)
        }
        guard call.instance == nil, call.needsKnownMember else { return admit(call, id: id, &turn) }
        pending[id] = turn.now + .milliseconds(call.sessionTimeout)
        turn.answer(call.waiter, .failed(.memberIdRequired, member: id))
    }

    /// Takes in a member that the group did not have.
    private mutating func admit(_ call: JoinCall, id: String, _ turn: inout GroupTurn) {
        if case .first(let until, let remaining, _) = gathering {
            gathering = .first(until: until, remaining: remaining, someoneCame: true)
        }
        add(Member(call, id: id, deadline: turn.now + turn.options.newMemberTimeout))
        rebalance(&turn)
    }

    private mutating func rejoin(_ call: JoinCall, _ turn: inout GroupTurn) {
        let unchanged = members[call.member]?.protocols == call.protocols
        switch state {
        case .completing where unchanged, .stable where unchanged && leader != call.member:
            members[call.member]?.heard(now: turn.now)
            turn.answer(call.waiter, currentGeneration(for: call.member))
        case .preparing, .completing, .stable:
            update(call.member, call, &turn)
            rebalance(&turn)
        case .empty:
            turn.answer(call.waiter, .failed(.unknownMemberId, member: call.member))
        }
    }

    /// Parks the request with what it says about its member; an older one that is still parked is let go.
    private mutating func update(_ id: String, _ call: JoinCall, _ turn: inout GroupTurn) {
        guard let old = members[id] else { return }
        if let waiter = old.joining { turn.answer(waiter, .failed(.rebalanceInProgress, member: id)) }
        var member = Member(call, id: id, deadline: old.deadline)
        member.instance = old.instance
        member.isNew = old.isNew
        member.number = old.number
        member.assignment = old.assignment
        member.syncing = old.syncing
        members[id] = member
    }

    /// A static member is back under a new id: the old id is fenced, and if nothing changes nobody rebalances.
    private mutating func replace(_ old: String, with id: String, _ call: JoinCall, _ turn: inout GroupTurn) {
        let oldLeader = leader
        rename(old, to: id, &turn)
        update(id, call, &turn)
        members[id]?.heard(now: turn.now)
        switch state {
        case .stable where protocolName == votedProtocol:
            members[id]?.joining = nil
            members[id]?.isNew = false
            turn.actions.append(.store(stored))
            turn.answer(call.waiter, returned(id, oldLeader: oldLeader, canSkip: call.canSkipAssignment))
        case .stable, .completing, .preparing: rebalance(&turn)
        case .empty: turn.answer(call.waiter, .failed(.unknownMemberId, member: id))
        }
    }

    private mutating func rename(_ old: String, to id: String, _ turn: inout GroupTurn) {
        guard var member = members.removeValue(forKey: old) else { return }
        if let waiter = member.joining { turn.answer(waiter, .failed(.fencedInstanceId, member: old)) }
        if let waiter = member.syncing { turn.answer(waiter, SyncAnswer(error: .fencedInstanceId)) }
        member.joining = nil
        member.syncing = nil
        member.id = id
        members[id] = member
        if unsynced.remove(old) != nil { unsynced.insert(id) }
        if leader == old { leader = id }
        if let instance = member.instance { statics[instance] = id }
    }

    private func returned(_ id: String, oldLeader: String?, canSkip: Bool) -> JoinAnswer {
        var answer = currentGeneration(for: id)
        if canSkip {
            answer.skipAssignment = leader == id
        } else {
            // An older client that reads its own id as the leader's would assign anew; the old id makes it a follower.
            answer.leader = oldLeader ?? ""
            answer.members = []
        }
        return answer
    }
}
