import Platform
package import Records

/// One partition of a topic: a directory of segments, with one writer at a time and any number of readers.
///
/// Readers see what is committed: they never wait for a writer, and what they were lent stays readable while segments
/// roll or are deleted.
package final class Partition: Sendable {
    package let topicName: String
    package let topicID: TopicID
    package let index: Int32
    /// Why it can be neither read nor written until the data directory is opened anew; nil for one that is served.
    package let offline: String?
    let directory: String
    let files: FileCache
    var disk: Disk { files.disk }
    let ledger: SyncLedger
    /// The leader epoch of this opening of the data directory.
    package let leaderEpoch: Int32
    let writer: Lock<PartitionWriter>
    let view: Lock<View>
    let housekeeping = Housekeeping()

    /// What readers see.
    struct View {
        /// In order of base offset, at least one; the last is written to.
        var segments: [Segment]
        /// The first offset that can be read. It may lie inside the first segment.
        var logStart: Offset
        /// The offset of the next record.
        var logEnd: Offset
        /// The end of what readers see.
        var highWatermark: Offset
        /// The first offset of an open transaction: what lies below is for readers of committed records. The high
        /// watermark if there is none. May lie below the log's start.
        var lastStable: Offset
        /// Where the high watermark lies: the base offset of its segment, and bytes in there.
        var visible: Place
        var settings: Shared<TopicSettings>
        /// Below it everything is durable and needs no reading when the log is opened: as the checkpoint on disk has it.
        var recoveryPoint: Offset
        var isDeleted = false
    }

    /// An end of the log, as bytes.
    struct Place: Sendable {
        /// The base offset of the segment.
        var segment: Offset
        var bytes: Int64
    }

    /// An end of the log that is to become the high watermark.
    struct Mark: Sendable {
        var end: Offset
        var place: Place
    }

    init(_ parts: Parts) {
        topicName = parts.topicName
        topicID = parts.topicID
        index = parts.index
        offline = parts.offline
        directory = parts.directory
        files = parts.files
        ledger = parts.ledger
        leaderEpoch = parts.leaderEpoch
        let last = parts.segments[parts.segments.count - 1]
        let end = last.nextOffset
        let view = Lock(
            View(
                segments: parts.segments, logStart: min(end, max(parts.logStart, parts.segments[0].base)), logEnd: end,
                highWatermark: end, lastStable: parts.producers.transactions.first ?? end,
                visible: Place(segment: last.base, bytes: last.size),
                settings: parts.settings, recoveryPoint: parts.recoveryPoint))
        self.view = view
        writer = Lock(PartitionWriter(parts, view: view))
    }

    /// What a partition is made of when it is opened.
    struct Parts: Sendable {
        var topicName: String
        var topicID: TopicID
        var index: Int32
        var settings: Shared<TopicSettings>
        var directory: String
        var files: FileCache
        var ledger: SyncLedger
        var leaderEpoch: Int32
        /// At least one; the last is open for appending.
        var segments: [Segment]
        /// From the checkpoint; lower than the first segment's base says nothing.
        var logStart: Offset = 0
        var producers: ProducerTable
        /// The end that the snapshot reaches which `producers` equals, if there is such a one.
        var snapshotEnd: Offset?
        /// All snapshots in the directory, by the ends that they reach.
        var snapshots: [Offset] = []
        var epochs: LeaderEpochs
        /// The file beside the log does not have all of them.
        var epochsChanged = false
        /// As the checkpoint has it; the state beside the log is that of this end.
        var recoveryPoint: Offset = 0
        /// It was written for a clean stop.
        var wasClean = false
        /// Why it is served to nobody; there is nothing in it then.
        var offline: String?
    }

    /// The first offset that can be read.
    package var logStart: Offset { view.withLock { $0.logStart } }
    /// The end of what readers see.
    package var highWatermark: Offset { view.withLock { $0.highWatermark } }
    /// The offset of the next record. Equal to the high watermark unless that waits for passes (``Visibility/synced``).
    package var logEnd: Offset { view.withLock { $0.logEnd } }
    /// The end of what a reader of committed records sees.
    package var lastStable: Offset { view.withLock { max($0.lastStable, $0.logStart) } }
    /// As they are now: they change while the partition is written to and read.
    package var settings: TopicSettings { view.withLock { $0.settings }.value }
    /// Bytes of all segments' records.
    package var size: Int64 {
        view.withLock { $0.segments.reduce(0) { $0 + $1.size } }
    }
    /// Below it everything was durable when the last checkpoint was left: what is compacted lies below.
    package var recoveryPoint: Offset { view.withLock { $0.recoveryPoint } }
    /// Takes note of a checkpoint that stands.
    func checkpointed(at offset: Offset) { view.withLock { $0.recoveryPoint = offset } }
    /// Whether the topic was deleted.
    package var isDeleted: Bool { view.withLock { $0.isDeleted } }

    /// Goes by other settings from the next append on. Waits for an append that is under way.
    func apply(_ settings: Shared<TopicSettings>) {
        writer.withLock { $0.apply(settings) }
    }

    /// The sequence number of a producer's last batch here, nil if it is unknown.
    package func lastSequence(producerId: Int64) -> Int32? {
        writer.withLock { $0.producers.lastSequence(producerId) }
    }

    /// The sequence number that a producer's next batch must begin with; 0 if nothing is known of it in this epoch.
    package func nextSequence(producerId: Int64, epoch: Int16) -> Int32 {
        writer.withLock { $0.producers.nextSequence(producerId, epoch: epoch) }
    }

    /// Where a leader epoch ended (OffsetForLeaderEpoch): the largest epoch at or below the one asked for, and the offset
    /// after its last record; -1 and -1 if that is not known.
    package func epochEnd(for epoch: Int32) -> (epoch: Int32, endOffset: Offset) {
        let result = writer.withLock { $0.epochs.end(of: epoch, current: leaderEpoch, logEnd: $0.logEnd) }
        return (result.epoch, result.end)
    }

    /// Throws if the partition is served to nobody.
    func checkOnline(_ operation: @autoclosure () -> String) throws(StorageError) {
        if let offline { throw StorageError(operation(), .offline(partition: name, reason: offline)) }
    }

    /// `t-0`, as the directory is called.
    var name: String { "\(topicName)-\(index)" }

    /// The fixed order in which several writers are held: no two threads wait for each other.
    func isOrdered(before other: Partition) -> Bool {
        if topicID.high != other.topicID.high { return topicID.high < other.topicID.high }
        if topicID.low != other.topicID.low { return topicID.low < other.topicID.low }
        return index < other.index
    }
}
