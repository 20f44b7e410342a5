package import Records

/// Writes old message sets (record formats 0 and 1), as their writers did.
package enum OldMessages {
    /// One message that is no wrapper.
    package static func message(
        magic: Int8, offset: Offset, timestamp: Int64 = -1, key: [UInt8]?, value: [UInt8]?, attributes: Int8 = 0
    ) -> [UInt8] {
        var body = ByteWriter()
        body.write(magic)
        body.write(attributes)
        if magic == 1 { body.write(timestamp) }
        for part in [key, value] {
            body.write(Int32(part?.count ?? -1))
            body.append(contentsOf: part ?? [])
        }
        var entry = ByteWriter()
        entry.write(offset)
        entry.write(Int32(body.count + 4))
        entry.write(crc32(body.bytes.rawSpan))
        entry.append(contentsOf: body.bytes)
        return entry.bytes
    }

    package static func message(magic: Int8, _ record: Record, attributes: Int8 = 0) -> [UInt8] {
        message(
            magic: magic, offset: record.offset, timestamp: record.timestamp, key: record.key, value: record.value,
            attributes: attributes)
    }

    /// A wrapper of a compressed set. In format 1 the offsets within count from the first record's.
    /// - Parameter appendTime: what all records get as their time; nil keeps theirs.
    /// - Parameter offset: the wrapper's, the last record's by default.
    package static func wrapper(
        magic: Int8, _ records: [Record], codec: Codec, appendTime: Int64? = nil, offset: Offset? = nil
    ) throws -> [UInt8] {
        guard let first = records.first, let last = records.last else { return [] }
        var inner: [UInt8] = []
        for record in records {
            var record = record
            if magic == 1 { record.offset -= first.offset }
            inner += message(magic: magic, record)
        }
        let largest = records.reduce(first.timestamp) { max($0, $1.timestamp) }
        return message(
            magic: magic, offset: offset ?? last.offset, timestamp: appendTime ?? largest, key: nil,
            value: try codec.compress(inner.rawSpan),
            attributes: Int8(codec.rawValue) | (appendTime == nil ? 0 : 1 << 3))
    }
}
