/// What guards against requests that name one thing very often, where each mention would be answered at full length.
extension Sequence {
    /// The first element with each key, in their order.
    func unique<Key: Hashable>(by key: (Element) -> Key) -> [Element] {
        var seen: Set<Key> = []
        return filter { seen.insert(key($0)).inserted }
    }

    /// The keys that more than one element has.
    func repeats<Key: Hashable>(by key: (Element) -> Key) -> Set<Key> {
        var seen: Set<Key> = []
        return Set(map(key).filter { !seen.insert($0).inserted })
    }
}

/// The partitions that a request has named so far.
///
/// A topic's name is hashed once for each mention of the topic, not of each partition: names can be long, partitions
/// many.
struct NamedPartitions {
    private var topics: [String: UInt64] = [:]
    private var seen: Set<UInt64> = []
    private var repeated: Set<UInt64> = []

    /// What stands for a topic in ``insert(_:of:)``.
    mutating func number(of topic: String) -> UInt64 {
        if let number = topics[topic] { return number }
        let number = UInt64(topics.count)
        topics[topic] = number
        return number
    }

    /// - Returns: false if the partition was named before.
    mutating func insert(_ partition: Int32, of topic: UInt64) -> Bool {
        let key = Self.key(partition, topic)
        guard seen.insert(key).inserted else {
            repeated.insert(key)
            return false
        }
        return true
    }

    /// Whether it was named more than once.
    func isRepeated(_ partition: Int32, of topic: UInt64) -> Bool { repeated.contains(Self.key(partition, topic)) }

    private static func key(_ partition: Int32, _ topic: UInt64) -> UInt64 {
        topic << 32 | UInt64(UInt32(bitPattern: partition))
    }
}
