/// Where the parts of one entry of an old message set stand.
struct MessageFields {
    let header: MessageHeader
    let key: Range<Int>?
    let value: Range<Int>?

    /// Parses the entry at `position`, whose CRC must be right, and moves there to its end.
    init(parsing bytes: RawSpan, at position: inout Int) throws(RecordError) {
        let entry = bytes.extracting(position..<bytes.byteCount)
        header = try MessageHeader(parsing: entry)
        guard header.size <= entry.byteCount else {
            throw .truncated(needed: header.size, remaining: entry.byteCount)
        }
        let computed = crc32(entry.extracting(MessageHeader.checked..<header.size))
        guard computed == header.crc else { throw .crcMismatch(stored: header.crc, computed: computed) }
        let message = bytes.extracting(0..<position + header.size)
        var next = position + MessageHeader.size(magic: header.magic)
        key = try Self.nullable(message, &next)
        value = try Self.nullable(message, &next)
        guard next == message.byteCount else {
            throw .corrupt("\(message.byteCount - next) bytes after a message's value")
        }
        position = next
    }

    private static func nullable(_ bytes: RawSpan, _ position: inout Int) throws(RecordError) -> Range<Int>? {
        guard bytes.byteCount - position >= 4 else {
            throw .truncated(needed: 4, remaining: bytes.byteCount - position)
        }
        let length = Int(bytes.integer(position, as: Int32.self))
        position += 4
        if length == -1 { return nil }
        guard length >= 0 else { throw .corrupt("negative length \(length)") }
        guard length <= bytes.byteCount - position else {
            throw .truncated(needed: length, remaining: bytes.byteCount - position)
        }
        defer { position += length }
        return position..<position + length
    }
}
