/// How a data directory works. Sizes in bytes, times in milliseconds, names and defaults as Kafka's where it has them.
package struct LogOptions: Hashable, Sendable {
    /// What a topic has that does not say otherwise.
    package var topicDefaults = TopicSettings()
    /// Producers remembered per partition, so that their retries are recognised; beyond that the longest silent go.
    /// At about 200 bytes each, 10,000 are 2 MB.
    package var producersPerPartition = 10_000
    /// What recovery cut is kept in `penstock-cut` up to this many bytes; the oldest goes first.
    package var cutCopiesBytes: Int64 = 256 << 20
    /// A checkpoint is written with the pass after so many bytes, so that recovery can tell damage from a torn tail.
    package var checkpointBytes: Int64 = 64 << 20
    /// Room on the disk that only group offsets, checkpoints, deletions and recovery may use when it is full; a sixteenth
    /// of the free space if that is less. 0 keeps none.
    package var reserveBytes: Int64 = 64 << 20
    /// Takes over a directory that an Apache Kafka broker wrote.
    package var adopt = false

    package init() {}
}

/// What a topic's configuration says, read. Unknown names are kept by the topic and have no effect here.
package struct TopicSettings: Hashable, Sendable {
    /// `segment.bytes`: a segment is closed before it grows beyond this.
    package var segmentBytes: Int64 = 1 << 30
    /// `segment.ms`: a segment is closed once its first batch is this much older than the next, by their timestamps.
    package var segmentMilliseconds: Int64 = 604_800_000
    /// `segment.index.bytes`
    package var segmentIndexBytes: Int64 = 10 << 20
    /// `index.interval.bytes`
    package var indexIntervalBytes: Int64 = 4096
    /// `retention.bytes`: per partition; -1 keeps everything.
    package var retentionBytes: Int64 = -1
    /// `retention.ms`; -1 keeps everything.
    package var retentionMilliseconds: Int64 = 604_800_000
    /// `max.message.bytes`: of one batch as it is sent.
    package var maxMessageBytes = 1_048_588

    package init() {}

    /// Reads a topic's configuration over the defaults.
    /// - Throws: a sentence that names the key, what was found and what would do.
    package init(_ configuration: [String: String], defaults: TopicSettings = TopicSettings()) throws(SettingError) {
        self = defaults
        for (name, text) in configuration {
            switch name {
            case "segment.bytes": segmentBytes = try Self.integer(name, text, 14...Int64(Int32.max))
            case "segment.ms": segmentMilliseconds = try Self.integer(name, text, 1...Int64.max)
            case "segment.index.bytes": segmentIndexBytes = try Self.integer(name, text, 4...Int64(Int32.max))
            case "index.interval.bytes": indexIntervalBytes = try Self.integer(name, text, 0...Int64(Int32.max))
            case "retention.bytes": retentionBytes = try Self.integer(name, text, -1...Int64.max)
            case "retention.ms": retentionMilliseconds = try Self.integer(name, text, -1...Int64.max)
            case "max.message.bytes": maxMessageBytes = Int(try Self.integer(name, text, 0...Int64(Int32.max)))
            default: break
            }
        }
        // A topic that is only compacted keeps the newest record of each key, however old and however large it gets.
        if let policy = configuration["cleanup.policy"], policy.contains("compact"), !policy.contains("delete") {
            (retentionBytes, retentionMilliseconds) = (-1, -1)
        }
    }

    /// The configuration of a topic that as a whole stays under `total` bytes.
    ///
    /// Kafka's `retention.bytes` is per partition, and only whole segments go: a partition holds up to its retention and
    /// one segment more. So each partition's share is cut into eight segments, of which seven are retained.
    /// - Returns: `retention.bytes` and `segment.bytes`. Segments are at least 1 MiB, as Kafka demands; a share
    ///   under 2 MiB therefore cannot be kept to.
    package static func capped(total: Int64, partitions: Int) -> [String: String] {
        let share = max(2 << 20, total / Int64(max(1, partitions)))
        let segment = min(1 << 30, max(1 << 20, share / 8))
        return ["segment.bytes": "\(segment)", "retention.bytes": "\(share - segment)"]
    }

    private static func integer(
        _ name: String, _ text: String, _ range: ClosedRange<Int64>
    ) throws(SettingError) -> Int64 {
        guard let value = Int64(text), range.contains(value) else {
            throw SettingError(name: name, found: text, expected: "a whole number in \(range)")
        }
        return value
    }
}

/// A configuration value that cannot be meant.
package struct SettingError: Error, Hashable, CustomStringConvertible {
    package var name: String
    package var found: String
    package var expected: String

    package var description: String { "\(name): expected \(expected), found '\(found)'" }
}
