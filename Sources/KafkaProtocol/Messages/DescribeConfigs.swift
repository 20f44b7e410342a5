/// Asks for the settings of topics (`resourceType` 2) or brokers (4).
///
/// `configurationKeys` nil asks for all. Versions: 3 added `includeDocumentation`, 4 the flexible form.
package struct DescribeConfigsRequest: RequestMessage, Equatable {
    package typealias Response = DescribeConfigsResponse
    package static let api = APIKey.describeConfigs

    package var resources: [Resources] = []
    package var includeSynonyms = false
    package var includeDocumentation = false

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&resources)
        try fields.walk(&includeSynonyms)
        if fields.version >= 3 { try fields.walk(&includeDocumentation) }
    }

    package struct Resources: WireStruct, Equatable {
        package var resourceType: Int8 = 0
        package var resourceName = ""
        package var configurationKeys: [String]?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&resourceType)
            try fields.walk(&resourceName)
            try fields.walk(&configurationKeys)
        }
    }
}

/// Versions: 3 added `configType` and `documentation`, 4 the flexible form.
package struct DescribeConfigsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.describeConfigs

    package var throttleTimeMs: Int32 = 0
    package var results: [Results] = []

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&results)
    }

    package struct Results: WireStruct, Equatable {
        package var errorCode: ErrorCode = .none
        package var errorMessage: String?
        package var resourceType: Int8 = 0
        package var resourceName = ""
        package var configs: [Configs] = []

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&errorCode)
            try fields.walk(&errorMessage)
            try fields.walk(&resourceType)
            try fields.walk(&resourceName)
            try fields.walk(&configs)
        }
    }

    package struct Configs: WireStruct, Equatable {
        package var name = ""
        package var value: String?
        package var readOnly = false
        package var configSource: Int8 = -1
        package var isSensitive = false
        package var synonyms: [Synonyms] = []
        package var configType: Int8 = 0
        package var documentation: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&value)
            try fields.walk(&readOnly)
            try fields.walk(&configSource)
            try fields.walk(&isSensitive)
            try fields.walk(&synonyms)
            if fields.version >= 3 {
                try fields.walk(&configType)
                try fields.walk(&documentation)
            }
        }
    }

    package struct Synonyms: WireStruct, Equatable {
        package var name = ""
        package var value: String?
        package var source: Int8 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&value)
            try fields.walk(&source)
        }
    }
}
