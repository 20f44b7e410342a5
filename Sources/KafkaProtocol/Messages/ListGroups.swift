/// Asks for the groups of the broker.
///
/// Versions: 3 brought the flexible form, 4 `statesFilter`, 5 `typesFilter`; an empty filter lets all through.
package struct ListGroupsRequest: RequestMessage, Equatable {
    package typealias Response = ListGroupsResponse
    package static let api = APIKey.listGroups

    package var statesFilter: [String] = []
    package var typesFilter: [String] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 4 { try fields.walk(&statesFilter) }
        if fields.version >= 5 { try fields.walk(&typesFilter) }
    }
}

/// Versions: 1 added the throttle time, 3 the flexible form, 4 `groupState`, 5 `groupType`.
package struct ListGroupsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.listGroups

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none
    package var groups: [Groups] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 1 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&errorCode)
        try fields.walk(&groups)
    }

    package struct Groups: WireStruct, Equatable {
        package var groupId = ""
        package var protocolType = ""
        package var groupState = ""
        package var groupType = ""

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&groupId)
            try fields.walk(&protocolType)
            if fields.version >= 4 { try fields.walk(&groupState) }
            if fields.version >= 5 { try fields.walk(&groupType) }
        }
    }
}
