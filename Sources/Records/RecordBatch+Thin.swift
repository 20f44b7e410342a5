/// What compaction does to one batch: some records go, and all that is said of the batch as a whole stays (offsets,
/// producer, sequence), so that readers and producers see no difference but the holes.
extension RecordBatch {
    /// What is left of a batch.
    package enum Thinned {
        /// All of it: the batch's bytes can be copied.
        case whole
        /// Fewer records, or a delete horizon that it did not have.
        case changed(EncodedBatch)
        /// No record; see ``emptied(_:)``.
        case none
    }

    /// Visits the records of a batch whose CRC was checked, in order. Builds no records; headers are not looked at.
    /// - Parameters:
    ///   - bytes: exactly one batch, whose header is `header`.
    ///   - limit: the most bytes that its records may take when decompressed.
    ///   - body: gets the bytes that the fields' ranges are of, and the record's offset.
    package static func eachRecord(
        in bytes: RawSpan, _ header: BatchHeader, limit: Int, _ body: (RawSpan, RecordFields, Offset) -> Void
    ) throws(RecordError) {
        try withPlain(bytes, header, limit: limit) { (plain) throws(RecordError) in
            try eachRecord(of: header, inPlain: plain) { (span, fields) throws(RecordError) in
                body(span, fields, header.baseOffset + Int64(fields.offsetDelta))
            }
        }
    }

    /// Leaves records out of a batch.
    ///
    /// A batch that keeps a tombstone and has no delete horizon gets one, so that a later cleaning knows when the
    /// tombstone may go (KIP-534).
    /// - Parameters:
    ///   - bytes: exactly one batch, whose header is `header` and whose CRC was checked.
    ///   - limit: the most bytes that its records may take when decompressed.
    ///   - horizon: milliseconds since 1970, for a batch that must get a delete horizon; nil sets none.
    ///   - setsHorizon: the batch gets it even without a tombstone.
    ///   - keep: asked for each record in order, with the bytes that its fields are ranges of, and its offset.
    /// - Throws: when the batch cannot be decoded, or not be encoded again.
    package static func thin(
        _ bytes: RawSpan, _ header: BatchHeader, limit: Int, horizon: Int64?, setsHorizon: Bool = false,
        keep: (RawSpan, RecordFields, Offset) -> Bool
    ) throws(RecordError) -> Thinned {
        try withPlain(bytes, header, limit: limit) { (plain) throws(RecordError) in
            var kept: [RecordFields] = []
            var hasTombstone = false
            try eachRecord(of: header, inPlain: plain) { (span, fields) throws(RecordError) in
                guard keep(span, fields, header.baseOffset + Int64(fields.offsetDelta)) else { return }
                kept.append(fields)
                if fields.value == nil { hasTombstone = true }
            }
            guard let first = kept.first else { return .none }
            let hasHorizon = header.attributes.contains(.deleteHorizon)
            let getsHorizon = horizon != nil && !hasHorizon && (hasTombstone || setsHorizon)
            if kept.count == Int(header.recordsCount) && !getsHorizon { return .whole }
            var thinned = header
            thinned.attributes.formIntersection(.known)
            thinned.recordsCount = Int32(kept.count)
            thinned.baseTimestamp = hasHorizon ? header.baseTimestamp : first.timestamp(in: header)
            if let horizon, getsHorizon {
                thinned.attributes.insert(.deleteHorizon)
                thinned.baseTimestamp = horizon
            }
            if header.timestampType == .createTime {
                thinned.maxTimestamp = kept.reduce(Int64.min) { max($0, $1.timestamp(in: header)) }
            }
            return .changed(try encode(kept, of: plain, from: header, as: thinned))
        }
    }

    /// A batch of whose records none is left: it keeps what is known of its producer, and where the log goes on.
    package static func emptied(_ header: BatchHeader) -> EncodedBatch {
        var header = header
        header.attributes = header.attributes.intersection([.logAppendTime, .transactional, .control])
        header.batchLength = Int32(BatchHeader.size - BatchHeader.lengthEnd)
        header.baseTimestamp = -1
        header.recordsCount = 0
        return EncodedBatch(buffer: Buffer(capacity: BatchHeader.size), header: header, pool: nil)
    }

