import CommitLog

/// What new topics are held against, counted once for all that a request makes.
struct TopicCensus {
    private var names: [[UInt8]: String] = [:]
    private(set) var partitions = 0

    init(_ topics: [Topic]) {
        for topic in topics { add(topic) }
    }

    mutating func add(_ topic: Topic) {
        names[TopicName.fingerprint(topic.name)] = topic.name
        partitions += topic.partitions.count
    }

    /// The topic that has this name, or one that counts as the same.
    func holder(of name: String) -> String? { names[TopicName.fingerprint(name)] }
}
