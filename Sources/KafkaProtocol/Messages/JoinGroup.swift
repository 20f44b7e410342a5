/// Joins a group, or joins it again in a rebalance.
///
/// Versions: 1 added `rebalanceTimeoutMs` (before it, the session timeout), 4 the member id that must be asked for first,
/// 5 `groupInstanceId`, 6 the flexible form, 8 `reason`.
package struct JoinGroupRequest: RequestMessage, Equatable {
    package typealias Response = JoinGroupResponse
    package static let api = APIKey.joinGroup

    package var groupId = ""
    package var sessionTimeoutMs: Int32 = 0
    package var rebalanceTimeoutMs: Int32 = -1
    package var memberId = ""
    package var groupInstanceId: String?
    package var protocolType = ""
    package var protocols: [Protocols] = []
    package var reason: String?

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&groupId)
        try fields.walk(&sessionTimeoutMs)
        if fields.version >= 1 { try fields.walk(&rebalanceTimeoutMs) }
        try fields.walk(&memberId)
        if fields.version >= 5 { try fields.walk(&groupInstanceId) }
        try fields.walk(&protocolType)
        try fields.walk(&protocols)
        if fields.version >= 8 { try fields.walk(&reason) }
    }

    /// `metadata` is opaque here; of consumers it is a ``ConsumerSubscription``.
    package struct Protocols: WireStruct, Equatable {
        package var name = ""
        package var metadata: [UInt8] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&metadata)
        }
    }
}

/// The generation that the member is in, sent when all members have joined.
///
/// `members` is filled for the leader only. Versions: 2 added the throttle time, 5 `groupInstanceId`, 6 the flexible form,
/// 7 `protocolType` and a `protocolName` that may be null, 9 `skipAssignment`.
package struct JoinGroupResponse: ResponseMessage, Equatable {
    package static let api = APIKey.joinGroup

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none
    package var generationId: Int32 = -1
    package var protocolType: String?
    package var protocolName: String?
    package var leader = ""
    package var skipAssignment = false
    package var memberId = ""
    package var members: [Members] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 2 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&errorCode)
        try fields.walk(&generationId)
        if fields.version >= 7 { try fields.walk(&protocolType) }
        try fields.walk(&protocolName, nullable: fields.version >= 7)
        try fields.walk(&leader)
        if fields.version >= 9 { try fields.walk(&skipAssignment) }
        try fields.walk(&memberId)
        try fields.walk(&members)
    }

    package struct Members: WireStruct, Equatable {
        package var memberId = ""
        package var groupInstanceId: String?
        package var metadata: [UInt8] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&memberId)
            if fields.version >= 5 { try fields.walk(&groupInstanceId) }
            try fields.walk(&metadata)
        }
    }
}
