import Records

/// A segment's sparse index, in Kafka's form: 8-byte entries in ascending order, big-endian.
/// ```
/// offset 0, size 4, the last offset of a batch, less the segment's base offset
/// offset 4, size 4, where that batch begins in the segment's file
/// ```
/// Which batches get an entry is decided by ``IndexBuilder``.
struct OffsetIndex {
    struct Entry: Hashable, Sendable {
        var relativeOffset: Int32
        var position: Int32
    }

    static let entrySize = 8

    /// What stands in the file: nothing but whole entries.
    var written = MappedBytes.empty
    /// What comes after it and is not in the file yet.
    var tail: [Entry] = []

    var count: Int { written.count / Self.entrySize + tail.count }

    subscript(_ place: Int) -> Entry {
        let inFile = written.count / Self.entrySize
        guard place < inFile else { return tail[place - inFile] }
        return Entry(
            relativeOffset: written.int32(at: place * Self.entrySize),
            position: written.int32(at: place * Self.entrySize + 4))
    }

    /// Where to begin the search for an offset: the last entry at or below it.
    func entry(atOrBefore relativeOffset: Int64) -> Entry? {
        let place = firstPlace(in: 0..<count) { Int64(self[$0].relativeOffset) > relativeOffset }
        return place == 0 ? nil : self[place - 1]
    }

    /// The last batch border that is known at or before a position.
    func entry(atOrBeforePosition position: Int64) -> Entry? {
        let place = firstPlace(in: 0..<count) { Int64(self[$0].position) > position }
        return place == 0 ? nil : self[place - 1]
    }

    /// Whether the entries can be those of a log: ascending, and within its offsets and bytes.
    /// - Parameter offsets: how many the segment has, from its base on.
    func isSane(offsets: Int64, bytes: Int64) -> Bool {
        // Nobody makes an entry for the first batch, so nulls that a crash left never pass for one.
        var last = Entry(relativeOffset: -1, position: 0)
        for place in 0..<count {
            let entry = self[place]
            guard entry.relativeOffset > last.relativeOffset, entry.position > last.position else { return false }
            last = entry
        }
        return Int64(last.relativeOffset) < offsets && Int64(last.position) < max(1, bytes)
    }

    static func encode(_ entries: some Collection<Entry>) -> [UInt8] {
        var writer = ByteWriter(reserving: entries.count * entrySize)
        for entry in entries {
            writer.write(entry.relativeOffset)
            writer.write(entry.position)
        }
        return writer.bytes
    }
}

/// Binary search for the first place that `isBeyond` holds for; it must hold for all after it.
func firstPlace(in range: Range<Int>, _ isBeyond: (Int) -> Bool) -> Int {
    var low = range.lowerBound
    var high = range.upperBound
    while low < high {
        let middle = (low + high) / 2
        if isBeyond(middle) { high = middle } else { low = middle + 1 }
    }
    return low
}
