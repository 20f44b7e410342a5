/// Asks which requests the broker speaks. The first one on a connection.
///
/// Versions: 3 brought the flexible form and the client's name. If the version is not spoken here, the body must not be
/// read and the answer is in version 0 (KIP-511).
package struct ApiVersionsRequest: RequestMessage, Equatable {
    package typealias Response = ApiVersionsResponse
    package static let api = APIKey.apiVersions

    package var clientSoftwareName = ""
    package var clientSoftwareVersion = ""

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        if fields.version >= 3 {
            try fields.walk(&clientSoftwareName)
            try fields.walk(&clientSoftwareVersion)
        }
    }
}

/// The requests that are spoken. Its header is always the old one: the client cannot know better yet.
///
/// Versions: 1 added the throttle time, 3 the flexible form and features. Before 4 supported features with a minimum of 0
/// must be left out.
package struct ApiVersionsResponse: ResponseMessage, Equatable {
    package static let api = APIKey.apiVersions

    package var errorCode: ErrorCode = .none
    package var apiKeys: [ApiKeys] = []
    package var throttleTimeMs: Int32 = 0
    package var supportedFeatures: [SupportedFeatures] = []
    package var finalizedFeaturesEpoch: Int64 = -1
    package var finalizedFeatures: [FinalizedFeatures] = []
    package var zkMigrationReady = false

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&errorCode)
        try fields.walk(&apiKeys)
        if fields.version >= 1 { try fields.walk(&throttleTimeMs) }
    }

    package mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(tag: 0, &supportedFeatures, absent: [])
        try fields.walk(tag: 1, &finalizedFeaturesEpoch, absent: -1)
        try fields.walk(tag: 2, &finalizedFeatures, absent: [])
        try fields.walk(tag: 3, &zkMigrationReady, absent: false)
    }

    /// `apiKey` is a number, not an ``APIKey``: brokers name more than are spoken here.
    package struct ApiKeys: WireStruct, Equatable {
        package var apiKey: Int16 = 0
        package var minVersion: Int16 = 0
        package var maxVersion: Int16 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&apiKey)
            try fields.walk(&minVersion)
            try fields.walk(&maxVersion)
        }
    }

    package struct SupportedFeatures: WireStruct, Equatable {
        package var name = ""
        package var minVersion: Int16 = 0
        package var maxVersion: Int16 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&minVersion)
            try fields.walk(&maxVersion)
        }
    }

    package struct FinalizedFeatures: WireStruct, Equatable {
        package var name = ""
        package var maxVersionLevel: Int16 = 0
        package var minVersionLevel: Int16 = 0

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&name)
            try fields.walk(&maxVersionLevel)
            try fields.walk(&minVersionLevel)
        }
    }
}
