package import Records

/// Asks which brokers there are, and who leads the partitions of topics.
///
/// `topics` nil asks for all, an empty array for none. Versions: 1 brought the distinction (version 0 has no null: an empty
/// array there is read as nil, and nil written as one), 4 `allowAutoTopicCreation`, 8 to 10 authorized operations, 9 the
/// flexible form, 10 topic ids (12 made asking by id work).
package struct MetadataRequest: RequestMessage, Equatable {
    package typealias Response = MetadataResponse
    package static let api = APIKey.metadata

    package var topics: [Topics]?
    package var allowAutoTopicCreation = true
    package var includeClusterAuthorizedOperations = false
    package var includeTopicAuthorizedOperations = false

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&topics, nullable: fields.version >= 1)
        if fields.version == 0, topics?.isEmpty ?? false { topics = nil }
        if fields.version >= 4 { try fields.walk(&allowAutoTopicCreation) }
        if (8...10).contains(fields.version) { try fields.walk(&includeClusterAuthorizedOperations) }
        if fields.version >= 8 { try fields.walk(&includeTopicAuthorizedOperations) }
    }

    package struct Topics: WireStruct, Equatable {
        package var topicId: TopicID = .zero
        package var name: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            if fields.version >= 10 { try fields.walk(&topicId) }
            try fields.walk(&name, nullable: fields.version >= 10)
        }
    }
}

/// The brokers, and the leaders of partitions.
///
/// Versions: 1 added the controller, racks and `isInternal`, 2 `clusterId`, 3 the throttle time, 5 `offlineReplicas`,
/// 7 `leaderEpoch`, 8 authorized operations, 9 the flexible form, 10 topic ids, 12 names that may be null.
package struct MetadataResponse: ResponseMessage, Equatable {
    package static let api = APIKey.metadata

    package var throttleTimeMs: Int32 = 0
    package var brokers: [Brokers] = []
    package var clusterId: String?
    package var controllerId: Int32 = -1
    package var topics: [Topics] = []
    package var clusterAuthorizedOperations: Int32 = .min

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 3 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&brokers)
        if fields.version >= 2 { try fields.walk(&clusterId) }
        if fields.version >= 1 { try fields.walk(&controllerId) }
        try fields.walk(&topics)
        if (8...10).contains(fields.version) { try fields.walk(&clusterAuthorizedOperations) }
    }

    package struct Brokers: WireStruct, Equatable {
        package var nodeId: Int32 = 0
        package var host = ""
        package var port: Int32 = 0
        package var rack: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&nodeId)
            try fields.walk(&host)
            try fields.walk(&port)
            if fields.version >= 1 { try fields.walk(&rack) }
        }
    }

    package struct Topics: WireStruct, Equatable {
        package var errorCode: ErrorCode = .none
        package var name: String?
        package var topicId: TopicID = .zero
        package var isInternal = false
        package var partitions: [Partitions] = []
        package var topicAuthorizedOperations: Int32 = .min

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&errorCode)
            try fields.walk(&name, nullable: fields.version >= 12)
            if fields.version >= 10 { try fields.walk(&topicId) }
            if fields.version >= 1 { try fields.walk(&isInternal) }
            try fields.walk(&partitions)
            if fields.version >= 8 { try fields.walk(&topicAuthorizedOperations) }
        }
    }

    package struct Partitions: WireStruct, Equatable {
        package var errorCode: ErrorCode = .none
        package var partitionIndex: Int32 = 0
        package var leaderId: Int32 = 0
        package var leaderEpoch: Int32 = -1
        package var replicaNodes: [Int32] = []
        package var isrNodes: [Int32] = []
        package var offlineReplicas: [Int32] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&errorCode)
            try fields.walk(&partitionIndex)
            try fields.walk(&leaderId)
            if fields.version >= 7 { try fields.walk(&leaderEpoch) }
            try fields.walk(&replicaNodes)
            try fields.walk(&isrNodes)
            if fields.version >= 5 { try fields.walk(&offlineReplicas) }
        }
    }
}
