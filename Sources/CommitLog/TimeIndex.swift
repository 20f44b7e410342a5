import Records

/// A segment's sparse index by time, in Kafka's form: 12-byte entries, big-endian, with strictly ascending timestamps.
/// ```
/// offset 0, size 8, the largest timestamp of the segment so far
/// offset 8, size 4, the last offset of the first batch that has it, less the segment's base offset
/// ```
/// The last entry of a closed segment has its largest timestamp; there is none if no record has a timestamp.
struct TimeIndex {
    struct Entry: Hashable, Sendable {
        /// Milliseconds since 1970.
        var timestamp: Int64
        var relativeOffset: Int32

        /// Before the first batch with a timestamp.
        static let none = Entry(timestamp: -1, relativeOffset: 0)
    }

    static let entrySize = 12

    /// What stands in the file: nothing but whole entries.
    var written = MappedBytes.empty
    /// What comes after it and is not in the file yet.
    var tail: [Entry] = []

    var count: Int { written.count / Self.entrySize + tail.count }

    subscript(_ place: Int) -> Entry {
        let inFile = written.count / Self.entrySize
        guard place < inFile else { return tail[place - inFile] }
        return Entry(
            timestamp: written.int64(at: place * Self.entrySize),
            relativeOffset: written.int32(at: place * Self.entrySize + 8))
    }

    var last: Entry? { count == 0 ? nil : self[count - 1] }

    /// The first entry at or after a time. The first batch with such a record is the one that it names, or one between
    /// that and the last offset entry below it.
    func entry(atOrAfter timestamp: Int64) -> Entry? {
        let place = firstPlace(in: 0..<count) { self[$0].timestamp >= timestamp }
        return place == count ? nil : self[place]
    }

    /// Whether the entries can be those of a log: ascending, and within its offsets.
    /// - Parameter offsets: how many the segment has, from its base on.
    func isSane(offsets: Int64) -> Bool {
        var last = Entry.none
        for place in 0..<count {
            let entry = self[place]
            guard entry.timestamp > last.timestamp, entry.relativeOffset >= last.relativeOffset else { return false }
            last = entry
        }
        return count == 0 || Int64(last.relativeOffset) < offsets
    }

    static func encode(_ entries: some Collection<Entry>) -> [UInt8] {
        var writer = ByteWriter(reserving: entries.count * entrySize)
        for entry in entries {
            writer.write(entry.timestamp)
            writer.write(entry.relativeOffset)
        }
        return writer.bytes
    }
}
