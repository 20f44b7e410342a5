/// Asks which broker coordinates a group (`keyType` 0) or a transactional id (1).
///
/// Versions: 1 added `keyType`, 3 the flexible form, 4 several keys at once, in place of `key`.
package struct FindCoordinatorRequest: RequestMessage, Equatable {
    package typealias Response = FindCoordinatorResponse
    package static let api = APIKey.findCoordinator

    package var key = ""
    package var keyType: Int8 = 0
    package var coordinatorKeys: [String] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version <= 3 { try fields.walk(&key) }
        if fields.version >= 1 { try fields.walk(&keyType) }
        if fields.version >= 4 { try fields.walk(&coordinatorKeys) }
    }
}

/// The coordinators: at the top up to version 3, in `coordinators` from 4 on.
package struct FindCoordinatorResponse: ResponseMessage, Equatable {
    package static let api = APIKey.findCoordinator

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none
    package var errorMessage: String?
    package var nodeId: Int32 = 0
    package var host = ""
    package var port: Int32 = 0
    package var coordinators: [Coordinators] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 1 { try fields.walk(&throttleTimeMs) }
        if fields.version <= 3 { try fields.walk(&errorCode) }
        if (1...3).contains(fields.version) { try fields.walk(&errorMessage) }
        if fields.version <= 3 {
            try fields.walk(&nodeId)
            try fields.walk(&host)
            try fields.walk(&port)
        }
        if fields.version >= 4 { try fields.walk(&coordinators) }
    }

    package struct Coordinators: WireStruct, Equatable {
        package var key = ""
        package var nodeId: Int32 = 0
        package var host = ""
        package var port: Int32 = 0
        package var errorCode: ErrorCode = .none
        package var errorMessage: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&key)
            try fields.walk(&nodeId)
            try fields.walk(&host)
            try fields.walk(&port)
            try fields.walk(&errorCode)
            try fields.walk(&errorMessage)
        }
    }
}
