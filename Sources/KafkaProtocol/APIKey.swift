/// The requests that are spoken here, by the number that begins each of them.
package enum APIKey: Int16, CaseIterable, Sendable {
    case produce = 0
    case fetch = 1
    case listOffsets = 2
    case metadata = 3
    case offsetCommit = 8
    case offsetFetch = 9
    case findCoordinator = 10
    case joinGroup = 11
    case heartbeat = 12
    case leaveGroup = 13
    case syncGroup = 14
    case describeGroups = 15
    case listGroups = 16
    case apiVersions = 18
    case createTopics = 19
    case deleteTopics = 20
    case deleteRecords = 21
    case initProducerId = 22
    case offsetForLeaderEpoch = 23
    case describeConfigs = 32
    case alterConfigs = 33
    case createPartitions = 37
    case incrementalAlterConfigs = 44
    case describeCluster = 60
    case describeProducers = 61
}

extension APIKey {
    /// The versions whose layout is written down here.
    ///
    /// Left out on purpose: topic ids in Produce, Fetch and OffsetCommit (Produce 13, Fetch 13, OffsetCommit 10) and
    /// transactions version 2 (Produce 12). Every client in use goes down to these.
    package var versions: ClosedRange<Int16> { layout.versions }

    /// The versions that ApiVersions names.
    ///
    /// Wider than ``versions`` for Produce only: librdkafka before 2.3 compresses nothing unless Produce 0 is offered,
    /// though it never sends it; Kafka 4 offers it for the same reason, and closes the connection if it does come.
    package var advertisedVersions: ClosedRange<Int16> { self == .produce ? 0...versions.upperBound : versions }

    /// The first version with compact lengths and tagged fields (KIP-482).
    package var flexibleFrom: Int16 { layout.flexibleFrom }

    /// As Kafka's documentation writes it: `ListOffsets`.
    package var name: String {
        let name = String(describing: self)
        return name.prefix(1).uppercased() + name.dropFirst()
    }

    private var layout: (versions: ClosedRange<Int16>, flexibleFrom: Int16) {
        switch self {
        case .produce: (3...11, 9)
        case .fetch: (4...12, 12)
        case .listOffsets: (1...9, 6)
        case .metadata: (0...12, 9)
        case .offsetCommit: (2...9, 8)
        case .offsetFetch: (1...9, 6)
        case .findCoordinator: (0...4, 3)
        case .joinGroup: (0...9, 6)
        case .heartbeat: (0...4, 4)
        case .leaveGroup: (0...5, 4)
        case .syncGroup: (0...5, 4)
        case .describeGroups: (0...6, 5)
        case .listGroups: (0...5, 3)
        case .apiVersions: (0...4, 3)
        case .createTopics: (2...7, 5)
        case .deleteTopics: (1...6, 4)
        case .deleteRecords: (0...2, 2)
        case .initProducerId: (0...4, 2)
        case .offsetForLeaderEpoch: (2...4, 4)
        case .describeConfigs: (1...4, 4)
        case .alterConfigs: (0...2, 2)
        case .createPartitions: (0...3, 2)
        case .incrementalAlterConfigs: (0...1, 1)
        case .describeCluster: (0...1, 0)
        case .describeProducers: (0...0, 0)
        }
    }
}
