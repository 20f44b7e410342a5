/// Changes single settings of topics (`resourceType` 2) or brokers (4).
///
/// `configOperation`: 0 set, 1 delete (the default counts again), 2 append to a list, 3 subtract from a list.
/// Versions: 1 brought the flexible form.
package struct IncrementalAlterConfigsRequest: RequestMessage, Equatable {
    package typealias Response = IncrementalAlterConfigsResponse
    package static let api = APIKey.incrementalAlterConfigs

    package var resources: [Resources] = []
    package var validateOnly = false

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&resources)
        try fields.walk(&validateOnly)
    }

    package struct Resources: WireStruct, Equatable {
        package var resourceType: Int8 = 0
        package var resourceName = ""
        package var configs: [Configs] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&resourceType)
            try fields.walk(&resourceName)
            try fields.walk(&configs)
        }
    }

    package struct Configs: WireStruct, Equatable {
        package var name = ""
        package var configOperation: Int8 = 0
        package var value: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&configOperation)
            try fields.walk(&value)
        }
    }
}

/// Versions: 1 brought the flexible form.
package struct IncrementalAlterConfigsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.incrementalAlterConfigs

    package var throttleTimeMs: Int32 = 0
    package var responses: [Responses] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&responses)
    }

    package typealias Responses = AlterConfigsResponse.Responses
}
