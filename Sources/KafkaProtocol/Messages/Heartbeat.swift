/// Says that a member is alive.
///
/// Versions: 3 added `groupInstanceId`, 4 the flexible form.
package struct HeartbeatRequest: RequestMessage, Equatable {
    package typealias Response = HeartbeatResponse
    package static let api = APIKey.heartbeat

    package var groupId = ""
    package var generationId: Int32 = 0
    package var memberId = ""
    package var groupInstanceId: String?

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&groupId)
        try fields.walk(&generationId)
        try fields.walk(&memberId)
        if fields.version >= 3 { try fields.walk(&groupInstanceId) }
    }
}

/// Whether the member may go on, or must rejoin.
package struct HeartbeatResponse: ResponseMessage, Equatable {
    package static let api = APIKey.heartbeat

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 1 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&errorCode)
    }
}
