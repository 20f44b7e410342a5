/// Asks for the offsets a group has committed.
///
/// Up to version 7 the group is `groupId` and `topics`; from 8 on there are several, in `groups`. Nil topics (from 2) ask
/// for all. Versions: 6 brought the flexible form, 7 `requireStable`, 9 the member and its epoch.
package struct OffsetFetchRequest: RequestMessage, Equatable {
    package typealias Response = OffsetFetchResponse
    package static let api = APIKey.offsetFetch

    package var groupId = ""
    package var topics: [Topics]?
    package var groups: [Groups] = []
    package var requireStable = false

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version <= 7 {
            try fields.walk(&groupId)
            try fields.walk(&topics, nullable: fields.version >= 2)
        }
        if fields.version >= 8 { try fields.walk(&groups) }
        if fields.version >= 7 { try fields.walk(&requireStable) }
    }

    package typealias Topics = TopicPartitions<Int32>

    package struct Groups: WireStruct, Equatable {
        package var groupId = ""
        package var memberId: String?
        package var memberEpoch: Int32 = -1
        package var topics: [Topics]?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&groupId)
            if fields.version >= 9 {
                try fields.walk(&memberId)
                try fields.walk(&memberEpoch)
            }
            try fields.walk(&topics)
        }
    }
}

/// The committed offsets: -1 where there is none.
///
/// Up to version 7 they are in `topics` and the error (from 2) at the top, from 8 on in `groups`. Versions: 3 added the
/// throttle time, 5 `committedLeaderEpoch`, 6 the flexible form.
package struct OffsetFetchResponse: ResponseMessage, Equatable {
    package static let api = APIKey.offsetFetch

    package var throttleTimeMs: Int32 = 0
    package var topics: [Topics] = []
    package var errorCode: ErrorCode = .none
    package var groups: [Groups] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 3 { try fields.walk(&throttleTimeMs) }
        if fields.version <= 7 { try fields.walk(&topics) }
        if (2...7).contains(fields.version) { try fields.walk(&errorCode) }
        if fields.version >= 8 { try fields.walk(&groups) }
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Groups: WireStruct, Equatable {
        package var groupId = ""
        package var topics: [Topics] = []
        package var errorCode: ErrorCode = .none

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&groupId)
            try fields.walk(&topics)
            try fields.walk(&errorCode)
        }
    }

    package struct Partitions: WireStruct, Equatable {
        package var partitionIndex: Int32 = 0
        package var committedOffset: Int64 = 0
        package var committedLeaderEpoch: Int32 = -1
        package var metadata: String?
        package var errorCode: ErrorCode = .none

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&committedOffset)
            if fields.version >= 5 { try fields.walk(&committedLeaderEpoch) }
            try fields.walk(&metadata)
            try fields.walk(&errorCode)
        }
    }
}
