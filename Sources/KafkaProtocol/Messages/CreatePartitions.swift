/// Gives topics more partitions; `count` is of all of them.
///
/// `assignments` nil lets the broker choose, else it has one entry for each new partition. Versions: 2 brought the flexible
/// form.
package struct CreatePartitionsRequest: RequestMessage, Equatable {
    package typealias Response = CreatePartitionsResponse
    package static let api = APIKey.createPartitions

    package var topics: [Topics] = []
    package var timeoutMs: Int32 = 0
    package var validateOnly = false

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&topics)
        try fields.walk(&timeoutMs)
        try fields.walk(&validateOnly)
    }

    package struct Topics: WireStruct, Equatable {
        package var name = ""
        package var count: Int32 = 0
        package var assignments: [Assignments]?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&count)
            try fields.walk(&assignments)
        }
    }

    package struct Assignments: WireStruct, Equatable {
        package var brokerIds: [Int32] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&brokerIds)
        }
    }
}

/// Versions: 2 brought the flexible form.
package struct CreatePartitionsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.createPartitions

    package var throttleTimeMs: Int32 = 0
    package var results: [Results] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&results)
    }

    package struct Results: WireStruct, Equatable {
        package var name = ""
        package var errorCode: ErrorCode = .none
        package var errorMessage: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&errorCode)
            try fields.walk(&errorMessage)
        }
    }
}
