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

    /// Nothing but whole entries.
    let bytes: MappedBytes

    var count: Int { bytes.count / Self.entrySize }

    subscript(_ place: Int) -> Entry {
        Entry(
            relativeOffset: bytes.int32(at: place * Self.entrySize),
            position: bytes.int32(at: place * Self.entrySize + 4))
    }

    /// Two entries that follow each other: the last at or below what is looked for, and the one after it.
    struct Bracket: Hashable {
        var below: Entry?
        var above: Entry?
        /// So far apart that what lies between is large batches rather than many.
        var isWide = false

        init(below: Entry?, isWide: Bool = false) {
            self.below = below
            self.isWide = isWide
        }

        init(below: Entry?, above: Entry?) {
            self.below = below
            self.above = above
            guard let above else { return }
            isWide = Int64(above.position) - Int64(below?.position ?? 0) > 2 * Int64(BatchScanner.headerWindow)
        }
    }

    /// Where to search for an offset.
    /// - Throws: if the entries that were looked at do not ascend.
    func bracket(of relativeOffset: Int64) throws(IndexFault) -> Bracket {
        try bracket { Int64($0.relativeOffset) > relativeOffset }
    }

    /// The batch borders that are known around a position.
    func bracket(ofPosition position: Int64) throws(IndexFault) -> Bracket {
        try bracket { Int64($0.position) > position }
    }

    private func bracket(_ isBeyond: (Entry) -> Bool) throws(IndexFault) -> Bracket {
        // Nobody makes an entry for the first batch, so nulls that a crash left never pass for one.
        var below = Entry(relativeOffset: -1, position: 0)
        var above: Entry?
        var places = 0..<count
        while !places.isEmpty {
            let middle = (places.lowerBound + places.upperBound) / 2
            let entry = self[middle]
            guard below < entry, above.map({ entry < $0 }) ?? true else {
                throw IndexFault("entry \(middle) of \(count) is out of order")
            }
            if isBeyond(entry) {
                places = places.lowerBound..<middle
                above = entry
            } else {
                places = middle + 1..<places.upperBound
                below = entry
            }
        }
        return Bracket(below: places.lowerBound == 0 ? nil : below, above: above)
    }

    /// Whether all entries can be those of a log: ascending, and within its offsets and bytes.
    /// - Parameter offsets: how many the segment has, from its base on.
    func isSane(offsets: Int64, bytes: Int64) -> Bool {
        var last = Entry(relativeOffset: -1, position: 0)
        for place in 0..<count {
            guard last < self[place] else { return false }
            last = self[place]
        }
        return Int64(last.relativeOffset) < offsets && Int64(last.position) < max(1, bytes)
    }

    /// As ``bracket(of:)``, of entries in memory.
    static func bracket(in entries: [Entry], of relativeOffset: Int64) -> Bracket {
        bracket(in: entries) { Int64($0.relativeOffset) > relativeOffset }
    }

    static func bracket(in entries: [Entry], ofPosition position: Int64) -> Bracket {
        bracket(in: entries) { Int64($0.position) > position }
    }

    private static func bracket(in entries: [Entry], _ isBeyond: (Entry) -> Bool) -> Bracket {
        let place = firstPlace(in: 0..<entries.count) { isBeyond(entries[$0]) }
        return Bracket(
            below: place == 0 ? nil : entries[place - 1], above: place == entries.count ? nil : entries[place])
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

extension OffsetIndex.Entry {
    /// Both the offset and the position lie before the other's.
    static func < (a: Self, b: Self) -> Bool { a.relativeOffset < b.relativeOffset && a.position < b.position }
}

/// An index that cannot be that of its log: it is made anew.
struct IndexFault: Error, Hashable {
    var reason: String

    init(_ reason: String) { self.reason = reason }
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
