extension RecordBatch {
    /// The same records, times and producer in another codec, which is kept even where it makes the batch larger: who asked
    /// for it finds it there.
    /// - Parameter batch: whose records were checked.
    /// - Parameter level: see ``Codec/compress(_:level:)``.
    /// - Parameter limit: the most bytes that its records may take when decompressed.
    package static func recode(
        _ batch: EncodedBatch, as codec: Codec, level: Int? = nil, limit: Int
    ) throws(RecordError) -> EncodedBatch {
        let header = batch.header
        guard header.codec != codec, header.recordsCount > 0 else { return batch }
        let payload = batch.bytes.extracting(BatchHeader.size..<header.size)
        if header.codec == .none { return try pack(payload, header, codec, level) }
        let plain = try header.codec.decompress(payload, limit: limit)
        return try pack(plain.rawSpan, header, codec, level)
    }

    private static func pack(
        _ plain: RawSpan, _ header: BatchHeader, _ codec: Codec, _ level: Int?
    ) throws(RecordError) -> EncodedBatch {
        let buffer = Buffer(capacity: BatchHeader.size + codec.bound(plain.byteCount))
        let count = try codec.compress(plain, into: buffer, from: BatchHeader.size, level: level)
        let length = BatchHeader.size - BatchHeader.lengthEnd + count
        guard length <= Int32.max else { throw .tooLarge(size: length, limit: Int(Int32.max)) }
        var header = header
        header.batchLength = Int32(length)
        header.attributes = header.attributes.with(codec)
        return EncodedBatch(buffer: buffer, header: header, pool: nil)
    }
}
