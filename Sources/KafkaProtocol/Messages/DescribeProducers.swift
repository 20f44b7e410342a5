/// Asks which producers partitions remember, and which transactions are open in them.
package struct DescribeProducersRequest: RequestMessage, Equatable {
    package typealias Response = DescribeProducersResponse
    package static let api = APIKey.describeProducers

    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) { try fields.walk(&topics) }

    package typealias Topics = TopicPartitions<Int32>
}

/// The producer table of each partition.
package struct DescribeProducersResponse: ResponseMessage, Equatable {
    package static let api = APIKey.describeProducers

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
        package var errorCode: ErrorCode = .none
        package var errorMessage: String?
        package var activeProducers: [ProducerState] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&errorCode)
            try fields.walk(&errorMessage)
            try fields.walk(&activeProducers)
        }
    }

    /// What is not known, or not there, is -1.
    package struct ProducerState: WireStruct, Equatable {
        package var producerId: Int64 = 0
        package var producerEpoch: Int32 = 0
        package var lastSequence: Int32 = -1
        package var lastTimestamp: Int64 = -1
        package var coordinatorEpoch: Int32 = 0
        package var currentTxnStartOffset: Int64 = -1

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&producerId)
            try fields.walk(&producerEpoch)
            try fields.walk(&lastSequence)
            try fields.walk(&lastTimestamp)
            try fields.walk(&coordinatorEpoch)
            try fields.walk(&currentTxnStartOffset)
        }
    }
}
