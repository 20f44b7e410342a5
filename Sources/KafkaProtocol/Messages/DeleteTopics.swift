package import Records

/// Deletes topics: by `topicNames` up to version 5, by name or id in `topics` from 6 on.
///
/// Versions: 4 brought the flexible form.
package struct DeleteTopicsRequest: RequestMessage, Equatable {
    package typealias Response = DeleteTopicsResponse
    package static let api = APIKey.deleteTopics

    package var topics: [Topics] = []
    package var topicNames: [String] = []
    package var timeoutMs: Int32 = 0

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 6 { try fields.walk(&topics) }
        if fields.version <= 5 { try fields.walk(&topicNames) }
        try fields.walk(&timeoutMs)
    }

    package struct Topics: WireStruct, Equatable {
        package var name: String?
        package var topicId: TopicID = .zero

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&topicId)
        }
    }
}

/// Versions: 4 brought the flexible form, 5 `errorMessage`, 6 `topicId` and names that may be null.
package struct DeleteTopicsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.deleteTopics

    package var throttleTimeMs: Int32 = 0
    package var responses: [Responses] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&responses)
    }

    package struct Responses: WireStruct, Equatable {
        package var name: String?
        package var topicId: TopicID = .zero
        package var errorCode: ErrorCode = .none
        package var errorMessage: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name, nullable: fields.version >= 6)
            if fields.version >= 6 { try fields.walk(&topicId) }
            try fields.walk(&errorCode)
            if fields.version >= 5 { try fields.walk(&errorMessage) }
        }
    }
}
