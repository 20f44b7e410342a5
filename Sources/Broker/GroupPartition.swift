/// Which partition of `__consumer_offsets` holds a group, as Kafka chooses it.
enum GroupPartition {
    /// - Parameter count: at least 1.
    static func index(of group: String, count: Int) -> Int {
        let hash = javaHash(group)
        // Java's absolute value has none for this one; Kafka takes 0.
        return hash == .min ? 0 : Int(hash.magnitude) % count
    }

    /// Java's `String.hashCode`, over UTF-16 units.
    static func javaHash(_ text: String) -> Int32 {
        text.utf16.reduce(Int32(0)) { $0 &* 31 &+ Int32($1) }
    }
}
