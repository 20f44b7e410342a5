/// Asks for the brokers and the id of the cluster.
///
/// Versions: 1 added `endpointType`: 1 brokers, 2 controllers.
package struct DescribeClusterRequest: RequestMessage, Equatable {
    package typealias Response = DescribeClusterResponse
    package static let api = APIKey.describeCluster

    package var includeClusterAuthorizedOperations = false
    package var endpointType: Int8 = 1

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&includeClusterAuthorizedOperations)
        if fields.version >= 1 { try fields.walk(&endpointType) }
    }
}

/// The brokers and the id of the cluster.
package struct DescribeClusterResponse: ResponseMessage, Equatable {
    package static let api = APIKey.describeCluster

    package var throttleTimeMs: Int32 = 0
    package var errorCode: ErrorCode = .none
    package var errorMessage: String?
    package var endpointType: Int8 = 1
    package var clusterId = ""
    package var controllerId: Int32 = -1
    package var brokers: [Brokers] = []
    package var clusterAuthorizedOperations: Int32 = .min

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&throttleTimeMs)
        try fields.walk(&errorCode)
        try fields.walk(&errorMessage)
        if fields.version >= 1 { try fields.walk(&endpointType) }
        try fields.walk(&clusterId)
        try fields.walk(&controllerId)
        try fields.walk(&brokers)
        try fields.walk(&clusterAuthorizedOperations)
    }

    package struct Brokers: WireStruct, Equatable {
        package var brokerId: Int32 = 0
        package var host = ""
        package var port: Int32 = 0
        package var rack: String?

        package init() {}

        package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
            try fields.walk(&brokerId)
            try fields.walk(&host)
            try fields.walk(&port)
            try fields.walk(&rack)
        }
    }
}
