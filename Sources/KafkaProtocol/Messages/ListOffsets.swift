/// Asks for the offset at a timestamp.
///
/// Versions: 2 added `isolationLevel`, 4 `currentLeaderEpoch`, 6 the flexible form. Timestamps below 0 have a meaning:
/// -1 the end, -2 the start, -3 (from 7) the largest timestamp, -4 (8) the local start, -5 (9) the end of the tiered part.
package struct ListOffsetsRequest: RequestMessage, Equatable {
    package typealias Response = ListOffsetsResponse
    package static let api = APIKey.listOffsets

    package var replicaId: Int32 = 0
    package var isolationLevel: Int8 = 0
    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&replicaId)
        if fields.version >= 2 { try fields.walk(&isolationLevel) }
        try fields.walk(&topics)
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Partitions: WireStruct, Equatable {
        package var partitionIndex: Int32 = 0
        package var currentLeaderEpoch: Int32 = -1
        package var timestamp: Int64 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            if fields.version >= 4 { try fields.walk(&currentLeaderEpoch) }
            try fields.walk(&timestamp)
        }
    }
}

/// Offset and timestamp of the first record at or after the one asked for; -1 and -1 if there is none.
///
/// Versions: 2 added the throttle time, 4 `leaderEpoch`, 6 the flexible form.
package struct ListOffsetsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.listOffsets

    package var throttleTimeMs: Int32 = 0
    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 2 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&topics)
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Partitions: WireStruct, Equatable {
        package var partitionIndex: Int32 = 0
        package var errorCode: ErrorCode = .none
        package var timestamp: Int64 = -1
        package var offset: Int64 = -1
        package var leaderEpoch: Int32 = -1

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&errorCode)
            try fields.walk(&timestamp)
            try fields.walk(&offset)
            if fields.version >= 4 { try fields.walk(&leaderEpoch) }
        }
    }
}
