import Records

/// Writes what stays of some segments as one: the log, both indexes and the transaction index, under names that end in
/// `.cleaned`.
struct CleanerOutput {
    private static let bufferSize = 1 << 20

    let directory: String
    let base: Offset
    private let disk: Disk
    private let log: any DiskFile
    private var builder: IndexBuilder
    private var buffer: [UInt8] = []
    /// Bytes of the log, those in the buffer included.
    private(set) var size: Int64 = 0
    private(set) var nextOffset: Offset

    var stem: String { Segment.stem(directory, base) }

    init(_ directory: String, _ base: Offset, indexInterval: Int64, disk: Disk) throws(DiskError) {
        self.directory = directory
        self.base = base
        self.disk = disk
        builder = IndexBuilder(base: base, interval: indexInterval)
        nextOffset = base
        log = try Self.file(Segment.stem(directory, base) + ".log", disk)
        buffer.reserveCapacity(Self.bufferSize)
    }

    /// An empty file. What an earlier attempt left in it goes.
    private static func file(_ path: String, _ disk: Disk) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path + SwapCompletion.cleaned, .create)
        try file.truncate(to: 0)
        return file
    }

    mutating func append(_ header: BatchHeader, _ bytes: RawSpan) throws(CleanerFailure) {
        guard size + Int64(bytes.byteCount) <= Int64(Int32.max) else {
            throw .damage("\(stem).log: what stays of it does not fit into a segment")
        }
        builder.take(
            position: size, size: bytes.byteCount, lastOffset: header.lastOffset, maxTimestamp: header.maxTimestamp)
        // Safety: the bytes are copied before the pointer ends.
        unsafe bytes.withUnsafeBytes { unsafe buffer.append(contentsOf: $0) }
        size += Int64(bytes.byteCount)
        nextOffset = header.nextOffset
        if buffer.count >= Self.bufferSize {
            do throws(DiskError) { try flush() } catch { throw .disk(error) }
        }
    }

    private mutating func flush() throws(DiskError) {
        try log.write(buffer, at: size - Int64(buffer.count))
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes the rest, and makes all of it durable but for the names.
    /// - Returns: the suffixes of the files that there are now, the log's first.
    mutating func finish(_ aborted: [AbortedTransaction]) throws(DiskError) -> [String] {
        try flush()
        builder.finish()
        var parts: [(suffix: String, bytes: [UInt8])] = [
            (Segment.indexSuffix, OffsetIndex.encode(builder.offsets)),
            (Segment.timeIndexSuffix, TimeIndex.encode(builder.times)),
        ]
        if !aborted.isEmpty { parts.append((TransactionIndex.suffix, TransactionIndex.encode(aborted))) }
        try log.syncWhole()
        for part in parts {
            let file = try Self.file(stem + part.suffix, disk)
            try file.write(part.bytes, at: 0)
            try file.syncWhole()
        }
        return [".log"] + parts.map(\.suffix)
    }

    /// Takes away what was written.
    func discard() throws(DiskError) {
        for part in SwapCompletion.parts { try disk.removeIfThere(stem + part + SwapCompletion.cleaned) }
    }

    /// Takes away what other outputs left, which were given up and could not be discarded. An opening that finds such a
    /// one takes every `.swap` behind it for unfinished.
    /// - Parameter suffixes: of this one's files.
    func discardOthers(besides suffixes: [String]) throws(DiskError) {
        for name in try disk.list(directory) {
            guard let part = SwapCompletion.part(name, SwapCompletion.cleaned) else { continue }
            if part.base == base && suffixes.contains(part.suffix) { continue }
            try disk.removeIfThere("\(directory)/\(name)")
        }
    }
}
