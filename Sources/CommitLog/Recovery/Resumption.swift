import Records

/// Where a walk over a segment goes on behind a place that is no whole batch.
enum Resumption {
    /// A batch of up to so many bytes is believed by its CRC alone; a larger one only if the file goes on behind it. Else
    /// every four bytes that look like a large length would cost a walk over them.
    private static let believed = 2 << 20
    private static let window = 1 << 20
    /// Bytes that are checked for each byte that is searched. Values made to look like heads all over, each of a batch as long
    /// as the rest of the file, would else cost its square; what is behind them counts as damage then.
    private static let effort: Int64 = 64

    /// The position of the first whole entry behind a bad one, nil if there is none.
    /// - Parameter position: where the bad one begins.
    /// - Parameter offset: entries that end below it are passed over.
    /// - Parameter end: where the file ends.
    static func next(
        in file: any DiskFile, behind position: Int64, after offset: Offset = 0, end: Int64
    ) throws(DiskError) -> Int64? {
        // Mostly a few bits are wrong, and those of the length are right.
        if let next = try size(in: file, at: position).map({ position + Int64($0) }), next < end,
            try isWhole(in: file, at: next, after: offset, end: end)
        {
            return next
        }
        return try search(in: file, from: position + 1, after: offset, end: end)
    }

    /// Looks for a batch at every byte: the length of a bad one says nothing.
    private static func search(
        in file: any DiskFile, from first: Int64, after offset: Offset, end: Int64
    ) throws(DiskError) -> Int64? {
        var start = first
        var budget = effort * (end - first)
        while start + Int64(BatchHeader.size) <= end {
            let bytes = try file.readBytes(at: start, count: Int(min(Int64(window), end - start)))
            guard bytes.count >= BatchHeader.size else { return nil }
            for place in 0...bytes.count - BatchHeader.size where bytes[place + 16] == 2 {
                let position = start + Int64(place)
                guard let header = try? BatchHeader(parsing: bytes.rawSpan.extracting(droppingFirst: place)),
                    header.lastOffset >= offset, Int64(header.size) <= end - position
                else { continue }
                let next = position + Int64(header.size)
                if header.size > believed, next < end, try size(in: file, at: next) == nil { continue }
                budget -= Int64(header.size)
                guard budget >= 0 else { return nil }
                if try isWhole(in: file, at: position, after: offset, end: end) { return position }
            }
            start += Int64(bytes.count - BatchHeader.size + 1)
        }
        return nil
    }

    private static func isWhole(
        in file: any DiskFile, at position: Int64, after offset: Offset, end: Int64
    ) throws(DiskError) -> Bool {
        var scanner = BatchScanner(file, from: position, to: end, checksCRC: true)
        guard case .batch(let batch) = try scanner.next() else { return false }
        return batch.lastOffset >= offset
    }

    /// What the head at a position says its entry takes, nil if it is no head.
    private static func size(in file: any DiskFile, at position: Int64) throws(DiskError) -> Int? {
        let bytes = try file.readBytes(at: position, count: BatchHeader.size)
        if let header = try? BatchHeader(parsing: bytes.rawSpan) { return header.size }
        return (try? MessageHeader(parsing: bytes.rawSpan))?.size
    }
}
