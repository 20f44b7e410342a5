package import Records

/// A transaction that was aborted, as a segment's `.txnindex` has it: 34 bytes, big-endian, in Kafka's form.
/// ```
/// offset  0, size 2, version 0
/// offset  2, size 8, producerId
/// offset 10, size 8, firstOffset      of the transaction in this partition
/// offset 18, size 8, lastOffset       of its marker, which lies in this segment
/// offset 26, size 8, lastStable       the last stable offset once it had ended, whatever became of the high watermark
/// ```
package struct AbortedTransaction: Hashable, Sendable {
    package var producerId: Int64
    package var firstOffset: Offset
    package var lastOffset: Offset
    package var lastStable: Offset

    package init(producerId: Int64, firstOffset: Offset, lastOffset: Offset, lastStable: Offset) {
        self.producerId = producerId
        self.firstOffset = firstOffset
        self.lastOffset = lastOffset
        self.lastStable = lastStable
    }
}

/// The aborted transactions that ended in a segment, in the order of their markers. The file is absent when there are
/// none.
enum TransactionIndex {
    static let entrySize = 34
    static let suffix = ".txnindex"

    static func encode(_ entries: some Sequence<AbortedTransaction>) -> [UInt8] {
        var writer = ByteWriter()
        for entry in entries {
            writer.write(Int16(0))
            writer.write(entry.producerId)
            writer.write(entry.firstOffset)
            writer.write(entry.lastOffset)
            writer.write(entry.lastStable)
        }
        return writer.bytes
    }

    /// Reads whole entries back.
    /// - Throws: `corrupt` for another version, for bytes that are no whole entry, for markers that do not rise, and for
    ///   transactions that end before they begin.
    static func decode(_ bytes: ArraySlice<UInt8>, after last: Offset = -1) throws(RecordError) -> [AbortedTransaction]
    {
        guard bytes.count % entrySize == 0 else {
            throw .corrupt("\(bytes.count) bytes, no multiple of \(entrySize)")
        }
        var reader = ByteReader(bytes)
        var entries: [AbortedTransaction] = []
        entries.reserveCapacity(bytes.count / entrySize)
        var last = last
        while reader.remaining > 0 {
            let version: Int16 = try reader.read()
            guard version == 0 else { throw .corrupt("version \(version), only 0 is known") }
            let entry = AbortedTransaction(
                producerId: try reader.read(), firstOffset: try reader.read(), lastOffset: try reader.read(),
                lastStable: try reader.read())
            guard entry.firstOffset >= 0, entry.lastOffset >= entry.firstOffset, entry.lastOffset > last else {
                throw .corrupt("a transaction from \(entry.firstOffset) to \(entry.lastOffset) after one to \(last)")
            }
            last = entry.lastOffset
            entries.append(entry)
        }
        return entries
    }

    /// The entries from the beginning of a file on whose markers lie below an offset, whatever comes after one that does not.
    /// - Throws: as ``decode(_:after:)``, if one of them may have been what cannot be read.
    static func entries(
        of bytes: [UInt8], below offset: Offset
    ) throws(RecordError) -> [AbortedTransaction] {
        guard offset > 0 else { return [] }
        var entries: [AbortedTransaction] = []
        var place = 0
        while place < bytes.count {
            let piece = bytes[place..<min(place + entrySize, bytes.count)]
            for entry in try decode(piece, after: entries.last?.lastOffset ?? -1) {
                guard entry.lastOffset < offset else { return entries }
                entries.append(entry)
            }
            place += entrySize
        }
        return entries
    }
}
