import CommitLog
import KafkaProtocol
import Platform
import Records

/// Carries out what ``Groups`` decides: keeps the parked requests, writes the records, sets the timers. One lock.
final class GroupCoordinator: Sendable {
    private struct State {
        var groups: Groups
        var joins: [GroupWaiter: Respond<JoinAnswer>] = [:]
        var syncs: [GroupWaiter: Respond<SyncAnswer>] = [:]
        var nextWaiter: UInt64 = 0
        var isStopped = false

        mutating func newWaiter() -> GroupWaiter {
            nextWaiter += 1
            return GroupWaiter(nextWaiter)
        }
    }

    private typealias Later = @Sendable () -> Void

    private let state: Lock<State>
    private let options: GroupOptions
    private let clock: Clock
    private let scheduler: any Scheduler
    private let offsetsLog: OffsetsLog
    private let log: @Sendable (String) -> Void

    init(
        options: GroupOptions, clock: Clock, scheduler: any Scheduler, offsetsLog: OffsetsLog,
        log: @escaping @Sendable (String) -> Void
    ) {
        state = Lock(State(groups: Groups(options: options)))
        self.options = options
        self.clock = clock
        self.scheduler = scheduler
        self.offsetsLog = offsetsLog
        self.log = log
    }

    // MARK: Members

    func join(_ call: JoinCall, _ respond: @escaping Respond<JoinAnswer>) {
        turn { state in
            var call = call
            call.waiter = state.newWaiter()
            call.unique = Self.unique()
            state.joins[call.waiter] = respond
            if let error = state.isStopped ? .coordinatorNotAvailable : objection(to: call.group) {
                return [.answerJoin(call.waiter, .failed(error, member: call.member))]
            }
            return state.groups.join(call, now: clock.now(), wall: clock.wallMilliseconds())
        }
    }

    func sync(_ call: SyncCall, _ respond: @escaping Respond<SyncAnswer>) {
        turn { state in
            var call = call
            call.waiter = state.newWaiter()
            state.syncs[call.waiter] = respond
            guard !state.isStopped else {
                return [.answerSync(call.waiter, SyncAnswer(error: .coordinatorNotAvailable))]
            }
            return state.groups.sync(call, now: clock.now(), wall: clock.wallMilliseconds())
        }
    }

    func heartbeat(_ group: String, member: String, instance: String?, generation: Int32) -> ErrorCode {
        state.withLock { state in
            state.groups.heartbeat(
                group, member: member, instance: instance, generation: generation, now: clock.now())
        }
    }

    func leave(_ group: String, members: [(member: String, instance: String?)]) -> [ErrorCode] {
        var errors: [ErrorCode] = []
        turn { state in
            let result = state.groups.leave(
                group, members: members, now: clock.now(), wall: clock.wallMilliseconds())
            errors = result.errors
            return result.actions
        }
        return errors
    }

    func overviews() -> [Groups.Overview] { state.withLock { $0.groups.overviews } }

    func describe(_ group: String) -> Groups.Description? { state.withLock { $0.groups.describe(group) } }

    /// Lets all parked requests go: the broker is stopping.
    func stop() {
        let (joins, syncs) = state.withLock { state in
            defer {
                state.isStopped = true
                state.joins = [:]
                state.syncs = [:]
            }
            return (state.joins, state.syncs)
        }
        for respond in joins.values { respond(.failed(.coordinatorNotAvailable, member: "")) }
        for respond in syncs.values { respond(SyncAnswer(error: .coordinatorNotAvailable)) }
    }

    // MARK: Offsets

    /// Why a group is not served: its name is too long, or its records could not be read at the start. Nobody knows then
    /// what it has committed, and its members would begin anew.
    func objection(to group: String) -> ErrorCode? {
        guard group.utf8.count <= options.maxGroupNameBytes else { return .invalidGroupId }
        return offsetsLog.isKnown(group) ? nil : .coordinatorNotAvailable
    }

