import Glibc
import Platform
import Records

/// The writing side of a partition; whoever holds its lock is the one writer.
///
/// An append goes in three steps: ``prepare(_:epoch:now:)`` decides everything and may roll, ``write(_:)`` writes the
/// bytes, and only ``commit(_:)`` changes what anyone can see. Between the last two, ``cutBack(_:)`` undoes.
final class PartitionWriter {
    let name: String
    let directory: String
    private let files: FileCache
    var disk: Disk { files.disk }
    private var settings: Shared<TopicSettings>
    let ledger: SyncLedger
    private let view: Lock<Partition.View>
    private(set) var active: Segment
    var producers: ProducerTable
    private var stable = StableOffset()
    /// Entries in the active segment's transaction index before an append that is not committed yet wrote one.
    var abortedBefore: Int?
    /// The end that the newest snapshot of the producers reaches.
    var snapshotEnd: Offset?
    /// Snapshots that are no segment's own, in order.
    var looseSnapshots: [Offset]
    private(set) var epochs: LeaderEpochs
    /// The file beside the log does not have all of ``epochs``.
    private var epochsChanged: Bool
    /// The log's end when its state was last written.
    private var stateEnd: Offset
    /// It was written for a stop.
    private var stateIsLast: Bool
    private(set) var logEnd: Offset
    /// Bytes of the active segment.
    private var size: Int64
    /// Of the last append; none before the first.
    private var lastAppend = CommitTicket.none
    private(set) var isDeleted = false
    /// When the active segment was begun, or written to by the first who knew the time: milliseconds since 1970.
    private var begun: Int64?
    /// Of this partition's ``SegmentJitter``.
    private let jitterSeed: UInt64
    let offline: String?
    /// Segments begun since the partition was opened.
    private(set) var rolls = 0

    init(_ parts: Partition.Parts, view: Lock<Partition.View>) {
        name = "\(parts.topicName)-\(parts.index)"
        directory = parts.directory
        files = parts.files
        settings = parts.settings
        ledger = parts.ledger
        self.view = view
        active = parts.segments[parts.segments.count - 1]
        producers = parts.producers
        jitterSeed = parts.topicID.low &+ UInt64(UInt32(bitPattern: parts.index))
        snapshotEnd = parts.snapshotEnd
        let bases = Set(parts.segments.map(\.base))
        looseSnapshots = parts.snapshots.filter { !bases.contains($0) }.sorted()
        offline = parts.offline
        epochs = parts.epochs
        epochsChanged = parts.epochsChanged
        stateEnd = parts.recoveryPoint
        stateIsLast = parts.wasClean
        logEnd = active.nextOffset
        size = active.size
    }

    /// The sequence number that a round's batch must have here. A producer that is unknown, or comes with a higher epoch,
    /// begins anew.
    func expectedSequence(_ header: BatchHeader) -> Int32 {
        producers.entries[header.producerId] == nil
            ? header.baseSequence : producers.nextSequence(header.producerId, epoch: header.producerEpoch)
    }

    /// An append that is decided and not yet visible.
    struct Pending {
        let batches: [EncodedBatch]
        let file: any DiskFile
        /// Where the bytes go, and where the segment ends after them.
        let start: Int64
        let end: Int64
        let base: Offset
        let next: Offset
        let maxTimestamp: Int64
        /// As the last batch's header has it.
        let crc: UInt32
        /// The transaction that it aborts.
        let aborted: AbortedTransaction?
    }

