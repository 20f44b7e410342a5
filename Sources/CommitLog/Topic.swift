package import Records

/// A topic: a name, an identity that outlives no deletion, and its partitions.
package final class Topic: Sendable {
    package let name: String
    package let id: TopicID
    package let partitions: [Partition]
    /// As it was created, in Kafka's names; what it does not say has the default.
    package let configuration: [String: String]
    /// ``configuration``, read.
    package let settings: TopicSettings
    /// Penstock's or Kafka's own: not for clients to write to.
    package let isInternal: Bool

    init(
        name: String, id: TopicID, partitions: [Partition], configuration: [String: String], settings: TopicSettings,
        isInternal: Bool
    ) {
        self.name = name
        self.id = id
        self.partitions = partitions
        self.configuration = configuration
        self.settings = settings
        self.isInternal = isInternal
    }

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
