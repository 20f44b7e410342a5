package import Records

/// Which partition an offset was committed for.
package struct OffsetKey: Hashable, Sendable {
    package var topic: String
    package var partition: Int32

    package init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }
}

/// How far a group has read a partition.
package struct CommittedOffset: Hashable, Sendable {
    package var offset: Offset
    /// -1: the client did not say.
    package var leaderEpoch: Int32
    package var metadata: String
    /// Milliseconds since 1970.
    package var committed: Int64

    package init(offset: Offset, leaderEpoch: Int32 = -1, metadata: String = "", committed: Int64) {
        self.offset = offset
        self.leaderEpoch = leaderEpoch
        self.metadata = metadata
        self.committed = committed
    }

    /// In memory with its key, about.
    package func bytes(of key: OffsetKey) -> Int { 128 + key.topic.utf8.count + metadata.utf8.count }
}
