/// Asks for the member's assignment; the leader's brings everybody's.
///
/// Versions: 3 added `groupInstanceId`, 4 the flexible form, 5 the protocol's type and name, which the broker compares.
package struct SyncGroupRequest: RequestMessage, Equatable {
    package typealias Response = SyncGroupResponse
    package static let api = APIKey.syncGroup

    package var groupId = ""
    package var generationId: Int32 = 0
    package var memberId = ""
    package var groupInstanceId: String?
    package var protocolType: String?
    package var protocolName: String?
    package var assignments: [Assignments] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&groupId)
        try fields.walk(&generationId)
        try fields.walk(&memberId)
        if fields.version >= 3 { try fields.walk(&groupInstanceId) }
        if fields.version >= 5 {
            try fields.walk(&protocolType)
            try fields.walk(&protocolName)
        }
        try fields.walk(&assignments)
    }

    package struct Assignments: WireStruct, Equatable {
        package var memberId = ""
        package var assignment: [UInt8] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&memberId)
            try fields.walk(&assignment)
        }
    }
}

/// The member's assignment; of consumers it is a ``ConsumerAssignment``.
///
/// Versions: 1 added the throttle time, 4 the flexible form, 5 the protocol's type and name.
package struct SyncGroupResponse: ResponseMessage, Equatable {
    package static let api = APIKey.syncGroup

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none
    package var protocolType: String?
    package var protocolName: String?
    package var assignment: [UInt8] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 1 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&errorCode)
        if fields.version >= 5 {
            try fields.walk(&protocolType)
            try fields.walk(&protocolName)
        }
        try fields.walk(&assignment)
    }
}
