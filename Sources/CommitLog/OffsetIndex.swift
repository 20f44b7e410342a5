import Records

/// A segment's sparse index, in Kafka's form: 8-byte entries in ascending order, big-endian.
/// ```
/// offset 0, size 4, the last offset of a batch, less the segment's base offset
/// offset 4, size 4, where that batch begins in the segment's file
/// ```
/// An entry is made for a batch when more than `index.interval.bytes` were appended since the last entry was made, the
/// batch itself not counted; so never for a segment's first batch.
enum OffsetIndex {
    struct Entry: Hashable {
        var relativeOffset: Int32
        var position: Int32
    }

    static let entrySize = 8

    /// Of a segment that is written to.
    case growing([Entry])
    /// Of a closed segment; nothing but whole entries.
    case mapped(MappedBytes)

    var count: Int {
        switch self {
        case .growing(let entries): entries.count
        case .mapped(let bytes): bytes.count / Self.entrySize
        }
    }

    subscript(_ place: Int) -> Entry {
        switch self {
        case .growing(let entries): entries[place]
        case .mapped(let bytes):
            Entry(
                relativeOffset: bytes.int32(at: place * Self.entrySize),
                position: bytes.int32(at: place * Self.entrySize + 4))
        }
    }

    /// Where to begin the search for an offset: the position of the last entry at or below it, 0 if there is none.
    func position(atOrBefore relativeOffset: Int64) -> Int64 {
        let place = firstPlace { Int64($0.relativeOffset) > relativeOffset }
        return place == 0 ? 0 : Int64(self[place - 1].position)
    }

    /// The last batch border that is known at or before a position, 0 if there is none.
    func border(atOrBefore position: Int64) -> Int64 {
        let place = firstPlace { Int64($0.position) > position }
        return place == 0 ? 0 : Int64(self[place - 1].position)
    }

    /// Binary search for the first entry that `isBeyond` holds for; it must hold for all after it.
    private func firstPlace(_ isBeyond: (Entry) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if isBeyond(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    static func encode(_ entries: [Entry]) -> [UInt8] {
        var writer = ByteWriter(reserving: entries.count * entrySize)
        for entry in entries {
            writer.write(entry.relativeOffset)
            writer.write(entry.position)
        }
        return writer.bytes
    }
}

/// Decides which batches get an index entry: the same for appending and for rebuilding.
struct IndexPlacement: Hashable {
    var interval: Int64
    private var sinceLastEntry: Int64 = 0

    init(interval: Int64) { self.interval = interval }

    /// Takes note of the next batch.
    /// - Returns: whether it gets an entry.
    mutating func places(batchOf size: Int) -> Bool {
        let places = sinceLastEntry > interval
        if places { sinceLastEntry = 0 }
        sinceLastEntry += Int64(size)
        return places
    }
}