    private static func withPlain<Result>(
        _ bytes: RawSpan, _ header: BatchHeader, limit: Int, _ body: (RawSpan) throws(RecordError) -> Result
    ) throws(RecordError) -> Result {
        let payload = bytes.extracting(BatchHeader.size..<header.size)
        if header.codec == .none || payload.isEmpty {
            guard payload.byteCount <= limit else { throw .tooLarge(size: payload.byteCount, limit: limit) }
            return try body(payload)
        }
        let plain = try header.codec.decompress(payload, limit: limit)
        return try body(plain.rawSpan)
    }

    /// Writes records anew under another header: only their lengths and times can differ.
    private static func encode(
        _ records: [RecordFields], of plain: RawSpan, from old: BatchHeader, as new: BatchHeader
    ) throws(RecordError) -> EncodedBatch {
        var size = 0
        for record in records { size += recordSize(record, old, new).whole }
        let limit = Int(Int32.max) - BatchHeader.size
        guard size <= limit else { throw .tooLarge(size: size, limit: limit) }
        let loose = Buffer(capacity: BatchHeader.size + size)
        var position = BatchHeader.size
        for record in records {
            let length = recordSize(record, old, new).length
            position += put(record, length, plain, old, new, into: loose, at: position)
        }
        precondition(position == BatchHeader.size + size, "a record came out in another size than was reckoned")
        guard old.codec != .none else { return finish(loose, size, .none, new) }
        let packed = Buffer(capacity: BatchHeader.size + old.codec.bound(size))
        let count = try old.codec.compress(
            loose.span(BatchHeader.size..<position), into: packed, from: BatchHeader.size, level: nil)
        // As everywhere here: what does not get smaller is not compressed.
        return count < size ? finish(packed, count, old.codec, new) : finish(loose, size, .none, new)
    }

    private static func finish(_ buffer: Buffer, _ size: Int, _ codec: Codec, _ header: BatchHeader) -> EncodedBatch {
        var header = header
        header.batchLength = Int32(BatchHeader.size - BatchHeader.lengthEnd + size)
        header.attributes = header.attributes.with(codec)
        return EncodedBatch(buffer: buffer, header: header, pool: nil)
    }

    private static func timestampDelta(_ record: RecordFields, _ old: BatchHeader, _ new: BatchHeader) -> UInt64 {
        Varint.zigzag(record.timestamp(in: old) &- new.baseTimestamp)
    }

    /// The bytes of a record with its length, and what the length says.
    private static func recordSize(
        _ record: RecordFields, _ old: BatchHeader, _ new: BatchHeader
    ) -> (whole: Int, length: Int) {
        let length =
            1 + Varint.size(timestampDelta(record, old, new)) + Varint.size(Varint.zigzag(Int64(record.offsetDelta)))
            + record.body.count
        return (Varint.size(Varint.zigzag(Int64(length))) + length, length)
    }

    /// - Returns: the bytes written.
    private static func put(
        _ record: RecordFields, _ length: Int, _ plain: RawSpan, _ old: BatchHeader, _ new: BatchHeader,
        into buffer: Buffer, at position: Int
    ) -> Int {
        let size = Varint.size(Varint.zigzag(Int64(length))) + length
        precondition(position + size <= buffer.capacity, "a record outside its buffer")
        // Safety: `size` bytes from `position` on are the buffer's, checked above; they are what is written below, since
        // `length` was reckoned by ``recordSize(_:_:_:)``. The record's body lies within `plain`, which is lent.
        return unsafe plain.withUnsafeBytes { source in
            let start = unsafe buffer.base + position
            var next = unsafe start
            unsafe Varint.put(Varint.zigzag(Int64(length)), at: &next)
            unsafe next.storeBytes(of: 0, as: UInt8.self)
            unsafe next += 1
            unsafe Varint.put(timestampDelta(record, old, new), at: &next)
            unsafe Varint.put(Varint.zigzag(Int64(record.offsetDelta)), at: &next)
            let body = unsafe UnsafeRawBufferPointer(rebasing: source[record.body])
            if let from = body.baseAddress { unsafe next.copyMemory(from: from, byteCount: body.count) }
            return unsafe next + body.count - start
        }
    }
}

extension BatchAttributes {
    /// What Kafka has given a meaning.
    fileprivate static let known = BatchAttributes(rawValue: 0x7f)
}
