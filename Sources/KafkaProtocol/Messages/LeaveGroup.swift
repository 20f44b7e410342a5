/// Takes members out of a group.
///
/// Up to version 2 the one in `memberId`, from 3 on those of `members`. Versions: 4 brought the flexible form, 5 `reason`.
package struct LeaveGroupRequest: RequestMessage, Equatable {
    package typealias Response = LeaveGroupResponse
    package static let api = APIKey.leaveGroup

    package var groupId = ""
    package var memberId = ""
    package var members: [Members] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&groupId)
        if fields.version <= 2 { try fields.walk(&memberId) }
        if fields.version >= 3 { try fields.walk(&members) }
    }

    package struct Members: WireStruct, Equatable {
        package var memberId = ""
        package var groupInstanceId: String?
        package var reason: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&memberId)
            try fields.walk(&groupInstanceId)
            if fields.version >= 5 { try fields.walk(&reason) }
        }
    }
}

/// Versions: 1 added the throttle time, 3 an error for each member, 4 the flexible form.
package struct LeaveGroupResponse: ResponseMessage, Equatable {
    package static let api = APIKey.leaveGroup

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none
    package var members: [Members] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 1 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&errorCode)
        if fields.version >= 3 { try fields.walk(&members) }
    }

    package struct Members: WireStruct, Equatable {
        package var memberId = ""
        package var groupInstanceId: String?
        package var errorCode: ErrorCode = .none

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&memberId)
            try fields.walk(&groupInstanceId)
            try fields.walk(&errorCode)
        }
    }
}
