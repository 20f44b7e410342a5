import Records

/// Decides, batch by batch and as Kafka does, what a segment's two indexes say. The same for appending, for reading a log
/// back, for compaction and for repair, so that an index that was lost is made again as it was.
///
/// An offset entry is made for a batch when more than `index.interval.bytes` were appended since the batch of the last
/// entry began; so never for a segment's first. A time entry is made at the same moments, and once more when the segment
/// is closed, if the largest timestamp has grown since the last one.
struct IndexBuilder: Sendable {
    /// Of the segment.
    let base: Offset
    /// `index.interval.bytes`
    var interval: Int64
    /// Entries that are not in the files yet, in order.
    private(set) var offsets: [OffsetIndex.Entry] = []
    private(set) var times: [TimeIndex.Entry] = []
    /// How many entries the files have.
    private(set) var written = Counts()
    /// The largest timestamp so far, and where it came first.
    private(set) var largest = TimeIndex.Entry.none
    /// Timestamp of the last time entry.
    private var lastTime = TimeIndex.Entry.none.timestamp
    private var sinceLastEntry: Int64 = 0

    struct Counts: Hashable, Sendable {
        var offsets = 0
        var times = 0
    }

    init(base: Offset, interval: Int64) {
        self.base = base
        self.interval = interval
    }

    /// Goes on behind entries that the files have. The next batch to be taken is the one that the last offset entry names,
    /// the segment's first if there is none: it gets no second entry.
    init(base: Offset, interval: Int64, written: Counts, lastTime: TimeIndex.Entry) {
        self.init(base: base, interval: interval)
        self.written = written
        self.largest = lastTime
        self.lastTime = lastTime.timestamp
    }

    /// Entries in the files and to come.
    var offsetCount: Int { written.offsets + offsets.count }
    var timeCount: Int { written.times + times.count }

    /// Takes note of the next batch.
    /// - Parameter position: where it begins in the segment's file.
    mutating func take(position: Int64, size: Int, lastOffset: Offset, maxTimestamp: Int64) {
        // What does not fit into an entry does not belong into the segment either: whoever walks a log says so.
        guard let relative = Int32(exactly: lastOffset - base), let place = Int32(exactly: position) else { return }
        if maxTimestamp > largest.timestamp {
            largest = TimeIndex.Entry(timestamp: maxTimestamp, relativeOffset: relative)
        }
        if sinceLastEntry > interval {
            offsets.append(OffsetIndex.Entry(relativeOffset: relative, position: place))
            noteTime()
            sinceLastEntry = 0
        }
        sinceLastEntry += Int64(size)
    }

    /// What the last time entry would be if nothing came any more; nil if it stands there already.
    var openTime: TimeIndex.Entry? { largest.timestamp > lastTime ? largest : nil }

    /// Adds the last time entry of a segment to which nothing is appended for now.
    mutating func finish() { noteTime() }

    private mutating func noteTime() {
        guard let openTime else { return }
        times.append(openTime)
        lastTime = openTime.timestamp
    }

    /// Takes over the entries of an index that was made anew, instead of those in the files: all of them are to be written.
    /// - Parameter end: up to where the log was read for it.
    /// - Parameter next: the offset there.
    mutating func replaceWritten(by remade: IndexBuilder, upTo end: Int64, next: Offset) {
        // What it had before that may come from the wrong index.
        if base + Int64(largest.relativeOffset) < next || remade.largest.timestamp >= largest.timestamp {
            largest = remade.largest
        }
        offsets = remade.offsets + offsets.filter { Int64($0.position) >= end }
        let known = remade.times.last?.timestamp ?? TimeIndex.Entry.none.timestamp
        times = remade.times + times.filter { $0.timestamp > known }
        lastTime = times.last?.timestamp ?? TimeIndex.Entry.none.timestamp
        written = Counts()
    }

    /// Lets go of the entries that were written to the files.
    mutating func markWritten(_ count: Counts) {
        written.offsets += count.offsets
        written.times += count.times
        // Not removeFirst: an idle segment is to keep no room.
        offsets = Array(offsets.dropFirst(count.offsets))
        times = Array(times.dropFirst(count.times))
    }
}

extension IndexBuilder {
    mutating func take(_ batch: ScannedBatch) {
        take(
            position: batch.position, size: batch.size, lastOffset: batch.lastOffset,
            maxTimestamp: batch.maxTimestamp)
    }
}