    /// Decides where batches go and stamps them. Nothing is written but what a roll makes: an empty segment.
    ///
    /// - Parameter batches: at least one.
    /// - Parameter now: milliseconds since 1970, for `segment.ms` where records have no timestamps; nil leaves that out.
    func prepare(_ batches: [EncodedBatch], epoch: Int32, now: Int64? = nil) throws(StorageError) -> Pending {
        if let offline { throw StorageError("write \(name)", .offline(partition: name, reason: offline)) }
        guard !isDeleted else {
            throw StorageError("write \(name)", .deleted(topic: PartitionPlace.parse(name)?.topic ?? name))
        }
        var bytes: Int64 = 0
        var records: Int64 = 0
        var maxTimestamp: Int64 = -1
        for batch in batches {
            bytes += Int64(batch.size)
            records += Int64(batch.header.lastOffsetDelta) + 1
            maxTimestamp = max(maxTimestamp, batch.header.maxTimestamp)
        }
        guard bytes <= Int64(Int32.max) else {
            throw StorageError("write \(name)", .tooLarge(size: Int(bytes), limit: Int(Int32.max)))
        }
        return try storing("write \(name)") { () throws(DiskError) in
            if begun == nil { begun = now }
            if try mustRoll(bytes: bytes, records: records, maxTimestamp: maxTimestamp, now: now) {
                try roll()
                begun = now
            }
            if epochs.note(epoch, at: logEnd) { epochsChanged = true }
            var next = logEnd
            for batch in batches {
                batch.stamp(baseOffset: next, leaderEpoch: epoch)
                next = batch.header.nextOffset
            }
            return Pending(
                batches: batches, file: try active.file(), start: size, end: size + bytes, base: logEnd, next: next,
                maxTimestamp: maxTimestamp, crc: batches[batches.count - 1].header.crc,
                aborted: aborted(by: batches))
        }
    }

