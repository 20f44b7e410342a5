import KafkaProtocol
import Platform

/// The way from "someone came, changed or left" to a new generation.
extension Group {
    /// Begins a rebalance unless one is being gathered; then asks whether that one is complete.
    mutating func rebalance(_ turn: inout GroupTurn) {
        if state != .preparing { prepare(&turn) }
        completeIfAllJoined(&turn)
    }

    private mutating func prepare(_ turn: inout GroupTurn) {
        if state == .completing { dropAssignments(.rebalanceInProgress, &turn) }
        syncDeadline = nil
        unsynced = []
        isStoring = false
        if state == .empty {
            let longest = longestRebalance
            let delay = min(turn.options.initialRebalanceDelay, longest)
            gathering = .first(until: turn.now + delay, remaining: longest - delay, someoneCame: false)
        } else {
            gathering = .all(until: turn.now + longestRebalance)
        }
        enter(.preparing, wall: turn.wall)
        // Without a delay the first member need not wait for a timer.
        if case .first(let until, _, _) = gathering, until <= turn.now { gatheringIsOver(&turn) }
    }

    /// Answers parked SyncGroups with `error` and forgets what the last leader decided.
    mutating func dropAssignments(_ error: ErrorCode, _ turn: inout GroupTurn) {
        for id in members.keys {
            members[id]?.assignment = []
            guard let waiter = members[id]?.syncing else { continue }
            members[id]?.syncing = nil
            members[id]?.heard(now: turn.now)
            turn.answer(waiter, SyncAnswer(error: error))
        }
    }

    /// Completes the rebalance once everyone is there. The initial delay is waited out: others may come.
    mutating func completeIfAllJoined(_ turn: inout GroupTurn) {
        guard state == .preparing, case .all = gathering else { return }
        guard pending.isEmpty, members.values.allSatisfy({ $0.joining != nil }) else { return }
        complete(&turn)
    }

    /// The time to gather is over.
    mutating func gatheringIsOver(_ turn: inout GroupTurn) {
        switch gathering {
        case .first(_, let remaining, true) where remaining > .zero:
            let delay = min(turn.options.initialRebalanceDelay, remaining)
            gathering = .first(until: turn.now + delay, remaining: remaining - delay, someoneCame: false)
        case .first, .all: complete(&turn)
        case nil: break
        }
    }

    private mutating func complete(_ turn: inout GroupTurn) {
        for member in inOrder where member.joining == nil && member.instance == nil { _ = remove(member.id) }
        if !members.isEmpty, !electJoinedLeader() {
            // Only static members that are away: they stay until their sessions end.
            gathering = .all(until: turn.now + longestRebalance)
            return
        }
        gathering = nil
        generation = generation == .max ? 1 : generation + 1
        guard !members.isEmpty else { return becomeEmpty(&turn) }
        protocolName = votedProtocol
        enter(.completing, wall: turn.wall)
        syncDeadline = turn.now + longestRebalance
        for member in inOrder {
            guard let waiter = member.joining else { continue }
            members[member.id]?.joining = nil
            members[member.id]?.isNew = false
            members[member.id]?.heard(now: turn.now)
            unsynced.insert(member.id)
            turn.answer(waiter, currentGeneration(for: member.id))
        }
    }

    private mutating func becomeEmpty(_ turn: inout GroupTurn) {
        protocolName = nil
        leader = nil
        enter(.empty, wall: turn.wall)
        turn.actions.append(.store(stored))
    }

    /// A leader that rejoined stays; else a member that did takes its place.
    /// - Returns: false if nobody rejoined.
    private mutating func electJoinedLeader() -> Bool {
        if let leader, members[leader]?.joining != nil { return true }
        guard let next = inOrder.first(where: { $0.joining != nil }) else { return false }
        leader = next.id
        return true
    }

    /// The answer to a member of this generation.
    func currentGeneration(for member: String) -> JoinAnswer {
        var answer = JoinAnswer()
        answer.generation = generation
        answer.protocolType = protocolType
        answer.protocolName = protocolName
        answer.leader = leader ?? ""
        answer.member = member
        if leader == member { answer.members = memberList }
        return answer
    }

    /// Takes a member out and lets the others divide its partitions.
    mutating func drop(_ id: String, _ turn: inout GroupTurn) {
        guard let member = remove(id) else { return }
        if let waiter = member.joining { turn.answer(waiter, .failed(.unknownMemberId, member: "")) }
        if let waiter = member.syncing { turn.answer(waiter, SyncAnswer(error: .unknownMemberId)) }
        if state != .empty { rebalance(&turn) }
    }

    /// Does what became due.
    mutating func tick(_ turn: inout GroupTurn) {
        let late = pending.filter { $0.value <= turn.now }
        for id in late.keys { pending[id] = nil }
        if !late.isEmpty { completeIfAllJoined(&turn) }
        for member in inOrder {
            // Asked again each time: dropping one may have answered another and so restarted its timer.
            if let expiry = members[member.id]?.expiry, expiry <= turn.now { drop(member.id, &turn) }
        }
        if let deadline = syncDeadline, deadline <= turn.now, !unsynced.isEmpty {
            for id in unsynced.sorted() { drop(id, &turn) }
        }
        if let gathering, gathering.deadline <= turn.now { gatheringIsOver(&turn) }
    }
}