    /// Who commits, as OffsetCommit says.
    struct Committer {
        var group: String
        var member: String
        var instance: String?
        var generation: Int32
        var namesMissingGroup: Bool
    }

    /// - Parameter done: called once the offsets stand, or with why they do not; possibly before this returns.
    func commit(
        _ offsets: [(key: OffsetKey, offset: CommittedOffset)], by committer: Committer,
        _ done: @escaping @Sendable (ErrorCode) -> Void
    ) {
        if let error = objection(to: committer.group) { return done(error) }
        let error = state.withLock { state in
            let error = state.groups.admitCommit(
                committer.group, member: committer.member, instance: committer.instance,
                generation: committer.generation, namesMissingGroup: committer.namesMissingGroup, now: clock.now())
            guard error == .none else { return error }
            guard state.groups.hasRoom(for: offsets.lazy.map(\.key), of: committer.group) else {
                return .groupMaxSizeReached
            }
            let wall = clock.wallMilliseconds()
            guard
                let records = encode({ () throws(WireError) in
                    try offsets.map { entry throws(WireError) in
                        (committer.group, try GroupRecords.offset(committer.group, entry.key, entry.offset, now: wall))
                    }
                })
            else { return .invalidCommitOffsetSize }
            guard offsetsLog.canTake(records) else { return .invalidCommitOffsetSize }
            // Within the lock, so that the log has the order in which commits were let in.
            let isTaken = offsetsLog.write(records) { [self] error in
                if error == .none { take(offsets, of: committer.group) }
                done(error)
            }
            return isTaken ? .none : .coordinatorLoadInProgress
        }
        if error != .none { done(error) }
    }

    private func take(_ offsets: [(key: OffsetKey, offset: CommittedOffset)], of group: String) {
        state.withLock { state in
            for (key, offset) in offsets { state.groups.commit(group, key, offset) }
        }
    }

    func offsets(_ group: String) -> [OffsetKey: CommittedOffset] {
        state.withLock { $0.groups.offsets(group) }
    }

    /// Forgets all offsets of a deleted topic, those included that are on their way to the log.
    func forget(topic: String) {
        let isTaken = offsetsLog.write([]) { [self] _ in
            let gone = state.withLock { $0.groups.forget(topic: topic) }
            erase(gone.map { ($0.group, $0.key, nil) })
        }
        if !isTaken { log("the offsets of topic \(topic) are still kept: too much waits to be written") }
    }

    func expire() {
        let gone = state.withLock { $0.groups.expire(wall: clock.wallMilliseconds()) }
        erase(gone.offsets.map { ($0.group, $0.key, nil) })
        perform(gone.groups.map { .erase(group: $0) })
    }

    /// Writes changed offsets; nil is a tombstone.
    private func erase(_ changed: [(group: String, key: OffsetKey, offset: CommittedOffset?)]) {
        let wall = clock.wallMilliseconds()
        // In pieces, since all the offsets of a topic may be many.
        for start in stride(from: 0, to: changed.count, by: 1_000) {
            let piece = changed[start..<min(start + 1_000, changed.count)]
            let records = encode { () throws(WireError) in
                try piece.map { entry throws(WireError) in
                    (entry.group, try GroupRecords.offset(entry.group, entry.key, entry.offset, now: wall))
                }
            }
            let isTaken = offsetsLog.write(records ?? []) { [log] error in
                if error != .none { log("cannot write changed offsets of groups: \(error)") }
            }
            if !isTaken { log("\(piece.count) changed offsets of groups are not written: too much waits already") }
        }
    }

    /// Reads all groups back. Nobody may call anything else yet.
    /// - Parameter end: the end of a partition, nil if there is none.
    func load(end: (OffsetKey) -> Offset?) {
        var groups = Groups(options: options)
        offsetsLog.read(
            { (key, value) throws(WireError) in try Self.apply(key, value, to: &groups) }, report: log)
        let changed = groups.setBack(to: end)
        let actions = groups.resume(now: clock.now())
        state.withLock { $0.groups = groups }
        erase(changed)
        perform(actions)
    }

