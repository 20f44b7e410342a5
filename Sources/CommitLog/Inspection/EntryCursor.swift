import Records

/// The entries of an index file in order, read a window at a time.
struct EntryCursor<Entry> {
    private let file: any DiskFile
    private let entrySize: Int
    private let read: (MappedBytes, _ place: Int) -> Entry
    private var window = MappedBytes.empty
    private var windowStart: Int64 = 0
    /// Of the whole file.
    let size: Int64
    /// What is behind it is not read.
    private let end: Int64
    /// The file is larger than any index.
    var isOversize: Bool { end < size }
    /// Where the next entry begins.
    private(set) var position: Int64 = 0

    private static var entriesAtOnce: Int { 4096 }

    /// - Parameter read: the entry at a place of a window that holds whole entries only.
    init(
        _ file: any DiskFile, entrySize: Int, read: @escaping (MappedBytes, _ place: Int) -> Entry
    ) throws(DiskError) {
        self.file = file
        self.entrySize = entrySize
        self.read = read
        size = try file.status().size
        end = min(size, InspectedFile.sizeLimit)
    }

    /// Bytes behind the last whole entry.
    var rest: Int64 { size % Int64(entrySize) }

    /// - Returns: nil at the end of the whole entries.
    mutating func next() throws(DiskError) -> (entry: Entry, position: Int64)? {
        guard position + Int64(entrySize) <= end else { return nil }
        if position >= windowStart + Int64(window.count) {
            let bytes = try file.readBytes(at: position, count: Self.entriesAtOnce * entrySize)
            // A file that someone cut meanwhile ends here.
            guard bytes.count >= entrySize else { return nil }
            window = MappedBytes(copying: Array(bytes.prefix(bytes.count / entrySize * entrySize)))
            windowStart = position
        }
        defer { position += Int64(entrySize) }
        return (read(window, Int(position - windowStart) / entrySize), position)
    }
}

extension EntryCursor where Entry == OffsetIndex.Entry {
    init(offsetsOf file: any DiskFile) throws(DiskError) {
        try self.init(file, entrySize: OffsetIndex.entrySize) { OffsetIndex(bytes: $0)[$1] }
    }
}

extension EntryCursor where Entry == TimeIndex.Entry {
    init(timesOf file: any DiskFile) throws(DiskError) {
        try self.init(file, entrySize: TimeIndex.entrySize) { TimeIndex(bytes: $0)[$1] }
    }
}

/// Room for entries to come, which Kafka brokers make in the indexes of the segment that they write to: zeros up to the end.
struct IndexRoom {
    private var start: Int64?

    /// Takes note of an entry.
    /// - Returns: where zeros began, if something stands behind them.
    mutating func interrupted(by isZero: Bool, at position: Int64) -> Int64? {
        guard !isZero else {
            start = start ?? position
            return nil
        }
        defer { start = nil }
        return start
    }

    /// Where the room begins, once all entries were seen.
    var position: Int64? { start }
}
