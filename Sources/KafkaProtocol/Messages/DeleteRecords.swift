/// Moves the first readable offset of partitions up to `offset`; -1 is the high watermark.
///
/// Versions: 2 brought the flexible form.
package struct DeleteRecordsRequest: RequestMessage, Equatable {
    package typealias Response = DeleteRecordsResponse
    package static let api = APIKey.deleteRecords

    package var topics: [Topics] = []
    package var timeoutMs: Int32 = 0

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&topics)
        try fields.walk(&timeoutMs)
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Partitions: WireStruct, Equatable {
        package var partitionIndex: Int32 = 0
        package var offset: Int64 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&offset)
        }
    }
}

/// `lowWatermark`: the first readable offset now, -1 with an error. Versions: 2 brought the flexible form.
package struct DeleteRecordsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.deleteRecords

    package var throttleTimeMs: Int32 = 0
    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&topics)
    }

    package typealias Topics = TopicPartitions<Partitions>

    package struct Partitions: WireStruct, Equatable {
        package var partitionIndex: Int32 = 0
        package var lowWatermark: Int64 = 0
        package var errorCode: ErrorCode = .none

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&lowWatermark)
            try fields.walk(&errorCode)
        }
    }
}
