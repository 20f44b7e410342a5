/// Gives topics (`resourceType` 2) or brokers (4) a new configuration: what is not named has the default again.
///
/// Versions: 2 brought the flexible form.
package struct AlterConfigsRequest: RequestMessage, Equatable {
    package typealias Response = AlterConfigsResponse
    package static let api = APIKey.alterConfigs

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
        package var value: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&value)
        }
    }
}

/// Versions: 2 brought the flexible form.
package struct AlterConfigsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.alterConfigs

    package var throttleTimeMs: Int32 = 0
    package var responses: [Responses] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&responses)
    }

    package struct Responses: WireStruct, Equatable {
        package var errorCode: ErrorCode = .none
        package var errorMessage: String?
        package var resourceType: Int8 = 0
        package var resourceName = ""

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&errorCode)
            try fields.walk(&errorMessage)
            try fields.walk(&resourceType)
            try fields.walk(&resourceName)
        }
    }
}
