import KafkaProtocol
import Platform

/// One consumer group of the classic protocol: who is in it, and where its rebalance stands.
///
/// States and the ways between them:
/// ```
/// empty → preparing → completing → stable
///   ↑         │  ↑────────┴──────────┘
///   └─────────┘
/// ```
/// Kafka's fifth state, Dead, is a group that ``Groups`` no longer has.
struct Group {
    enum State: Equatable {
        case empty, preparing, completing, stable

        /// As Kafka's tools print it.
        var name: String {
            switch self {
            case .empty: "Empty"
            case .preparing: "PreparingRebalance"
            case .completing: "CompletingRebalance"
            case .stable: "Stable"
            }
        }
    }

    /// What a group in ``State/preparing`` waits for.
    enum Gathering {
        /// An empty group's first members, for the initial delay; `remaining` is how much longer it may be drawn out.
        case first(until: Instant, remaining: Duration, someoneCame: Bool)
        /// All known members, at the latest until then.
        case all(until: Instant)

        var deadline: Instant {
            switch self {
            case .first(let until, _, _): until
            case .all(let until): until
            }
        }
    }

    let id: String
    var state = State.empty
    /// Milliseconds since 1970 at which ``state`` was entered; nil if that was never known.
    var since: Int64?
    var generation: Int32 = 0
    /// nil: never had a member; only offsets.
    var protocolType: String?
    var protocolName: String?
    var leader: String?
    var members: [String: Member] = [:]
    /// Instance id → member id.
    var statics: [String: String] = [:]
    /// Ids that were given out and have not come back, and until when they may.
    var pending: [String: Instant] = [:]
    var gathering: Gathering?
    /// Members that were answered and have not synced.
    var unsynced: Set<String> = []
    var syncDeadline: Instant?
    /// The leader's assignment is on its way to the log.
    var isStoring = false
    var offsets: [OffsetKey: CommittedOffset] = [:]
    /// The earliest wake-up that was asked for and has not come.
    var wakeAt: Instant?
    /// ``bytes`` as ``Groups`` last counted them.
    var counted = 0
    private var joined: UInt64 = 0

    init(id: String) { self.id = id }

    /// Members in the order in which they came.
    var inOrder: [Member] { members.values.sorted { $0.number < $1.number } }

    /// What its members hold in memory, and the ids that were given out; about.
    var bytes: Int {
        pending.reduce(members.values.reduce(0) { $0 + $1.bytes }) { $0 + Member.overhead + $1.key.utf8.count }
    }

    var longestRebalance: Duration { members.values.map(\.rebalanceTimeout).max() ?? .zero }

    /// Holds nothing that anyone could miss.
    var isForgettable: Bool {
        state == .empty && generation == 0 && members.isEmpty && pending.isEmpty && offsets.isEmpty
    }

    mutating func enter(_ next: State, wall: Int64) {
        state = next
        since = wall
    }

    mutating func add(_ member: Member) {
        var member = member
        member.number = joined
        joined += 1
        if members.isEmpty { protocolType = member.protocolType }
        if leader == nil { leader = member.id }
        if let instance = member.instance { statics[instance] = member.id }
        pending[member.id] = nil
        members[member.id] = member
    }

    mutating func remove(_ id: String) -> Member? {
        guard let member = members.removeValue(forKey: id) else { return nil }
        if let instance = member.instance, statics[instance] == id { statics[instance] = nil }
        unsynced.remove(id)
        if leader == id { leader = inOrder.first?.id }
        return member
    }

    /// Kafka's test for a joining member: nothing to contradict in an empty group, else type and one common protocol.
    func supports(type: String, _ protocols: [GroupProtocol]) -> Bool {
        guard !members.isEmpty else { return !type.isEmpty && !protocols.isEmpty }
        let common = commonProtocols
        return type == protocolType && protocols.contains { common.contains($0.name) }
    }

    var commonProtocols: Set<String> {
        var common: Set<String>?
        for member in members.values {
            let names = Set(member.protocols.map(\.name))
            common = common?.intersection(names) ?? names
        }
        return common ?? []
    }

    /// Each member votes for its most preferred protocol among those that all speak; the most votes win, then the name.
    var votedProtocol: String? {
        let common = commonProtocols
        var votes: [String: Int] = [:]
        for member in members.values {
            if let choice = member.protocols.first(where: { common.contains($0.name) }) {
                votes[choice.name, default: 0] += 1
            }
        }
        return votes.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
    }

    /// What the leader is told.
    var memberList: [JoinAnswer.Member] {
        inOrder.map { .init(id: $0.id, instance: $0.instance, metadata: $0.metadata(for: protocolName)) }
    }

    /// Which mistake a request makes that claims to be from `member`: Kafka looks at the instance first.
    func identityError(member: String, instance: String?) -> ErrorCode? {
        if let instance {
            guard let holder = statics[instance] else { return .unknownMemberId }
            guard holder == member else { return .fencedInstanceId }
        }
        return members[member] == nil ? .unknownMemberId : nil
    }

    var stored: StoredGroup {
        StoredGroup(
            group: id, protocolType: protocolType ?? "", generation: generation, protocolName: protocolName,
            leader: leader, since: since ?? -1,
            members: inOrder.map { member in
                StoredGroup.Member(
                    id: member.id, instance: member.instance, clientID: member.clientID,
                    clientHost: member.clientHost,
                    rebalanceTimeout: Int32(clamping: member.rebalanceTimeout.wholeMilliseconds),
                    sessionTimeout: Int32(clamping: member.sessionTimeout.wholeMilliseconds),
                    subscription: member.metadata(for: protocolName), assignment: member.assignment)
            })
    }

    /// When something happens by itself next.
    var nextDeadline: Instant? {
        var next: Instant?
        func consider(_ instant: Instant?) {
            guard let instant else { return }
            next = next.map { Swift.min($0, instant) } ?? instant
        }
        pending.values.forEach(consider)
        members.values.forEach { consider($0.expiry) }
        consider(gathering?.deadline)
        consider(unsynced.isEmpty ? nil : syncDeadline)
        return next
    }
}
