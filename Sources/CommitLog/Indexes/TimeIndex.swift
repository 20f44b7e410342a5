import Records

/// A segment's sparse index by time, in Kafka's form: 12-byte entries, big-endian, with strictly ascending timestamps.
/// ```
/// offset 0, size 8, the largest timestamp of the segment so far
/// offset 8, size 4, the last offset of the first batch that has it, less the segment's base offset
/// ```
/// The last entry of a closed segment has its largest timestamp; there is none if no record has a timestamp.
struct TimeIndex: RandomAccessCollection {
    struct Entry: Hashable, Sendable {
        /// Milliseconds since 1970.
        var timestamp: Int64
        var relativeOffset: Int32

        /// Before the first batch with a timestamp.
        static let none = Entry(timestamp: -1, relativeOffset: 0)
    }

    static let entrySize = 12

    /// Nothing but whole entries.
    let bytes: MappedBytes

    var startIndex: Int { 0 }
    var endIndex: Int { bytes.count / Self.entrySize }

    subscript(_ place: Int) -> Entry {
        Entry(
            timestamp: bytes.int64(at: place * Self.entrySize),
            relativeOffset: bytes.int32(at: place * Self.entrySize + 8))
    }

    /// Two entries that follow each other; the first is before a time or an offset, the second at or after it.
    struct Step: Hashable {
        var before: Entry?
        var after: Entry?
    }

    /// Where a time comes between the entries. The first batch with a record at or after it is the one that the entry
    /// after it names, or one between that and the last offset entry below it.
    /// - Throws: if the entries that were looked at do not ascend.
    func step(at timestamp: Int64) throws(IndexFault) -> Step {
        var before = Entry.none
        var after: Entry?
        var places = 0..<count
        while !places.isEmpty {
            let middle = (places.lowerBound + places.upperBound) / 2
            let entry = self[middle]
            guard before.precedes(entry), after.map({ entry.precedes($0) }) ?? true else {
                throw IndexFault("entry \(middle) of \(count) is out of order")
            }
            if entry.timestamp >= timestamp {
                places = places.lowerBound..<middle
                after = entry
            } else {
                places = middle + 1..<places.upperBound
                before = entry
            }
        }
        return Step(before: places.lowerBound == 0 ? nil : before, after: after)
    }

    /// As ``step(at:)``, of entries in memory.
    static func step(in entries: [Entry], at timestamp: Int64) -> Step {
        let place = firstPlace(in: 0..<entries.count) { entries[$0].timestamp >= timestamp }
        return Step(
            before: place == 0 ? nil : entries[place - 1], after: place == entries.count ? nil : entries[place])
    }

    /// The last of some entries below an offset, and the one after it.
    static func step(in entries: some RandomAccessCollection<Entry>, below relativeOffset: Int64) -> Step {
        func entry(_ place: Int) -> Entry { entries[entries.index(entries.startIndex, offsetBy: place)] }
        let place = firstPlace(in: 0..<entries.count) { Int64(entry($0).relativeOffset) >= relativeOffset }
        return Step(before: place == 0 ? nil : entry(place - 1), after: place == entries.count ? nil : entry(place))
    }

    /// Whether all entries can be those of a log: ascending, and within its offsets.
    /// - Parameter offsets: how many the segment has, from its base on.
    func isSane(offsets: Int64) -> Bool {
        var last = Entry.none
        for place in 0..<count {
            guard last.precedes(self[place]) else { return false }
            last = self[place]
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

extension TimeIndex.Entry {
    /// Whether the other may stand behind this one.
    func precedes(_ other: Self) -> Bool { timestamp < other.timestamp && relativeOffset <= other.relativeOffset }
}
