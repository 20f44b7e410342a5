/// Asks where the log ended when a leader epoch did, to find a truncation.
///
/// Versions: 3 added `replicaId`, 4 the flexible form.
package struct OffsetForLeaderEpochRequest: RequestMessage, Equatable {
    package typealias Response = OffsetForLeaderEpochResponse
    package static let api = APIKey.offsetForLeaderEpoch

    package var replicaId: Int32 = -2
    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 3 { try fields.walk(&replicaId) }
        try fields.walk(&topics)
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Partitions: WireStruct, Equatable {
        package var partition: Int32 = 0
        package var currentLeaderEpoch: Int32 = -1
        package var leaderEpoch: Int32 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partition)
            try fields.walk(&currentLeaderEpoch)
            try fields.walk(&leaderEpoch)
        }
    }
}

/// The largest epoch up to the one asked for, and the offset it ended at; -1 and -1 if none is known.
package struct OffsetForLeaderEpochResponse: ResponseMessage, Equatable {
    package static let api = APIKey.offsetForLeaderEpoch

    package var throttleTimeMs: Int32 = 0
    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&topics)
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Partitions: WireStruct, Equatable {
        package var errorCode: ErrorCode = .none
        package var partition: Int32 = 0
        package var leaderEpoch: Int32 = -1
        package var endOffset: Int64 = -1

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&errorCode)
            try fields.walk(&partition)
            try fields.walk(&leaderEpoch)
            try fields.walk(&endOffset)
        }
    }
}
