extension RecordBatch {
    /// Encodes records as one batch with base offset 0; their own offsets are not looked at, they count from 0.
    ///
    /// A codec that does not make the records smaller is dropped: the batch then says `none`.
    /// - Parameter level: see ``Codec/compress(_:level:)``.
    /// - Throws: `corrupt` without records, `tooLarge` if the batch does not fit a length of 31 bits.
    package static func encode(
        _ records: [Record], codec: Codec = .none, level: Int? = nil, producerId: Int64 = -1, producerEpoch: Int16 = -1,
        baseSequence: Int32 = -1, isTransactional: Bool = false, isControl: Bool = false
    ) throws(RecordError) -> EncodedBatch {
        guard let first = records.first else { throw .corrupt("a batch without records") }
        var attributes: BatchAttributes = []
        if isTransactional { attributes.insert(.transactional) }
        if isControl { attributes.insert(.control) }
        var numbered = records
        for index in numbered.indices { numbered[index].offset = Int64(index) }
        return try encode(
            numbered, codec: codec, level: level,
            header: BatchHeader(
                baseOffset: 0, batchLength: 0, partitionLeaderEpoch: -1, attributes: attributes,
                lastOffsetDelta: Int32(clamping: records.count - 1), baseTimestamp: first.timestamp,
                maxTimestamp: records.reduce(first.timestamp) { max($0, $1.timestamp) },
                producer: ProducerStamp(id: producerId, epoch: producerEpoch, baseSequence: baseSequence),
                recordsCount: 0))
    }

    /// Encodes the records that are left of a batch: offsets, times, producer and flags stay as in `header`, so that a
    /// batch that was decoded comes out as it was (compressed ones: with the same records; under log append time the
    /// producer's own timestamps are gone).
    /// - Parameter records: in order of their offsets, which `header` must span; may be empty.
    package static func encode(
        _ records: [Record], as header: BatchHeader, codec: Codec, level: Int? = nil
    ) throws(RecordError) -> EncodedBatch {
        var last = header.baseOffset - 1
        for record in records {
            guard record.offset > last, record.offset <= header.lastOffset else {
                throw .corrupt("offset \(record.offset) after \(last) in a batch that ends at \(header.lastOffset)")
            }
            last = record.offset
        }
        return try encode(records, codec: codec, level: level, header: header)
    }

    private static func encode(
        _ records: [Record], codec: Codec, level: Int?, header: BatchHeader
    ) throws(RecordError) -> EncodedBatch {
        var writer = ByteWriter()
        for record in records { append(record, header, to: &writer) }
        var header = header
        header.recordsCount = Int32(clamping: records.count)
        let (buffer, used) = try pack(writer.bytes, codec: codec, level: level)
        let length = BatchHeader.size - BatchHeader.lengthEnd + used.bytes
        guard length <= Int32.max else { throw .tooLarge(size: length, limit: Int(Int32.max)) }
        header.batchLength = Int32(length)
        header.attributes = header.attributes.with(used.codec)
        return EncodedBatch(buffer: buffer, header: header, pool: nil)
    }

    private static func pack(
        _ plain: [UInt8], codec: Codec, level: Int?
    ) throws(RecordError) -> (Buffer, (codec: Codec, bytes: Int)) {
        if codec != .none, !plain.isEmpty {
            let buffer = Buffer(capacity: BatchHeader.size + codec.bound(plain.count))
            let count = try codec.compress(plain.rawSpan, into: buffer, from: BatchHeader.size, level: level)
            if count < plain.count { return (buffer, (codec, count)) }
        }
        let buffer = Buffer(capacity: BatchHeader.size + max(1, plain.count))
        let count = try Codec.none.compress(plain.rawSpan, into: buffer, from: BatchHeader.size, level: nil)
        return (buffer, (.none, count))
    }

    private static func append(_ record: Record, _ header: BatchHeader, to writer: inout ByteWriter) {
        var body = ByteWriter()
        body.write(UInt8(0))
        let timestamp = header.timestampType == .logAppendTime ? header.baseTimestamp : record.timestamp
        body.writeVarlong(timestamp &- header.baseTimestamp)
        body.writeVarint(Int32(truncatingIfNeeded: record.offset - header.baseOffset))
        append(record.key, to: &body)
        append(record.value, to: &body)
        appendHeaders(record.headers, to: &body)
        writer.writeVarint(Int32(clamping: body.count))
        writer.append(contentsOf: body.bytes)
    }

    /// The count and the headers as they stand at the end of a record.
    static func appendHeaders(_ headers: [Header], to writer: inout ByteWriter) {
        writer.writeVarint(Int32(clamping: headers.count))
        for header in headers {
            writer.writeVarint(Int32(clamping: header.name.utf8.count))
            writer.append(contentsOf: header.name.utf8)
            append(header.value, to: &writer)
        }
    }

    private static func append(_ bytes: [UInt8]?, to writer: inout ByteWriter) {
        guard let bytes else { return writer.writeVarint(-1) }
        writer.writeVarint(Int32(clamping: bytes.count))
        writer.append(contentsOf: bytes)
    }
}
