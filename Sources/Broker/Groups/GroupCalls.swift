package import KafkaProtocol
package import Platform

/// Names a parked request. Whoever owns the connection keeps the way back to it.
package struct GroupWaiter: Hashable, Sendable {
    package var number: UInt64
    package init(_ number: UInt64) { self.number = number }
}

/// One way of dividing partitions that a member speaks, with what it tells the leader about itself.
package struct GroupProtocol: Hashable, Sendable {
    package var name: String
    package var metadata: [UInt8]

    /// In memory, about.
    var bytes: Int { 64 + name.utf8.count + metadata.count }

    package init(name: String, metadata: [UInt8]) {
        self.name = name
        self.metadata = metadata
    }
}

/// A JoinGroup request, freed of its wire form.
package struct JoinCall: Sendable {
    package var group = ""
    /// Empty: a member that has no id yet.
    package var member = ""
    package var instance: String?
    /// Milliseconds.
    package var sessionTimeout: Int32 = 10_000
    /// Milliseconds; negative (version 0) is taken as the session timeout.
    package var rebalanceTimeout: Int32 = -1
    package var protocolType = ""
    /// The most preferred first.
    package var protocols: [GroupProtocol] = []
    package var clientID = ""
    package var clientHost = ""
    /// From version 4 on, a member comes back with the id that it was given before it counts.
    package var needsKnownMember = false
    /// From version 9 on, a returning static leader is told to leave the assignment as it is.
    package var canSkipAssignment = false
    /// The part of a new member's id that no other has.
    package var unique = ""
    package var waiter = GroupWaiter(0)

    package init() {}

    /// What its member will hold in memory, about; the client's and the instance's names are in its id too.
    var bytes: Int {
        let names = clientID.utf8.count + (instance?.utf8.count ?? 0)
        let said = Member.overhead + 2 * names + clientHost.utf8.count + protocolType.utf8.count
        return protocols.reduce(said) { $0 + $1.bytes }
    }
}

package struct JoinAnswer: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var id: String
        package var instance: String?
        package var metadata: [UInt8]
    }

    package var error = ErrorCode.none
    package var generation: Int32 = -1
    package var protocolType: String?
    package var protocolName: String?
    package var leader = ""
    package var skipAssignment = false
    package var member = ""
    /// For the leader only.
    package var members: [Member] = []

    static func failed(_ error: ErrorCode, member: String) -> JoinAnswer {
        var answer = JoinAnswer()
        answer.error = error
        answer.member = member
        return answer
    }
}

/// A SyncGroup request.
package struct SyncCall: Sendable {
    package var group = ""
    package var generation: Int32 = -1
    package var member = ""
    package var instance: String?
    /// Checked when given (version 5).
    package var protocolType: String?
    package var protocolName: String?
    package var assignments: [String: [UInt8]] = [:]
    package var waiter = GroupWaiter(0)

    package init() {}
}

package struct SyncAnswer: Equatable, Sendable {
    package var error = ErrorCode.none
    package var protocolType: String?
    package var protocolName: String?
    package var assignment: [UInt8] = []

    package init(
        error: ErrorCode = .none, protocolType: String? = nil, protocolName: String? = nil, assignment: [UInt8] = []
    ) {
        self.error = error
        self.protocolType = protocolType
        self.protocolName = protocolName
        self.assignment = assignment
    }
}

/// What whoever owns the connections, the clock and the log must do after a call. In order.
package enum GroupAction: Equatable, Sendable {
    case answerJoin(GroupWaiter, JoinAnswer)
    case answerSync(GroupWaiter, SyncAnswer)
    /// Append the group's record; then call ``Groups/stored(_:generation:error:now:wall:)``.
    case store(StoredGroup)
    /// Append a tombstone for the group's record.
    case erase(group: String)
    /// Call ``Groups/tick(_:now:wall:)`` at this moment or soon after it.
    case wake(group: String, at: Instant)
}

/// A group as it stands in `__consumer_offsets`.
package struct StoredGroup: Equatable, Sendable {
    package struct Member: Equatable, Sendable {
        package var id: String
        package var instance: String?
        package var clientID: String
        package var clientHost: String
        /// Milliseconds, both.
        package var rebalanceTimeout: Int32
        package var sessionTimeout: Int32
        package var subscription: [UInt8]
        package var assignment: [UInt8]
    }

    package var group: String
    package var protocolType: String
    package var generation: Int32
    package var protocolName: String?
    package var leader: String?
    /// Milliseconds since 1970.
    package var since: Int64
    package var members: [Member]
}
