/// Partitions of one topic, as consumers name them to each other.
package struct ConsumerPartitions: WireStruct, Equatable {
    package var topic = ""
    package var partitions: [Int32] = []

    package init() {}

    package init(topic: String, partitions: [Int32]) {
        self.topic = topic
        self.partitions = partitions
    }

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&topic)
        try fields.walk(&partitions)
    }
}

/// What a consumer tells its group when it joins: the metadata of protocol type `consumer`, opaque to the broker but
/// for the topics.
///
/// Versions: 1 added `ownedPartitions`, 2 `generationId`, 3 `rackId`. Newer ones are read as 3.
package struct ConsumerSubscription: VersionedValue, Equatable {
    package static let versions: ClosedRange<Int16> = 0...3
    package static let flexibleFrom: Int16? = nil
    package static let readsNewer = true

    package var topics: [String] = []
    package var userData: [UInt8]?
    package var ownedPartitions: [ConsumerPartitions] = []
    package var generationId: Int32 = -1
    package var rackId: String?

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&topics)
        try fields.walk(&userData)
        if fields.version >= 1 { try fields.walk(&ownedPartitions) }
        if fields.version >= 2 { try fields.walk(&generationId) }
        if fields.version >= 3 { try fields.walk(&rackId) }
    }
}

/// What the leader of a group of consumers assigns to one of them.
///
/// Versions 0 to 3 are alike; newer ones are read as 3.
package struct ConsumerAssignment: VersionedValue, Equatable {
    package static let versions: ClosedRange<Int16> = 0...3
    package static let flexibleFrom: Int16? = nil
    package static let readsNewer = true

    package var assignedPartitions: [ConsumerPartitions] = []
    package var userData: [UInt8]?

    package init() {}

    package mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&assignedPartitions)
        try fields.walk(&userData)
    }
}
