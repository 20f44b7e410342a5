package import Records

/// Creates topics.
///
/// `numPartitions` and `replicationFactor` of -1 mean the broker's default (from 4), or that `assignments` say it.
/// Versions: 5 brought the flexible form.
package struct CreateTopicsRequest: RequestMessage, Equatable {
    package typealias Response = CreateTopicsResponse
    package static let api = APIKey.createTopics

    package var topics: [Topics] = []
    package var timeoutMs: Int32 = 60000
    package var validateOnly = false

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&topics)
        try fields.walk(&timeoutMs)
        try fields.walk(&validateOnly)
    }

    package struct Topics: WireStruct, Equatable {
        package var name = ""
        package var numPartitions: Int32 = 0
        package var replicationFactor: Int16 = 0
        package var assignments: [Assignments] = []
        package var configs: [Configs] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&numPartitions)
            try fields.walk(&replicationFactor)
            try fields.walk(&assignments)
            try fields.walk(&configs)
        }
    }

    package struct Assignments: WireStruct, Equatable {
        package var partitionIndex: Int32 = 0
        package var brokerIds: [Int32] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&partitionIndex)
            try fields.walk(&brokerIds)
        }
    }

    package struct Configs: WireStruct, Equatable {
        package var name = ""
        package var value: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&value)
        }
    }
}

/// Versions: 5 added the configuration that resulted and the flexible form, 7 `topicId`.
package struct CreateTopicsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.createTopics

    package var throttleTimeMs: Int32 = 0
    package var topics: [Topics] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&topics)
    }

    package struct Topics: WireStruct, Equatable {
        package var name = ""
        package var topicId: TopicID = .zero
        package var errorCode: ErrorCode = .none
        package var errorMessage: String?
        package var topicConfigErrorCode: ErrorCode = .none
        package var numPartitions: Int32 = -1
        package var replicationFactor: Int16 = -1
        package var configs: [Configs]?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            if fields.version >= 7 { try fields.walk(&topicId) }
            try fields.walk(&errorCode)
            try fields.walk(&errorMessage)
            if fields.version >= 5 {
                try fields.walk(&numPartitions)
                try fields.walk(&replicationFactor)
                try fields.walk(&configs)
            }
        }

        package mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(tag: 0, &topicConfigErrorCode, absent: .none)
        }
    }

    package struct Configs: WireStruct, Equatable {
        package var name = ""
        package var value: String?
        package var readOnly = false
        package var configSource: Int8 = -1
        package var isSensitive = false

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&value)
            try fields.walk(&readOnly)
            try fields.walk(&configSource)
            try fields.walk(&isSensitive)
        }
    }
}
