package import KafkaProtocol
package import Records

/// Takes the records out of what a Fetch answered for one partition.
///
/// Batches lie back to back; the last one may be cut off. The first may begin before the offset that was asked for.
/// Markers of transactions are never given out, nor are records of aborted transactions.
package struct BatchReader {
    /// By offset.
    package private(set) var records: [Record] = []
    /// Where to go on: behind the last whole batch, whatever compaction took from it.
    package private(set) var nextOffset: Offset
    private let limit: Int
    /// Aborted transactions that have not begun yet, by first offset; the next one last.
    private var upcoming: [FetchResponse.AbortedTransactions]
    /// Producers in an aborted transaction at the batch that is being read.
    private var aborting: Set<Int64> = []

    /// - Parameter offset: what was asked for.
    /// - Parameter limit: the most bytes the records of one batch may take once decompressed.
    package init(from offset: Offset, aborted: [FetchResponse.AbortedTransactions]?, limit: Int) {
        nextOffset = offset
        self.limit = limit
        upcoming = (aborted ?? []).sorted { $0.firstOffset > $1.firstOffset }
    }

    package mutating func read(_ bytes: [UInt8]) throws(RecordError) {
        var rest = bytes[...]
        while let batch = try Self.nextBatch(&rest) { try read(batch: batch) }
    }

    /// The next whole batch; nil when only a part of one is left.
    private static func nextBatch(_ rest: inout ArraySlice<UInt8>) throws(RecordError) -> ArraySlice<UInt8>? {
        guard rest.count >= BatchHeader.size else { return nil }
        let header = try BatchHeader(parsing: rest.rawSpan)
        guard header.size <= rest.count else { return nil }
        defer { rest = rest.dropFirst(header.size) }
        return rest.prefix(header.size)
    }

    private mutating func read(batch: ArraySlice<UInt8>) throws(RecordError) {
        let (header, decoded) = try RecordBatch.decode(batch.rawSpan, limit: limit)
        while let next = upcoming.last, next.firstOffset <= header.lastOffset {
            aborting.insert(next.producerId)
            upcoming.removeLast()
        }
        if header.isControl {
            if Self.isAbort(decoded) { aborting.remove(header.producerId) }
        } else if !(header.isTransactional && aborting.contains(header.producerId)) {
            records += decoded.drop { $0.offset < nextOffset }
        }
        nextOffset = max(nextOffset, header.nextOffset)
    }

    /// A marker's key is an i16 version and an i16 type: 0 is an abort.
    private static func isAbort(_ records: [Record]) -> Bool {
        records.first?.key?.dropFirst(2).elementsEqual([0, 0]) ?? false
    }
}
