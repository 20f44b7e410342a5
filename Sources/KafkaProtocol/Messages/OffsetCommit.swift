/// Stores the offsets that a group has consumed to.
///
/// Versions: 2 to 4 have `retentionTimeMs`, 6 added `committedLeaderEpoch`, 7 `groupInstanceId`, 8 the flexible form;
/// 9 is for groups whose partitions the broker assigns. Left out: 10 (topic ids).
package struct OffsetCommitRequest: RequestMessage, Equatable {
    package typealias Response = OffsetCommitResponse
    package static let api = APIKey.offsetCommit

    package var groupId = ""
    package var generationIdOrMemberEpoch: Int32 = -1
    package var memberId = ""
    package var groupInstanceId: String?
    package var retentionTimeMs: Int64 = -1
    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&groupId)
        try fields.walk(&generationIdOrMemberEpoch)
        try fields.walk(&memberId)
        if fields.version >= 7 { try fields.walk(&groupInstanceId) }
        if fields.version <= 4 { try fields.walk(&retentionTimeMs) }
        try fields.walk(&topics)
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Partitions: WireStruct, Equatable {
        package var partitionIndex: Int32 = 0
        package var committedOffset: Int64 = 0
        package var committedLeaderEpoch: Int32 = -1
        package var committedMetadata: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&committedOffset)
            if fields.version >= 6 { try fields.walk(&committedLeaderEpoch) }
            try fields.walk(&committedMetadata)
        }
    }
}

/// Whether each offset was stored.
///
/// Versions: 3 added the throttle time, 8 the flexible form.
package struct OffsetCommitResponse: ResponseMessage, Equatable {
    package static let api = APIKey.offsetCommit

    package var throttleTimeMs: Int32 = 0
    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 3 { try fields.walk(&throttleTimeMs) }
        try fields.walk(&topics)
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Partitions: WireStruct, Equatable {
        package var partitionIndex: Int32 = 0
        package var errorCode: ErrorCode = .none

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&errorCode)
        }
    }
}
