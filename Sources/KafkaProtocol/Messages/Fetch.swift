package import Records

/// Asks for batches from an offset on, of many partitions.
///
/// Versions: 5 added `logStartOffset`, 7 fetch sessions (KIP-227), 9 `currentLeaderEpoch`, 10 zstd, 11 `rackId`, 12 the
/// flexible form and `lastFetchedEpoch`. Left out: 13 (topic ids) and later.
package struct FetchRequest: RequestMessage, Equatable {
    package typealias Response = FetchResponse
    package static let api = APIKey.fetch

    package var clusterId: String?
    package var replicaId: Int32 = -1
    package var maxWaitMs: Int32 = 0
    package var minBytes: Int32 = 0
    package var maxBytes: Int32 = .max
    package var isolationLevel: Int8 = 0
    package var sessionId: Int32 = 0
    package var sessionEpoch: Int32 = -1
    package var topics: [Topics] = []
    package var forgottenTopicsData: [ForgottenTopicsData] = []
    package var rackId = ""

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&replicaId)
        try fields.walk(&maxWaitMs)
        try fields.walk(&minBytes)
        try fields.walk(&maxBytes)
        try fields.walk(&isolationLevel)
        if fields.version >= 7 {
            try fields.walk(&sessionId)
            try fields.walk(&sessionEpoch)
        }
        try fields.walk(&topics)
        if fields.version >= 7 { try fields.walk(&forgottenTopicsData) }
        if fields.version >= 11 { try fields.walk(&rackId) }
    }

    package mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(tag: 0, &clusterId, absent: nil)
    }

    package typealias Topics = TopicPartitions<Partitions>

    /// Partitions that leave the fetch session.
    package typealias ForgottenTopicsData = TopicPartitions<Int32>

    package struct Partitions: WireStruct, Equatable {
        package var partition: Int32 = 0
        package var currentLeaderEpoch: Int32 = -1
        package var fetchOffset: Int64 = 0
        package var lastFetchedEpoch: Int32 = -1
        package var logStartOffset: Int64 = -1
        package var partitionMaxBytes: Int32 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partition)
            if fields.version >= 9 { try fields.walk(&currentLeaderEpoch) }
            try fields.walk(&fetchOffset)
            if fields.version >= 12 { try fields.walk(&lastFetchedEpoch) }
            if fields.version >= 5 { try fields.walk(&logStartOffset) }
            try fields.walk(&partitionMaxBytes)
        }
    }
}

/// Batches as they lie on disk, whole or cut at any byte.
///
/// Versions: 5 added `logStartOffset`, 7 the session and its error, 11 `preferredReadReplica`, 12 the flexible form.
package struct FetchResponse: ResponseMessage {
    package static let api = APIKey.fetch

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none
    package var sessionId: Int32 = 0
    package var responses: [Responses] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        if fields.version >= 7 {
            try fields.walk(&errorCode)
            try fields.walk(&sessionId)
        }
        try fields.walk(&responses)
    }

    package struct Responses: WireStruct {
        package var topic = ""
        package var partitions: [Partitions] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&topic)
            try fields.walk(&partitions)
        }
    }

    /// `abortedTransactions` is nil for isolation level 0.
    package struct Partitions: WireStruct {
        package var partitionIndex: Int32 = 0
        package var errorCode: ErrorCode = .none
        package var highWatermark: Int64 = 0
        package var lastStableOffset: Int64 = -1
        package var logStartOffset: Int64 = -1
        package var divergingEpoch = DivergingEpoch()
        package var currentLeader = CurrentLeader()
        package var snapshotId = SnapshotId()
        package var abortedTransactions: [AbortedTransactions]?
        package var preferredReadReplica: Int32 = -1
        package var records: [OutputPiece] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&errorCode)
            try fields.walk(&highWatermark)
            try fields.walk(&lastStableOffset)
            if fields.version >= 5 { try fields.walk(&logStartOffset) }
            try fields.walk(&abortedTransactions)
            if fields.version >= 11 { try fields.walk(&preferredReadReplica) }
            try fields.walk(records: &records)
        }

        package mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(tag: 0, &divergingEpoch, absent: DivergingEpoch())
            try fields.walk(tag: 1, &currentLeader, absent: CurrentLeader())
            try fields.walk(tag: 2, &snapshotId, absent: SnapshotId())
        }
    }

    package struct DivergingEpoch: WireStruct, Equatable {
        package var epoch: Int32 = -1
        package var endOffset: Int64 = -1

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&epoch)
            try fields.walk(&endOffset)
        }
    }

    package struct CurrentLeader: WireStruct, Equatable {
        package var leaderId: Int32 = -1
        package var leaderEpoch: Int32 = -1

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&leaderId)
            try fields.walk(&leaderEpoch)
        }
    }

    package struct SnapshotId: WireStruct, Equatable {
        package var endOffset: Int64 = -1
        package var epoch: Int32 = -1

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&endOffset)
            try fields.walk(&epoch)
        }
    }

    package struct AbortedTransactions: WireStruct, Equatable {
        package var producerId: Int64 = 0
        package var firstOffset: Int64 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&producerId)
            try fields.walk(&firstOffset)
        }
    }
}
