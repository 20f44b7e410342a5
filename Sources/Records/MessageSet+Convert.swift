extension MessageSet {
    /// Keys and values of messages that become one batch. A batch for each message would cost 61 bytes and a checksum each.
    static let batchBytes = 64 << 10

    /// Makes batches of magic 2 of whole entries: the same records at the same offsets and times.
    ///
    /// Neighbouring messages are put together. A wrapper becomes a batch of its own, with its codec. Batches have no
    /// leader epoch and no producer, as old messages have none.
    /// - Parameter bytes: whole entries, in order of their offsets.
    /// - Parameter limit: the most bytes that one wrapper's messages may take when decompressed.
    package static func convertUp(_ bytes: RawSpan, limit: Int) throws(RecordError) -> [EncodedBatch] {
        var batches: [EncodedBatch] = []
        var group = Group()
        var position = 0
        var last: Offset = -1
        while position < bytes.byteCount {
            let rest = bytes.extracting(position..<bytes.byteCount)
            let size = try MessageHeader(parsing: rest).size
            guard size <= rest.byteCount else { throw .truncated(needed: size, remaining: rest.byteCount) }
            let (header, records) = try decode(rest.extracting(0..<size), limit: limit)
            position += size
            guard let first = records.first, first.offset > last else {
                throw .corrupt("message offset \(records.first?.offset ?? -1) after \(last)")
            }
            last = records[records.count - 1].offset
            if !group.takes(header, records) {
                batches += try group.finish()
                group = Group()
            }
            group.append(header, records)
        }
        return batches + (try group.finish())
    }

    /// Records that will be one batch.
    private struct Group {
        private var records: [Record] = []
        private var bytes = 0
        private var codec = Codec.none
        private var type = TimestampType.createTime

        /// Whether another entry's records can stand in the same batch: there is one append time for all of it, and the
        /// distance of two offsets has 31 bits.
        func takes(_ header: MessageHeader, _ more: [Record]) -> Bool {
            guard let first = records.first, let next = more.last else { return true }
            guard codec == .none, header.codec == .none, type == header.timestampType else { return false }
            if type == .logAppendTime && first.timestamp != next.timestamp { return false }
            return bytes < MessageSet.batchBytes && next.offset - first.offset < Int64(Int32.max)
        }

        mutating func append(_ header: MessageHeader, _ more: [Record]) {
            codec = header.codec
            type = header.timestampType
            bytes += more.reduce(0) { $0 + ($1.key?.count ?? 0) + ($1.value?.count ?? 0) }
            records += more
        }

        consuming func finish() throws(RecordError) -> [EncodedBatch] {
            guard let first = records.first, let last = records.last else { return [] }
            guard let delta = Int32(exactly: last.offset - first.offset) else {
                throw .corrupt("offset \(last.offset) is too far from \(first.offset)")
            }
            let header = BatchHeader(
                baseOffset: first.offset, batchLength: 0, partitionLeaderEpoch: -1,
                attributes: type == .logAppendTime ? .logAppendTime : [], lastOffsetDelta: delta,
                baseTimestamp: first.timestamp,
                maxTimestamp: records.reduce(first.timestamp) { max($0, $1.timestamp) },
                producer: .none, recordsCount: 0)
            return [try RecordBatch.encode(records, as: header, codec: codec)]
        }
    }
}
