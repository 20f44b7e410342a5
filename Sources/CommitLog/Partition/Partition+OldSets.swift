import Records

/// Old message sets come from directories of old brokers. Not every client reads them, so all get batches: the same
/// records at the same offsets. The files stay as they are.
///
/// (What stands behind a batch in the same read goes out as it lies: only a topic whose format was lowered has that, and a
/// read that begins there is converted.)
extension Partition {
    /// Bytes of old entries that one read converts, beyond its first: what they become is held in memory until it is sent.
    private static var convertedBytes: Int { 1 << 20 }
    /// Bytes that a compressed set may become.
    private static var setLimit: Int { 128 << 20 }

    /// Makes batches of the old entries from `first` on.
    /// - Parameter limit: where the committed bytes of the segment end.
    func convertUp(
        from first: ScannedBatch, of segment: Segment, limit: Int64, maxBytes: Int
    ) throws(StorageError) -> (span: FileSpan, nextOffset: Offset) {
        let run = try storing("read \(name)") { () throws(DiskError) in
            try segment.oldSets(from: first, maxBytes: min(maxBytes, Self.convertedBytes), limit: limit)
        }
        let batches: [EncodedBatch]
        do throws(RecordError) {
            batches = try MessageSet.convertUp(run.bytes.rawSpan, limit: Self.setLimit)
        } catch {
            throw StorageError("read \(name) at offset \(first.lastOffset)", .record(error))
        }
        let source = ConvertedSets(batches)
        return (FileSpan(source: source, position: 0, length: source.count), run.nextOffset)
    }
}

extension Segment {
    /// Whole old entries from `first` on, as they lie in the file; at least the first, and no batch.
    fileprivate func oldSets(
        from first: ScannedBatch, maxBytes: Int, limit: Int64
    ) throws(DiskError) -> (bytes: [UInt8], nextOffset: Offset) {
        var last = first
        let start = first.position
        var scanner = BatchScanner(try file(), from: start + Int64(first.size), to: limit, checksCRC: false)
        while case .batch(let next) = try scanner.next(), next.message != nil {
            guard next.position + Int64(next.size) - start <= Int64(maxBytes) else { break }
            last = next
        }
        let end = last.position + Int64(last.size)
        return (try file().readBytes(at: start, count: Int(end - start)), last.nextOffset)
    }
}

/// Batches in memory, where a file's bytes are expected.
private final class ConvertedSets: FileSpanSource {
    private let bytes: [UInt8]

    var count: Int { bytes.count }
    var descriptor: Int32? { nil }

    init(_ batches: [EncodedBatch]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(batches.reduce(0) { $0 + $1.size })
        // Safety: the bytes are copied before the pointer ends.
        for batch in batches { unsafe batch.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) } }
        self.bytes = bytes
    }

    func read(position: Int64, length: Int) -> [UInt8] {
        let start = Int(max(0, min(Int64(bytes.count), position)))
        return Array(bytes[start..<min(bytes.count, start + max(0, length))])
    }
}
