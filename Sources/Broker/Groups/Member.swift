import Platform

/// A member of a ``Group``.
struct Member {
    var id: String
    var instance: String?
    var clientID: String
    var clientHost: String
    var sessionTimeout: Duration
    var rebalanceTimeout: Duration
    var protocolType: String
    /// The most preferred first.
    var protocols: [GroupProtocol]
    var assignment: [UInt8] = []
    /// Bytes held for it, but for its assignment; about.
    private let described: Int
    /// Its parked JoinGroup: it has (re)joined.
    var joining: GroupWaiter?
    /// Its parked SyncGroup.
    var syncing: GroupWaiter?
    /// When it counts as gone, unless it is heard of again.
    var deadline: Instant
    /// Never answered yet: it cannot send heartbeats, so its deadline counts although it is parked.
    var isNew = true
    /// The order in which members came.
    var number: UInt64 = 0

    init(_ call: JoinCall, id: String, deadline: Instant) {
        self.id = id
        instance = call.instance
        clientID = call.clientID
        clientHost = call.clientHost
        sessionTimeout = .milliseconds(call.sessionTimeout)
        rebalanceTimeout = .milliseconds(call.rebalanceTimeout < 0 ? call.sessionTimeout : call.rebalanceTimeout)
        protocolType = call.protocolType
        protocols = call.protocols
        joining = call.waiter
        self.deadline = deadline
        described = call.bytes
    }

    /// A member as it was before the process ended.
    /// Its session begins when all are loaded.
    init(_ stored: StoredGroup.Member, type: String, protocolName: String?) {
        id = stored.id
        instance = stored.instance
        clientID = stored.clientID
        clientHost = stored.clientHost
        sessionTimeout = .milliseconds(stored.sessionTimeout)
        rebalanceTimeout = .milliseconds(stored.rebalanceTimeout)
        protocolType = type
        protocols = protocolName.map { [GroupProtocol(name: $0, metadata: stored.subscription)] } ?? []
        assignment = stored.assignment
        deadline = Instant(nanoseconds: .max)
        isNew = false
        described =
            Self.overhead + stored.id.utf8.count + (stored.instance?.utf8.count ?? 0) + stored.clientID.utf8.count
            + stored.clientHost.utf8.count + stored.subscription.count
    }

    /// What a member costs that says nothing.
    static let overhead = 512

    var bytes: Int { described + assignment.count }

    /// nil while a request of its is parked: then the rebalance has the deadline.
    var expiry: Instant? { !isNew && (joining != nil || syncing != nil) ? nil : deadline }

    mutating func heard(now: Instant) { deadline = now + sessionTimeout }

    func metadata(for name: String?) -> [UInt8] { protocols.first { $0.name == name }?.metadata ?? [] }
}
