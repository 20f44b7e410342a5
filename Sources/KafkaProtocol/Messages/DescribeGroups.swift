/// Asks for the state and members of groups.
///
/// Versions: 3 added `includeAuthorizedOperations`, 5 the flexible form; from 6 on a missing group is an error.
package struct DescribeGroupsRequest: RequestMessage, Equatable {
    package typealias Response = DescribeGroupsResponse
    package static let api = APIKey.describeGroups

    package var groups: [String] = []
    package var includeAuthorizedOperations = false

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&groups)
        if fields.version >= 3 { try fields.walk(&includeAuthorizedOperations) }
    }
}

/// Versions: 1 added the throttle time, 3 authorized operations, 4 `groupInstanceId`, 5 the flexible form, 6 `errorMessage`.
package struct DescribeGroupsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.describeGroups

    package var throttleTimeMs: Int32 = 0
    package var groups: [Groups] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 1 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&groups)
    }

    package struct Groups: WireStruct, Equatable {
        package var errorCode: ErrorCode = .none
        package var errorMessage: String?
        package var groupId = ""
        package var groupState = ""
        package var protocolType = ""
        package var protocolData = ""
        package var members: [Members] = []
        package var authorizedOperations: Int32 = .min

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&errorCode)
            if fields.version >= 6 { try fields.walk(&errorMessage) }
            try fields.walk(&groupId)
            try fields.walk(&groupState)
            try fields.walk(&protocolType)
            try fields.walk(&protocolData)
            try fields.walk(&members)
            if fields.version >= 3 { try fields.walk(&authorizedOperations) }
        }
    }

    package struct Members: WireStruct, Equatable {
        package var memberId = ""
        package var groupInstanceId: String?
        package var clientId = ""
        package var clientHost = ""
        package var memberMetadata: [UInt8] = []
        package var memberAssignment: [UInt8] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&memberId)
            if fields.version >= 4 { try fields.walk(&groupInstanceId) }
            try fields.walk(&clientId)
            try fields.walk(&clientHost)
            try fields.walk(&memberMetadata)
            try fields.walk(&memberAssignment)
        }
    }
}
