/// Old message sets, record formats 0 and 1: read, checked, and made into batches. Nothing writes them any more.
///
/// Entries follow each other without a head of their own. An entry is a message, or a wrapper whose value is a compressed
/// set of messages of the same format, which are no wrappers.
package enum MessageSet {
    /// Decodes one entry, after checking its CRC, and for a wrapper the CRC of every message in it.
    ///
    /// - Parameter bytes: exactly one entry.
    /// - Parameter limit: the most bytes that a wrapper's messages may take when decompressed.
    /// - Returns: offsets and timestamps as consumers see them; the timestamp is -1 in format 0.
    package static func decode(
        _ bytes: RawSpan, limit: Int
    ) throws(RecordError) -> (header: MessageHeader, records: [Record]) {
        var records: [Record] = []
        let header = try eachMessage(in: bytes, limit: limit) { (span, message) throws(RecordError) in
            records.append(
                Record(
                    offset: message.offset, timestamp: message.timestamp,
                    key: message.fields.key.map { span.array($0.lowerBound, $0.count) },
                    value: message.fields.value.map { span.array($0.lowerBound, $0.count) }))
        }
        return (header, records)
    }

    /// Checks what ``decode(_:limit:)`` would, and builds nothing.
    /// - Returns: the head, and how many messages there are.
    package static func validate(
        _ bytes: RawSpan, limit: Int
    ) throws(RecordError) -> (header: MessageHeader, count: Int) {
        var count = 0
        let header = try eachMessage(in: bytes, limit: limit) { (_, _) throws(RecordError) in count += 1 }
        return (header, count)
    }

    /// The first message of an entry at or after a time, and not below an offset, checked as by ``decode(_:limit:)``.
    package static func first(
        atOrAfter timestamp: Int64, from start: Offset = 0, in bytes: RawSpan, limit: Int
    ) throws(RecordError) -> (offset: Offset, timestamp: Int64)? {
        var found: (offset: Offset, timestamp: Int64)?
        _ = try eachMessage(in: bytes, limit: limit) { (_, message) throws(RecordError) in
            guard found == nil, message.offset >= start, message.timestamp >= timestamp else { return }
            found = (message.offset, message.timestamp)
        }
        return found
    }

    /// The head of an entry whose length and CRC are right.
    package static func checkedHeader(_ bytes: RawSpan) throws(RecordError) -> MessageHeader {
        try whole(bytes).header
    }

    /// A message with what its wrapper says about it.
    struct Message {
        let fields: MessageFields
        let offset: Offset
        let timestamp: Int64
    }

    private static func whole(_ bytes: RawSpan) throws(RecordError) -> MessageFields {
        var end = 0
        let fields = try MessageFields(parsing: bytes, at: &end)
        guard end == bytes.byteCount else { throw .corrupt("\(bytes.byteCount - end) bytes after the message") }
        return fields
    }

    private static func eachMessage(
        in bytes: RawSpan, limit: Int, _ body: (RawSpan, Message) throws(RecordError) -> Void
    ) throws(RecordError) -> MessageHeader {
        let fields = try whole(bytes)
        let header = fields.header
        guard header.codec != .none else {
            try body(bytes, Message(fields: fields, offset: header.offset, timestamp: header.timestamp))
            return header
        }
        guard let value = fields.value else { throw .corrupt("a compressed message set without a value") }
        let plain = try header.codec.decompress(
            bytes.extracting(value), limit: limit, hasOldHeaderChecksum: header.magic == 0)
        try eachMessage(of: header, inPlain: plain.rawSpan, body)
        return header
    }

    private static func eachMessage(
        of wrapper: MessageHeader, inPlain plain: RawSpan, _ body: (RawSpan, Message) throws(RecordError) -> Void
    ) throws(RecordError) {
        let base = try base(of: wrapper, plain)
        var position = 0
        var last: Offset = -1
        while position < plain.byteCount {
            let fields = try MessageFields(parsing: plain, at: &position)
            let header = fields.header
            guard header.magic == wrapper.magic else {
                throw .corrupt("a message of format \(header.magic) in a set of format \(wrapper.magic)")
            }
            guard header.codec == .none else { throw .corrupt("a compressed message set in another one") }
            guard header.offset > last else { throw .corrupt("message offset \(header.offset) after \(last)") }
            last = header.offset
            let timestamp = wrapper.timestampType == .logAppendTime ? wrapper.timestamp : header.timestamp
            // The last offset is the largest, and `base` leaves room for it.
            try body(plain, Message(fields: fields, offset: base + header.offset, timestamp: timestamp))
        }
    }

    /// What the offsets in a wrapper count from.
    ///
    /// In format 0 they are absolute. In format 1 they are relative, and the wrapper has the absolute offset of the last;
    /// a wrapper at offset 0 is what some clients send, and counts from 0.
    private static func base(of wrapper: MessageHeader, _ plain: RawSpan) throws(RecordError) -> Offset {
        guard !plain.isEmpty else { throw .corrupt("a compressed message set without messages") }
        guard wrapper.magic == 1, wrapper.offset != 0 else { return 0 }
        var position = 0
        var last: Offset = 0
        while position < plain.byteCount {
            let header = try MessageHeader(parsing: plain.extracting(position..<plain.byteCount))
            guard header.size <= plain.byteCount - position else {
                throw .truncated(needed: header.size, remaining: plain.byteCount - position)
            }
            last = header.offset
            position += header.size
        }
        guard last <= wrapper.offset else {
            throw .corrupt("a message at relative offset \(last) in a set that ends at \(wrapper.offset)")
        }
        return wrapper.offset - last
    }
}
