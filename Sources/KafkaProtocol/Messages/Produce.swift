/// Appends record batches to partitions.
///
/// Versions: 3 brought magic 2 and transactions, 7 zstd, 9 the flexible form. 4, 5, 6, 8, 10 and 11 changed the answer,
/// or what errors it may hold. Left out: 12 (transactions version 2) and 13 (topic ids).
package struct ProduceRequest: RequestMessage, Equatable {
    package typealias Response = ProduceResponse
    package static let api = APIKey.produce

    package var transactionalId: String?
    package var acks: Int16 = 0
    package var timeoutMs: Int32 = 0
    package var topicData: [TopicData] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&transactionalId)
        try fields.walk(&acks)
        try fields.walk(&timeoutMs)
        try fields.walk(&topicData)
    }

    package struct TopicData: WireStruct, Equatable {
        package var name = ""
        package var partitionData: [PartitionData] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&partitionData)
        }
    }

    /// `records` is a part of the frame; a batch in it has not been checked.
    package struct PartitionData: WireStruct, Equatable {
        package var index: Int32 = 0
        package var records: ArraySlice<UInt8>?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&index)
            try fields.walk(records: &records)
        }
    }
}

/// Where the batches stand, or why they do not. There is none when `acks` was 0.
///
/// Versions: 5 added `logStartOffset`, 8 `recordErrors` and `errorMessage`, 9 the flexible form, 10 `currentLeader` and
/// `nodeEndpoints`, for a client that must go elsewhere.
package struct ProduceResponse: ResponseMessage, Equatable {
    package static let api = APIKey.produce

    package var responses: [Responses] = []
    package var throttleTimeMs: Int32 = 0
    package var nodeEndpoints: [NodeEndpoints] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&responses)
        try fields.walk(&throttleTimeMs)
    }

    package mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 10 { try fields.walk(tag: 0, &nodeEndpoints, absent: []) }
    }

    package struct Responses: WireStruct, Equatable {
        package var name = ""
        package var partitionResponses: [PartitionResponses] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&partitionResponses)
        }
    }

    package struct NodeEndpoints: WireStruct, Equatable {
        package var nodeId: Int32 = 0
        package var host = ""
        package var port: Int32 = 0
        package var rack: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&nodeId)
            try fields.walk(&host)
            try fields.walk(&port)
            try fields.walk(&rack)
        }
    }

    package struct PartitionResponses: WireStruct, Equatable {
        package var index: Int32 = 0
        package var errorCode: ErrorCode = .none
        package var baseOffset: Int64 = 0
        package var logAppendTimeMs: Int64 = -1
        package var logStartOffset: Int64 = -1
        package var recordErrors: [RecordErrors] = []
        package var errorMessage: String?
        package var currentLeader = CurrentLeader()

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&index)
            try fields.walk(&errorCode)
            try fields.walk(&baseOffset)
            try fields.walk(&logAppendTimeMs)
            if fields.version >= 5 { try fields.walk(&logStartOffset) }
            if fields.version >= 8 {
                try fields.walk(&recordErrors)
                try fields.walk(&errorMessage)
            }
        }

        package mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError) {
            if fields.version >= 10 { try fields.walk(tag: 0, &currentLeader, absent: CurrentLeader()) }
        }
    }

    package struct RecordErrors: WireStruct, Equatable {
        package var batchIndex: Int32 = 0
        package var batchIndexErrorMessage: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&batchIndex)
            try fields.walk(&batchIndexErrorMessage)
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
}
