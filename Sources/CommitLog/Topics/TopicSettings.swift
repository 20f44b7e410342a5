package import Records

/// What a topic's configuration says, read. ``TopicSetting/all`` has Kafka's name, bounds and default of each.
///
/// Plain values only, so that whoever appends takes a copy for a few nanoseconds. Milliseconds where nothing else is said.
package struct TopicSettings: Hashable, Sendable {
    // MARK: What is kept

    /// `cleanup.policy`: what may go. Without any policy everything stays.
    package var cleanupPolicy: CleanupPolicy = .delete
    /// `retention.bytes`: per partition; -1 keeps everything. Has a meaning under the policy `delete` only.
    package var retentionBytes: Int64 = -1
    /// `retention.ms`; -1 keeps everything. Has a meaning under the policy `delete` only.
    package var retentionMilliseconds: Int64 = 604_800_000
    /// `delete.retention.ms`: how long compaction keeps the mark of a deleted key.
    package var deleteRetentionMilliseconds: Int64 = 86_400_000
    /// `min.cleanable.dirty.ratio`: the part of a log that must be new before it is compacted.
    package var minCleanableDirtyRatio = 0.5
    /// `min.compaction.lag.ms`: records younger than this are not compacted.
    package var minCompactionLagMilliseconds: Int64 = 0
    /// `max.compaction.lag.ms`: records older than this make their log due, whatever its dirty ratio, and their segment's
    /// end due if it is still written to.
    package var maxCompactionLagMilliseconds = Int64.max
    /// `file.delete.delay.ms`: how long the files of a deleted segment stay under their `.deleted` name.
    package var fileDeleteDelayMilliseconds: Int64 = 60_000

    // MARK: Segments

    /// `segment.bytes`: a segment is closed before it grows beyond this.
    package var segmentBytes: Int64 = 1 << 30
    /// `segment.ms`: a segment is closed once its first batch is this much older than the next, by their timestamps.
    package var segmentMilliseconds: Int64 = 604_800_000
    /// `segment.jitter.ms`: up to this much is taken off ``segmentMilliseconds``, another part for each segment.
    package var segmentJitterMilliseconds: Int64 = 0
    /// `segment.index.bytes`
    package var segmentIndexBytes: Int64 = 10 << 20
    /// `index.interval.bytes`
    package var indexIntervalBytes: Int64 = 4096
    /// `preallocate`: a new segment's file gets its room on the disk when it is made.
    package var preallocates = false

    // MARK: What is taken, and how

    /// `max.message.bytes`: of one batch as it is stored.
    package var maxMessageBytes = 1_048_588
    /// `message.timestamp.type`: whose clock a record's time comes from.
    package var timestampType = TimestampType.createTime
    /// `message.timestamp.before.max.ms`: how far back a record's own time may lie.
    package var timestampBeforeMilliseconds = Int64.max
    /// `message.timestamp.after.max.ms`: how far ahead a record's own time may lie.
    package var timestampAfterMilliseconds: Int64 = 3_600_000
    /// `compression.type`
    package var compression = Compression.producer
    /// `compression.gzip.level`: -1 is the library's default.
    package var gzipLevel = -1
    /// `compression.lz4.level`
    package var lz4Level = 9
    /// `compression.zstd.level`
    package var zstdLevel = 3

    // MARK: When it is made durable

    /// `flush.messages`: a partition with this many unsynced records wants a pass.
    package var flushMessages = Int64.max
    /// `flush.ms`: a partition whose oldest unsynced record waits this long wants a pass.
    package var flushMilliseconds = Int64.max

    // MARK: Of no effect on one node

    /// `min.insync.replicas`
    package var minInsyncReplicas = 1
    /// `unclean.leader.election.enable`
    package var electsUncleanLeaders = false

    package init() {}

    /// Reads a topic's configuration over the defaults. Names that ``TopicSetting/all`` does not have change nothing.
    /// - Throws: a sentence that names the key, what was found and what would do.
    package init(_ configuration: [String: String], defaults: TopicSettings = TopicSettings()) throws(SettingError) {
        self = defaults
        for setting in TopicSetting.all {
            guard let text = configuration[setting.name] else { continue }
            try setting.read(text, into: &self)
        }
        guard minCompactionLagMilliseconds <= maxCompactionLagMilliseconds else {
            throw SettingError(
                name: "min.compaction.lag.ms", found: "\(minCompactionLagMilliseconds)",
                expected: "no more than max.compaction.lag.ms, \(maxCompactionLagMilliseconds)")
        }
    }

    /// `cleanup.policy`
    package struct CleanupPolicy: OptionSet, Hashable, Sendable {
        package var rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Segments go as a whole, by age and size.
        package static let delete = CleanupPolicy(rawValue: 1)
        /// Of the records with one key, the newest stays.
        package static let compact = CleanupPolicy(rawValue: 2)
    }

    /// `compression.type`: what batches are stored as.
    package enum Compression: String, CaseIterable, Sendable {
        /// As they came.
        case producer
        case uncompressed, gzip, snappy, lz4, zstd

        /// What a batch that came in `codec` is stored in.
        package func codec(for codec: Codec) -> Codec {
            switch self {
            case .producer: codec
            case .uncompressed: .none
            case .gzip: .gzip
            case .snappy: .snappy
            case .lz4: .lz4
            case .zstd: .zstd
            }
        }
    }

    /// How hard a codec is to try, on its library's scale; nil is the library's default.
    package func level(of codec: Codec) -> Int? {
        switch codec {
        case .none, .snappy: nil
        case .gzip: gzipLevel == -1 ? nil : gzipLevel
        case .lz4: lz4Level
        case .zstd: zstdLevel
        }
    }

    /// The configuration of a topic that as a whole stays under `total` bytes.
    ///
    /// Kafka's `retention.bytes` is per partition, and only whole segments go: a partition holds up to its retention and
    /// one segment more. So each partition's share is cut into eight segments, of which seven are retained.
    /// Deleted segments give their room back at once.
    /// - Returns: `retention.bytes`, `segment.bytes` and `file.delete.delay.ms`. Segments are at least 1 MiB, as Kafka
    ///   demands; a share under 2 MiB therefore cannot be kept to.
    package static func capped(total: Int64, partitions: Int) -> [String: String] {
        let share = max(2 << 20, total / Int64(max(1, partitions)))
        let segment = min(1 << 30, max(1 << 20, share / 8))
        return [
            "segment.bytes": "\(segment)", "retention.bytes": "\(share - segment)", "file.delete.delay.ms": "0",
        ]
    }
}

/// A configuration value that cannot be meant.
package struct SettingError: Error, Hashable, CustomStringConvertible {
    package var name: String
    package var found: String
    package var expected: String

    package var description: String { "\(name): expected \(expected), found '\(found)'" }
}
