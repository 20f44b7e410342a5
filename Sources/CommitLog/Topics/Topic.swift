import Platform
package import Records

/// A topic: a name, an identity that outlives no deletion, and its partitions.
package final class Topic: Sendable {
    package let name: String
    package let id: TopicID
    /// Penstock's or Kafka's own: not for clients to write to.
    package let isInternal: Bool
    private let state: Lock<State>

    /// What an operator can change while the topic is in use.
    struct State: Sendable {
        var partitions: [Partition]
        var configuration: [String: String]
        var settings: Shared<TopicSettings>
    }

    init(name: String, id: TopicID, isInternal: Bool, _ state: State) {
        self.name = name
        self.id = id
        self.isInternal = isInternal
        self.state = Lock(state)
    }

    /// By index; more may come, none go.
    package var partitions: [Partition] { state.withLock { $0.partitions } }
    /// As it was given, in Kafka's names; what it does not say has the default.
    package var configuration: [String: String] { state.withLock { $0.configuration } }
    /// ``configuration``, read.
    package var settings: TopicSettings { sharedSettings.value }
    var sharedSettings: Shared<TopicSettings> { state.withLock { $0.settings } }

    /// From now on the topic is configured so; its partitions follow one after the other.
    func apply(_ configuration: [String: String], _ settings: TopicSettings) {
        let shared = Shared(settings)
        let partitions = state.withLock { state in
            state.configuration = configuration
            state.settings = shared
            return state.partitions
        }
        for partition in partitions { partition.apply(shared) }
    }

    func add(_ more: [Partition]) { state.withLock { $0.partitions += more } }

    /// Whether a topic that somebody else made is Kafka's own, or Penstock's: other names that begin with `__` are anybody's.
    static func isReserved(_ name: String) -> Bool {
        name.hasPrefix(DataDirectory.ownPrefix) || kafkasOwn.contains(name)
    }

    private static let kafkasOwn: Set = ["__consumer_offsets", "__transaction_state", "__share_group_state"]

    /// Why a topic cannot have this name, nil if it can.
    package static func objection(to name: String) -> String? {
        if name.isEmpty || name == "." || name == ".." { return "a topic cannot be called '\(name)'" }
        if name.utf8.count > 249 { return "a topic's name has at most 249 characters, this one \(name.utf8.count)" }
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return allowed ? nil : "the topic name '\(name)' has other characters than letters, digits, '.', '_' and '-'"
    }
}
