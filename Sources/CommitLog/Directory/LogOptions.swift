/// When the high watermark passes what was appended.
package enum Visibility: String, CaseIterable, Sendable {
    /// At once, as in Kafka: a power loss (no other crash) can take back what a consumer has read.
    case written
    /// With the pass that makes it durable: nothing that was ever read can be taken back.
    case synced
}

/// How a data directory works. Sizes in bytes, times in milliseconds, names and defaults as Kafka's where it has them.
package struct LogOptions: Hashable, Sendable {
    /// When readers see what was appended.
    package var visibility = Visibility.written
    /// What a topic has that does not say otherwise.
    package var topicDefaults = TopicSettings()
    /// Producers remembered per partition, so that their retries are recognised; beyond that the longest silent go.
    /// At about 200 bytes each, 10,000 are 2 MB.
    package var producersPerPartition = 10_000
    /// A producer that has been silent for so long is forgotten (`producer.id.expiration.ms`), unless it has a
    /// transaction open or is a pipeline's.
    package var producerExpirationMilliseconds: Int64 = 86_400_000
    /// What recovery cut is kept in `penstock-cut` up to this many bytes; the oldest goes first. What a repair took out does not count.
    package var cutCopiesBytes: Int64 = 256 << 20
    /// A checkpoint is written with the pass after so many bytes, so that recovery can tell damage from a torn tail.
    package var checkpointBytes: Int64 = 64 << 20
    /// Room on the disk that only group offsets, checkpoints, deletions and recovery may use when it is full; a sixteenth
    /// of the free space if that is less. 0 keeps none.
    package var reserveBytes: Int64 = 64 << 20
    /// The files of deleted segments wait for their `file.delete.delay.ms` up to so many bytes and segments; the oldest go
    /// first.
    package var deletedBytes: Int64 = 1 << 30
    package var deletedSegments = 4_096
    /// Files of segments that are open at a time, half of them with unsynced bytes; never more than half of what the process
    /// may have open. What is lent to readers and what only opening, compaction and checkpoints open comes on top.
    package var openFiles = 4096
    /// Bytes of index files that are mapped at a time. At 8 + 12 bytes for 4 KiB of log, 256 MiB are enough for 50 GiB. Each
    /// file counts for a 16,384th of it at least, since a process may have so many mappings and no more.
    package var mappedBytes = 256 << 20
    /// Threads that read partitions while a data directory is opened; one per processor, at most 16. With 1 the order of
    /// calls to the disk repeats.
    package var openingThreads = min(16, processorCount())
    /// The bounds of compaction.
    package var cleaner = CleanerOptions()
    /// Takes over a directory that an Apache Kafka broker wrote.
    package var adopt = false
    /// Nobody's but a test's.
    var omitted: Omissions = []

    package init() {}
}