    /// Writes the bytes of a prepared append: one system call if the disk takes them at once.
    func write(_ pending: Pending) throws(DiskError) {
        let batches = pending.batches
        // Safety: the vectors point into the batches, whose bytes do not move, and which `pending` keeps alive.
        try unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: batches.count) {
            (vectors) throws(DiskError) in
            for (place, batch) in batches.enumerated() {
                unsafe batch.withUnsafeBytes { raw in
                    let base = unsafe UnsafeMutableRawPointer(mutating: raw.baseAddress)
                    unsafe vectors.initializeElement(at: place, to: iovec(iov_base: base, iov_len: raw.count))
                }
            }
            defer { withExtendedLifetime(pending) {} }
            try unsafe pending.file.writeAll(vectors, at: pending.start)
        }
        if let aborted = pending.aborted { try noteAborted(aborted) }
    }

    /// Takes away whatever a failed ``write(_:)`` left in the file.
    func cutBack(_ pending: Pending) throws(DiskError) {
        try forgetAborted()
        try pending.file.truncate(to: pending.start)
        // What the cut took may be on the disk already: the shorter length must get there too.
        ledger.touch(pending.file, bytes: 0)
    }

    /// Makes a written append visible.
    func commit(_ pending: Pending) {
        for batch in pending.batches {
            let marker = batch.header.isControl ? TransactionMarker(batch) : nil
            if let ended = producers.record(batch.header, marker) { stable.note(ended) }
        }
        settleAborted()
        active.extend(pending.batches, at: pending.start)
        size = pending.end
        logEnd = pending.next
        ledger.touch(pending.file, bytes: pending.end - pending.start)
    }

    /// Lets readers know the end of the log, the last step of a commit, and see up to it unless a pass is to come first.
    func publish(_ ticket: CommitTicket) {
        lastAppend = ticket
        view.withLock { $0.logEnd = logEnd }
        if ledger.visibility == .written { reveal(mark) }
    }

    /// The log's end, for ``reveal(_:)``.
    var mark: Partition.Mark {
        Partition.Mark(end: logEnd, place: Partition.Place(segment: active.base, bytes: size))
    }

    /// Moves the high watermark forward.
    func reveal(_ mark: Partition.Mark) {
        view.withLock { view in
            guard mark.end > view.highWatermark else { return }
            view.highWatermark = mark.end
            view.lastStable = stable.offset(highWatermark: mark.end, open: producers.transactions)
            view.visible = mark.place
        }
    }

    // MARK: - Segments

    private func mustRoll(bytes: Int64, records: Int64, maxTimestamp: Int64, now: Int64?) throws(DiskError) -> Bool {
        guard size > 0 else { return false }
        if size > settings.segmentBytes - bytes { return true }
        if size + bytes > Int64(Int32.max) { return true }
        if logEnd + records - 1 - active.base > Int64(Int32.max) { return true }
        if isIndexFull { return true }
        let limit = settings.value.segmentLifetime - settings.value.jitter(of: active.base, seed: jitterSeed)
        // Like Kafka by the records' clock, and by ours only where they have none.
        if let first = try active.firstTimestamp(), first >= 0 { return maxTimestamp - first > limit }
        guard let now, let begun else { return false }
        let (waited, overflow) = now.subtractingReportingOverflow(begun)
        return !overflow && waited > limit
    }

    /// No room in the offset index, or but one place in the time index, which the last entry is to have.
    private var isIndexFull: Bool {
        let counts = active.indexCounts
        let bytes = settings.segmentIndexBytes
        return Int64(counts.offsets) >= bytes / Int64(OffsetIndex.entrySize)
            || Int64(counts.times) >= bytes / Int64(TimeIndex.entrySize) - 1
    }

    /// Lets go of the room that was taken for the active segment and not used. The disk is asked whether there is some: the
    /// setting may have been another when the segment was begun.
    private func giveRoomBack() throws(DiskError) {
        guard size > 0, try disk.status(active.logPath).allocated > size + Self.unusedBytes else { return }
        let file = try active.file()
        try file.truncate(to: size)
        ledger.touch(file, bytes: 0)
    }

    /// A file ends within a block of the disk in any case.
    private static var unusedBytes: Int64 { 4096 }

    /// Closes the active segment and begins the next at the end of the log.
    func roll() throws(DiskError) {
        try giveRoomBack()
        let indexes = try active.writeIndexes(isLast: true)
        // One that a checkpoint left there may be what an opening builds on: it stays, and is the next segment's own now.
        if snapshotEnd != logEnd { try writeSnapshot() }
        looseSnapshots.removeAll { $0 == logEnd }
        let stem = Segment.stem(directory, logEnd)
        // The last thing that can fail. One that a failed roll left is empty, and one that is left is ignored when the
        // log is read back, since what is before it reaches beyond its base.
        let file = try disk.open(stem + ".log", .create)
        settings.value.preallocate(file)
        active.close(at: ledger.latest)
        rolls += 1
        let next = Segment(
            growing: IndexBuilder(base: logEnd, interval: settings.indexIntervalBytes), in: directory, size: 0,
            nextOffset: logEnd, files: files)
        next.adopt(file)
        for index in indexes { ledger.touch(index, bytes: 0) }
        ledger.touch(file, bytes: 0)
        ledger.touch(directory: directory)
        active = next
        size = 0
        view.withLock { view in
            view.segments.append(next)
            // The same place, where it is the end.
            if view.highWatermark == next.base { view.visible = Partition.Place(segment: next.base, bytes: 0) }
        }
    }

    /// Writes everything beside the log that an opening needs, so that it reads nothing below the log's end. Without an
    /// effect if that was done for this end already.
    /// - Parameter isLast: for a clean stop.
    /// - Returns: the log's end, which may be called a recovery point once the epochs, if there are any, have taken the place
    ///   of those beside the log, and a pass has begun after that and ended.
    func writeState(isLast: Bool) throws(DiskError) -> (end: Offset, epochs: LeaderEpochs?) {
        let isWritten = stateEnd == logEnd && !epochsChanged && (stateIsLast || !isLast)
        guard !isDeleted, !isWritten else { return (logEnd, nil) }
        try writeProducers()
        if isLast { try giveRoomBack() }
        for index in try active.writeIndexes(isLast: isLast) { ledger.touch(index, bytes: 0) }
        stateIsLast = isLast
        ledger.touch(directory: directory)
        stateEnd = logEnd
        defer { epochsChanged = false }
        return (logEnd, epochsChanged ? epochs : nil)
    }

    /// The epochs that ``writeState(isLast:)`` gave did not get beside the log.
    func keepEpochs() { epochsChanged = true }

    /// Goes by other settings from the next append on.
    func apply(_ settings: Shared<TopicSettings>) {
        self.settings = settings
        active.setIndexInterval(settings.indexIntervalBytes)
        view.withLock { $0.settings = settings }
    }

    /// Takes the oldest segments out of the log; the active one is rolled first if it is to go.
    /// - Parameter expires: asked for each segment, with the one after it and the bytes of it and all after it; false keeps
    ///   it and the rest.
    /// - Returns: the segments taken out, whose files are still there.
    func trim(
        while expires: (Segment, _ next: Segment?, _ total: Int64) throws(DiskError) -> Bool
    ) throws(DiskError) -> [Segment] {
        let (segments, highWatermark) = view.withLock { ($0.segments, $0.highWatermark) }
        var total = segments.reduce(0) { $0 + $1.size }
        var count = 0
        while count < segments.count {
            let isActive = count == segments.count - 1
            guard !isActive || segments[count].size > 0, segments[count].nextOffset <= highWatermark,
                try expires(segments[count], isActive ? nil : segments[count + 1], total)
            else { break }
            // What a power loss could take is not deleted.
            guard ledger.isSynced(isActive ? lastAppend : segments[count].closedAt) else { break }
            total -= segments[count].size
            count += 1
        }
        guard count > 0 else { return [] }
        if count == segments.count {
            do throws(DiskError) { try roll() } catch {
                // On a full disk the others give it room.
                guard count > 1 else { throw error }
                count -= 1
            }
        }
        let start = view.withLock { view in
            view.segments.removeFirst(count)
            view.logStart = max(view.logStart, view.segments[0].base)
            return view.logStart
        }
        if epochs.trim(before: start) { epochsChanged = true }
        for segment in segments[..<count] { segment.retire() }
        return Array(segments[..<count])
    }

    /// Lets the log begin at an offset up to the high watermark, inside of a segment or not; never earlier than it does.
    /// - Returns: where it begins now.
    func begin(at offset: Offset) -> Offset {
        let start = view.withLock { view in
            view.logStart = max(view.logStart, min(offset, view.highWatermark))
            return view.logStart
        }
        if epochs.trim(before: start) { epochsChanged = true }
        return start
    }

    /// Puts segments in the place of others, which have the same records or fewer, and the same offsets: what compaction
    /// made. Readers go over to them, and are never made to wait; what was lent of the old ones stays readable.
    ///
    /// The new ones are held (``Segment/hold()``) and durable, under names of their own. After this the old files may be
    /// renamed, and the new ones given their names; then ``Segment/settle()`` them.
    /// - Returns: whether it was done. Not if the old ones are no longer there in a row, because retention deleted some, or
    ///   if the last of them is written to.
    func replace(_ old: [Segment], with new: [Segment]) -> Bool {
        guard !isDeleted, let first = old.first, let firstNew = new.first, firstNew.base <= first.base else {
            return false
        }
        let isDone = view.withLock { view in
            guard let start = view.segments.firstIndex(where: { $0 === first }) else { return false }
            let end = start + old.count
            guard end < view.segments.count, view.segments[start..<end].elementsEqual(old, by: ===) else {
                return false
            }
            view.segments.replaceSubrange(start..<end, with: new)
            return true
        }
        if isDone { for segment in old { segment.retire() } }
        return isDone
    }

    /// From now on nothing is written, and readers are told.
    func markDeleted() {
        isDeleted = true
        let segments = view.withLock { view in
            view.isDeleted = true
            return view.segments
        }
        // Another topic may get their names.
        for segment in segments { segment.retire() }
    }
}
