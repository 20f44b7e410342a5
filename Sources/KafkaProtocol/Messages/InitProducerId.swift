/// Asks for a producer id, for idempotent (`transactionalId` nil) or transactional producing.
///
/// Versions: 2 brought the flexible form, 3 the id and epoch to go on from, 4 the error PRODUCER_FENCED.
package struct InitProducerIdRequest: RequestMessage, Equatable {
    package typealias Response = InitProducerIdResponse
    package static let api = APIKey.initProducerId

    package var transactionalId: String?
    package var transactionTimeoutMs: Int32 = 0
    package var producerId: Int64 = -1
    package var producerEpoch: Int16 = -1

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&transactionalId)
        try fields.walk(&transactionTimeoutMs)
        if fields.version >= 3 {
            try fields.walk(&producerId)
            try fields.walk(&producerEpoch)
        }
    }
}

/// A producer id and its epoch.
package struct InitProducerIdResponse: ResponseMessage, Equatable {
    package static let api = APIKey.initProducerId

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none
    package var producerId: Int64 = -1
    package var producerEpoch: Int16 = 0

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&errorCode)
        try fields.walk(&producerId)
        try fields.walk(&producerEpoch)
    }
}