    private static func apply(
        _ key: OffsetsKey, _ value: ArraySlice<UInt8>?, to groups: inout Groups
    ) throws(WireError) {
        switch (key, value) {
        case (.group(let group), nil): groups.unload(group)
        case (.group(let group), let value?): groups.load(try GroupRecords.group(group, from: value))
        case (.offset(let group, let topic, let partition), nil):
            groups.forget(group, OffsetKey(topic: topic, partition: partition))
        case (.offset(let group, let topic, let partition), let value?):
            groups.commit(
                group, OffsetKey(topic: topic, partition: partition), try GroupRecords.offset(from: value))
        }
    }

    // MARK: Actions

    private func turn(_ body: (inout State) -> [GroupAction]) {
        let later = state.withLock { state in
            let actions = body(&state)
            return begin(actions, &state)
        }
        for work in later { work() }
    }

    private func perform(_ actions: [GroupAction]) { turn { _ in actions } }

    /// Puts records in line while the lock is held, so that the log has the order of the decisions; the rest is done
    /// afterwards.
    private func begin(_ actions: [GroupAction], _ state: inout State) -> [Later] {
        actions.compactMap { action in
            switch action {
            case .answerJoin(let waiter, let answer):
                guard let respond = state.joins.removeValue(forKey: waiter) else { return nil }
                return { respond(answer) }
            case .answerSync(let waiter, let answer):
                guard let respond = state.syncs.removeValue(forKey: waiter) else { return nil }
                return { respond(answer) }
            case .wake(let group, let instant):
                return { [self] in
                    scheduler.schedule(at: instant) { [weak self] in self?.tick(group) }
                }
            case .store(let group): return store(group)
            case .erase(let group):
                let wall = clock.wallMilliseconds()
                let record = encode { () throws(WireError) in try GroupRecords.erasedGroup(group, now: wall) }
                _ = record.map { offsetsLog.write([(group, $0)]) { _ in } }
                return nil
            }
        }
    }

    private func store(_ group: StoredGroup) -> Later? {
        let wall = clock.wallMilliseconds()
        let finish: @Sendable (ErrorCode) -> Void = { [weak self] error in
            self?.finishStore(of: group, error)
        }
        guard let record = encode({ () throws(WireError) in try GroupRecords.group(group, now: wall) }) else {
            return { finish(.unknownServerError) }
        }
        guard !offsetsLog.write([(group.group, record)], finish) else { return nil }
        return { finish(.coordinatorNotAvailable) }
    }

    private func finishStore(of group: StoredGroup, _ error: ErrorCode) {
        // What went wrong with the log is the broker's affair: members look for it again and retry.
        let told: ErrorCode =
            switch error {
            case .none: .none
            case .kafkaStorageError: .notCoordinator
            case .coordinatorNotAvailable: .coordinatorNotAvailable
            default: .unknownServerError
            }
        if error != .none { log("cannot write group \(group.group), generation \(group.generation): \(error)") }
        turn { state in
            state.groups.stored(
                group.group, generation: group.generation, error: told, now: clock.now(),
                wall: clock.wallMilliseconds())
        }
    }

    private func tick(_ group: String) {
        turn { state in
            guard !state.isStopped else { return [] }
            return state.groups.tick(group, now: clock.now(), wall: clock.wallMilliseconds())
        }
    }

    /// nil for what has no form on the wire: names of more than 32 KiB.
    private func encode<Result>(_ body: () throws(WireError) -> Result) -> Result? {
        do throws(WireError) { return try body() } catch {
            log("cannot write a record of \(TopicName.offsets): \(error)")
            return nil
        }
    }

    /// 128 random bits, as a UUID is written.
    private static func unique() -> String {
        var digits = ""
        for length in [8, 4, 4, 4, 12] {
            if !digits.isEmpty { digits += "-" }
            for _ in 0..<length { digits += String(UInt8.random(in: 0..<16), radix: 16) }
        }
        return digits
    }
}
