/// Whole batches of decoded records: for control code, tools and tests. The hot path is ``Scatter``.
package enum RecordBatch {
    /// Bytes of the smallest record: length, attributes, two deltas, null key, null value, no headers.
    static let smallestRecord = 7
    /// Bytes of the smallest header: two lengths.
    static let smallestHeader = 2

    /// Decodes one whole batch of magic 2, after checking its CRC.
    ///
    /// - Parameter bytes: exactly one batch.
    /// - Parameter limit: the most bytes that its records may take when decompressed. Decoded records take some ten times
    ///   that at worst (many tiny ones).
    /// - Returns: offsets and timestamps as consumers see them; no records for a batch that compaction emptied.
    package static func decode(_ bytes: RawSpan, limit: Int) throws(RecordError) -> (BatchHeader, [Record]) {
        let header = try checkedHeader(bytes)
        var records: [Record] = []
        var spent = 0
        try eachRecord(of: header, in: bytes, limit: limit, &spent) { (span, fields) throws(RecordError) in
            records.append(
                Record(
                    offset: header.baseOffset + Int64(fields.offsetDelta), timestamp: fields.timestamp(in: header),
                    key: fields.key.map { span.array($0.lowerBound, $0.count) },
                    value: fields.value.map { span.array($0.lowerBound, $0.count) },
                    headers: try fields.decodeHeaders(span)))
        }
        return (header, records)
    }

    /// Checks what ``decode(_:limit:)`` would: CRC, framing of every record and header, counts, offsets that rise within
    /// the batch. Builds nothing; memory is that of the decompressed records.
    /// - Returns: the header, and what is found of the records.
    package static func validate(_ bytes: RawSpan, limit: Int) throws(RecordError) -> Validated {
        var spent = 0
        return try validate(bytes, limit: limit, spent: &spent)
    }

    /// As ``validate(_:limit:)``, for a caller that pays for many batches.
    /// - Parameter spent: grows by the bytes that were decompressed, also when the records turn out to be wrong; by the
    ///   limit when the decompression failed. A batch without compression costs nothing.
    package static func validate(
        _ bytes: RawSpan, limit: Int, spent: inout Int
    ) throws(RecordError) -> Validated {
        let header = try checkedHeader(bytes)
        var largest = Int64.min
        var earliest: Int64?
        try eachRecord(of: header, in: bytes, limit: limit, &spent) { (span, fields) throws(RecordError) in
            try fields.checkHeaders(span)
            let timestamp = fields.timestamp(in: header)
            largest = max(largest, timestamp)
            if timestamp >= 0 { earliest = min(earliest ?? timestamp, timestamp) }
        }
        return Validated(
            header: header, maxTimestamp: header.recordsCount == 0 ? header.maxTimestamp : largest, earliest: earliest)
    }

    /// A batch in which everything agrees.
    package struct Validated {
        package let header: BatchHeader
        /// The largest timestamp of the records; the header's for an empty batch or append time.
        package let maxTimestamp: Int64
        /// The smallest timestamp of the records that have one (it is not negative).
        package let earliest: Int64?
    }

    /// The first record at or after a time, and not below an offset, checked as by ``decode(_:limit:)`` but for headers. Builds no records.
    package static func first(
        atOrAfter timestamp: Int64, from start: Offset = 0, in bytes: RawSpan, limit: Int
    ) throws(RecordError) -> (offset: Int64, timestamp: Int64)? {
        let header = try checkedHeader(bytes)
        var found: (offset: Int64, timestamp: Int64)?
        var spent = 0
        try eachRecord(of: header, in: bytes, limit: limit, &spent) { (_, fields) throws(RecordError) in
            let offset = header.baseOffset + Int64(fields.offsetDelta)
            guard found == nil, offset >= start, fields.timestamp(in: header) >= timestamp else { return }
            found = (offset, fields.timestamp(in: header))
        }
        return found
    }

    /// The header of a batch whose length and CRC are right.
    package static func checkedHeader(_ bytes: RawSpan) throws(RecordError) -> BatchHeader {
        let header = try BatchHeader(parsing: bytes)
        guard header.size <= bytes.byteCount else {
            throw .truncated(needed: header.size, remaining: bytes.byteCount)
        }
        guard header.size == bytes.byteCount else {
            throw .corrupt("\(bytes.byteCount - header.size) bytes after the batch")
        }
        let computed = crc32c(bytes.extracting(BatchHeader.checked..<header.size))
        guard computed == header.crc else { throw .crcMismatch(stored: header.crc, computed: computed) }
        return header
    }

    private static func eachRecord(
        of header: BatchHeader, in bytes: RawSpan, limit: Int, _ spent: inout Int,
        _ body: (RawSpan, RecordFields) throws(RecordError) -> Void
    ) throws(RecordError) {
        let payload = bytes.extracting(BatchHeader.size..<header.size)
        if header.codec == .none || payload.isEmpty {
            guard payload.byteCount <= limit else { throw .tooLarge(size: payload.byteCount, limit: limit) }
            return try eachRecord(of: header, inPlain: payload, body)
        }
        let plain: [UInt8]
        do throws(RecordError) { plain = try header.codec.decompress(payload, limit: limit) } catch {
            // How far it came is not known.
            spent += limit
            throw error
        }
        spent += plain.count
        try eachRecord(of: header, inPlain: plain.rawSpan, body)
    }

    static func eachRecord(
        of header: BatchHeader, inPlain payload: RawSpan,
        _ body: (RawSpan, RecordFields) throws(RecordError) -> Void
    ) throws(RecordError) {
        let count = Int(header.recordsCount)
        guard count * smallestRecord <= payload.byteCount else {
            throw .corrupt("\(count) records in \(payload.byteCount) bytes")
        }
        var position = 0
        var lastDelta = -1
        for _ in 0..<count {
            let fields = try RecordFields(parsing: payload, at: &position)
            guard fields.offsetDelta > lastDelta, fields.offsetDelta <= Int(header.lastOffsetDelta) else {
                throw .corrupt("offset delta \(fields.offsetDelta) after \(lastDelta) of \(header.lastOffsetDelta)")
            }
            lastDelta = fields.offsetDelta
            try body(payload, fields)
        }
        guard position == payload.byteCount else {
            throw .corrupt("\(payload.byteCount - position) bytes after the last record")
        }
    }
}
