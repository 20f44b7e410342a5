import Records

extension IndexBuilder {
    /// Where to go on reading a segment's log, and with which indexes.
    struct Resumption {
        var builder: IndexBuilder
        /// A batch border at or below the offset that was asked for: the batches from here on are to be taken.
        var position: Int64
        /// The offset that the batch there has at most; the segment's base if the segment is to be read from its beginning.
        var offset: Offset
    }

    /// Goes on with what a segment's index files say about offsets below `end`, whatever they say beyond; the builder
    /// overwrites that. Looks at two entries for each doubling of the index, and at the headers of the batches that the last
    /// two name.
    ///
    /// - Parameter end: up to here the segment's log and its indexes were made durable.
    /// - Parameter size: of the log file.
    /// - Returns: nil if the files are missing or say what cannot be: the indexes are to be made again from the beginning.
    static func resume(
        stem: String, base: Offset, below end: Offset, size: Int64, interval: Int64, disk: Disk
    ) throws(DiskError) -> Resumption? {
        guard let offsetBytes = try wholeEntries(of: stem + Segment.indexSuffix, OffsetIndex.entrySize, disk),
            let timeBytes = try wholeEntries(of: stem + Segment.timeIndexSuffix, TimeIndex.entrySize, disk)
        else { return nil }
        let offsets = OffsetIndex(bytes: offsetBytes)
        let times = TimeIndex(bytes: timeBytes)
        let counts = Counts(
            offsets: firstPlace(in: 0..<offsets.count) { base + Int64(offsets[$0].relativeOffset) >= end },
            times: firstPlace(in: 0..<times.count) { base + Int64(times[$0].relativeOffset) >= end })
        let lastTime = counts.times == 0 ? .none : times[counts.times - 1]
        guard counts.times == 0 || lastTime.timestamp >= 0 && lastTime.relativeOffset >= 0 else { return nil }
        let builder = IndexBuilder(base: base, interval: interval, written: counts, lastTime: lastTime)
        if counts.times > 0 {
            // It becomes the largest time of the segment, which retention and searches by time go by.
            let place = firstPlace(in: 0..<counts.offsets) { offsets[$0].relativeOffset > lastTime.relativeOffset }
            let start = place == 0 ? 0 : Int64(offsets[place - 1].position)
            guard start >= 0, start < size, try lastTime.isThere(stem + ".log", base, from: start, to: size, disk)
            else {
                return nil
            }
        }
        guard counts.offsets > 0 else { return Resumption(builder: builder, position: 0, offset: base) }
        let last = offsets[counts.offsets - 1]
        let offset = base + Int64(last.relativeOffset)
        guard last.relativeOffset >= 0, last.position > 0, Int64(last.position) < size else { return nil }
        let log = try disk.open(stem + ".log", .read)
        var scanner = BatchScanner(log, from: Int64(last.position), to: size, checksCRC: false)
        guard case .batch(let batch) = try scanner.next(), batch.baseOffset >= base, batch.baseOffset <= offset else {
            return nil
        }
        return Resumption(builder: builder, position: Int64(last.position), offset: offset)
    }

    /// nil if the file is missing, or does not end with an entry.
    private static func wholeEntries(
        of path: String, _ entrySize: Int, _ disk: Disk
    ) throws(DiskError) -> MappedBytes? {
        do throws(DiskError) {
            let file = try disk.open(path, .read)
            let size = try file.status().size
            guard size % Int64(entrySize) == 0, let length = Int(exactly: size) else { return nil }
            guard length <= Disk.fewBytes else { return try file.map(length: length) }
            return MappedBytes(copying: try file.readBytes(at: 0, count: length))
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }
}

extension TimeIndex.Entry {
    /// Whether a batch at or behind a border of a log has the offset and the time.
    fileprivate func isThere(
        _ path: String, _ base: Offset, from start: Int64, to size: Int64, _ disk: Disk
    ) throws(DiskError) -> Bool {
        let offset = base + Int64(relativeOffset)
        var scanner = BatchScanner(try disk.open(path, .read), from: start, to: size, checksCRC: false)
        while case .batch(let batch) = try scanner.next(), batch.baseOffset <= offset {
            if batch.lastOffset >= offset { return batch.maxTimestamp == timestamp }
        }
        return false
    }
}
