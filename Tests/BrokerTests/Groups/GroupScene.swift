import Broker
import KafkaProtocol
import Platform
import TestSupport

/// The state machine with a manual clock: carries its actions out and keeps what it answered.
final class GroupScene {
    var groups: Groups
    let scheduler = ManualScheduler()
    /// By the number of the request.
    private(set) var joins: [UInt64: JoinAnswer] = [:]
    private(set) var syncs: [UInt64: SyncAnswer] = [:]
    private(set) var stored: [StoredGroup] = []
    /// What the log answers to the next records; `nil`: it answers only when ``finishStore(_:)`` is called.
    var storeAnswer: ErrorCode? = ErrorCode.none
    private var wakes: [(group: String, at: Instant)] = []
    private var next: UInt64 = 0

    init(delay: Duration = .zero, _ change: (inout GroupOptions) -> Void = { _ in }) {
        var options = GroupOptions()
        options.initialRebalanceDelay = delay
        change(&options)
        groups = Groups(options: options)
    }

    var now: Instant { scheduler.now }
    var wall: Int64 { scheduler.clock.wallMilliseconds() }

    func advance(by duration: Duration) {
        let end = now + duration
        while let due = wakes.filter({ $0.at <= end }).min(by: { $0.at < $1.at }) {
            wakes.removeAll { $0.at == due.at && $0.group == due.group }
            if due.at > now { scheduler.advance(by: due.at - now) }
            carryOut(groups.tick(due.group, now: now, wall: wall))
        }
        if end > now { scheduler.advance(by: end - now) }
    }

    /// - Returns: the number of the request, by which its answer is found.
    func join(
        _ group: String = "g", member: String = "", instance: String? = nil, protocols: [String] = ["range"],
        _ change: (inout JoinCall) -> Void = { _ in }
    ) -> UInt64 {
        next += 1
        var call = JoinCall()
        call.group = group
        call.member = member
        call.instance = instance
        call.protocolType = "consumer"
        call.protocols = protocols.map { GroupProtocol(name: $0, metadata: Array($0.utf8)) }
        call.clientID = "c"
        call.unique = "\(next)"
        call.rebalanceTimeout = 60_000
        call.waiter = GroupWaiter(next)
        change(&call)
        carryOut(groups.join(call, now: now, wall: wall))
        return next
    }

    func sync(
        _ member: String, generation: Int32, _ assignments: [String: [UInt8]] = [:],
        _ change: (inout SyncCall) -> Void = { _ in }
    ) -> UInt64 {
        next += 1
        var call = SyncCall()
        call.group = "g"
        call.member = member
        call.generation = generation
        call.assignments = assignments
        call.waiter = GroupWaiter(next)
        change(&call)
        carryOut(groups.sync(call, now: now, wall: wall))
        return next
    }

    func heartbeat(_ member: String, generation: Int32, instance: String? = nil) -> ErrorCode {
        groups.heartbeat("g", member: member, instance: instance, generation: generation, now: now)
    }

    func leave(_ member: String, instance: String? = nil) -> ErrorCode {
        let (errors, actions) = groups.leave("g", members: [(member, instance)], now: now, wall: wall)
        carryOut(actions)
        return errors[0]
    }

    func finishStore(_ error: ErrorCode) {
        guard let last = stored.last else { return }
        carryOut(groups.stored(last.group, generation: last.generation, error: error, now: now, wall: wall))
    }

    var state: String? { groups.describe("g")?.state }

    /// A stable group of `count` dynamic members; the first is the leader, each was assigned one byte, its number.
    func stableGroup(of count: Int = 1, _ change: (inout JoinCall) -> Void = { _ in }) -> [String] {
        let first = join("g", change)
        var ids = [joins[first]!.member]
        if count > 1 {
            // The leader must come again for each newcomer to be let in.
            let others = (1..<count).map { _ in join() }
            let again = join(member: ids[0])
            ids += others.map { joins[$0]!.member }
            _ = again
        }
        let generation = Int32(count > 1 ? 2 : 1)
        let shares = Dictionary(uniqueKeysWithValues: zip(ids, (0..<count).map { [UInt8($0)] }))
        _ = sync(ids[0], generation: generation, shares)
        for id in ids.dropFirst() { _ = sync(id, generation: generation) }
        return ids
    }

    private func carryOut(_ actions: [GroupAction]) {
        for action in actions {
            switch action {
            case .answerJoin(let waiter, let answer): joins[waiter.number] = answer
            case .answerSync(let waiter, let answer): syncs[waiter.number] = answer
            case .wake(let group, let at): wakes.append((group, at))
            case .erase: break
            case .store(let group):
                stored.append(group)
                guard let error = storeAnswer else { continue }
                carryOut(groups.stored(group.group, generation: group.generation, error: error, now: now, wall: wall))
            }
        }
    }
}
