/// Everything about a node that can be chosen. Each bound stands here with its default.
package struct BrokerOptions: Sendable {
    /// The number by which clients know this broker.
    package var nodeID: Int32 = 1
    /// Metadata makes topics that are asked for and not there (`auto.create.topics.enable`).
    package var createsTopics = true
    /// Topics that one Metadata request makes at most; others that it names stay unknown until the client asks again.
    package var maxAutoCreatedTopics = 100
    /// Partitions of a topic that is made without saying how many.
    package var defaultPartitions: Int32 = 8
    /// Partitions in all topics together; each keeps a file open.
    package var maxPartitions = 10_000
    /// Threads for appends, reads and validation of clients.
    package var workers = 2
    /// Requests that wait for one worker. A full queue is answered with an error that clients retry.
    package var maxQueuedRequests = 1_024
    /// Bytes of record batches that wait for one worker.
    package var maxQueuedBytes = 64 << 20
    /// Bytes in one answer to Fetch (`fetch.max.bytes`); one batch that is larger is still sent whole.
    package var fetchMaxBytes = 55 << 20
    /// Fetches that may wait for data at once; more are answered at once with what there is.
    package var maxWaitingFetches = 10_000
    /// The longest that a Fetch or a Produce waits, whatever it asks for.
    package var longestWait = Duration.seconds(300)
    /// Bytes that one client batch may decompress to while it is checked.
    package var maxDecompressedBytes = 128 << 20
    /// Bytes that all the batches of one Produce request together may decompress to; never less than for one batch.
    package var maxDecompressedRequestBytes = 256 << 20
    /// A sync pass begins at the latest this long after the first byte that it makes durable.
    package var syncInterval = Duration.seconds(1)
    /// A sync pass begins at the latest at this many unsynced bytes.
    package var syncBytes = 64 << 20
    /// A checkpoint is left at the latest this long after the one before, if anything was written since
    /// (`log.flush.offset.checkpoint.interval.ms`); and after `LogOptions.checkpointBytes`.
    package var checkpointInterval = Duration.seconds(60)
    /// How often topics that are larger than they may be are cut. A topic can grow beyond its limit by what is appended
    /// meanwhile.
    package var sizeRetentionInterval = Duration.seconds(30)
    /// How long the cleaner rests when there is nothing left to compact (`log.cleaner.backoff.ms`).
    package var cleanerInterval = Duration.seconds(15)
    /// Bytes that compaction reads and writes together in a second (`log.cleaner.io.max.bytes.per.second`, which Kafka
    /// leaves open): enough for what one disk appends, little beside what it can do.
    package var cleanerBytesPerSecond = 64 << 20
    /// How often records that are older than their topic keeps them are deleted (`log.retention.check.interval.ms`).
    package var timeRetentionInterval = Duration.seconds(300)
    /// How often the files of deleted segments are looked at; one goes so much later than `file.delete.delay.ms` at most.
    package var deletedFilesInterval = Duration.seconds(10)
    /// How often expired group offsets are looked for (`offsets.retention.check.interval.ms`).
    package var offsetsExpiryInterval = Duration.seconds(600)
    /// How often producers that have been silent too long are looked for (`producer.id.expiration.check.interval.ms`).
    package var producerExpiryInterval = Duration.seconds(600)
    /// Producers in one answer to DescribeProducers: some 35 bytes each.
    package var maxDescribedProducers = 100_000
    /// When an offset commit is answered: appended as in Kafka, or synced (`offsets_acks`).
    package var offsetsAcks = OffsetsAcks.appended
    /// Bytes of group records and offsets that wait to be written. A single commit that has more is refused with
    /// INVALID_COMMIT_OFFSET_SIZE.
    package var maxQueuedCommitBytes = 32 << 20
    package var groups = GroupOptions()

    package enum OffsetsAcks: String, CaseIterable, Sendable { case appended, synced }

    package init() {}
}
