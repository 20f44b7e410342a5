/// A group as it was at the end of a rebalance, the value beside ``OffsetsKey/group(_:)``.
///
/// Versions: 1 added `rebalanceTimeout`, 2 `currentStateTimestamp`, 3 `groupInstanceId`, 4 is flexible. 3 is written.
package struct GroupMetadataValue: VersionedValue, Equatable {
    package static let versions: ClosedRange<Int16> = 0...4
    package static let flexibleFrom: Int16? = 4

    package var protocolType = ""
    package var generation: Int32 = 0
    /// `protocol` in Kafka's own schema: the chosen assignor's name.
    package var protocolName: String?
    package var leader: String?
    /// Milliseconds since 1970, UTC; -1 if not known.
    package var currentStateTimestamp: Int64 = -1
    package var members: [Members] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&protocolType)
        try fields.walk(&generation)
        try fields.walk(&protocolName)
        try fields.walk(&leader)
        if fields.version >= 2 { try fields.walk(&currentStateTimestamp) }
        try fields.walk(&members)
    }

    package struct Members: WireStruct, Equatable {
        package var memberId = ""
        package var groupInstanceId: String?
        package var clientId = ""
        package var clientHost = ""
        /// In milliseconds, as ``sessionTimeout``.
        package var rebalanceTimeout: Int32 = -1
        package var sessionTimeout: Int32 = 0
        package var subscription: [UInt8] = []
        package var assignment: [UInt8] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&memberId)
            if fields.version >= 3 { try fields.walk(&groupInstanceId) }
            try fields.walk(&clientId)
            try fields.walk(&clientHost)
            if fields.version >= 1 { try fields.walk(&rebalanceTimeout) }
            try fields.walk(&sessionTimeout)
            try fields.walk(&subscription)
            try fields.walk(&assignment)
        }
    }
}
