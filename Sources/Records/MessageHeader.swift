/// The head of one entry of an old message set (record formats 0 and 1): of a message, or of a wrapper whose value is a
/// compressed set of messages. All integers are big-endian.
/// ```
/// offset  0, size 8, offset       of the message; of the last one in a wrapper; 0 in some clients' produce data
/// offset  8, size 4, messageSize  bytes after this field, at least 14 in format 0, 22 in format 1
/// offset 12, size 4, crc          CRC-32 (zlib's) of everything from magic on
/// offset 16, size 1, magic        0 or 1; a batch has its magic at the same place
/// offset 17, size 1, attributes   bits 0-2 codec (zstd never), bit 3 log append time (format 1 only)
/// offset 18, size 8, timestamp    format 1 only; a wrapper's is the largest of its messages
///          then key, value        each: size 4, length, -1 for null; bytes
/// ```
package struct MessageHeader: Hashable, Sendable {
    /// Bytes before what the CRC covers.
    static let checked = 16
    private static let lengthEnd = 12
    private static let logAppendTime: Int8 = 1 << 3

    package let offset: Offset
    package let messageSize: Int32
    package let crc: UInt32
    package let magic: Int8
    package let attributes: Int8
    /// -1 in format 0.
    package let timestamp: Int64

    /// Bytes up to the key's length.
    static func size(magic: Int8) -> Int { magic == 0 ? 18 : 26 }

    /// Bytes of the largest head: whoever has so many, or the whole entry, can parse it.
    package static let largest = size(magic: 1)

    /// Reads the head at the beginning of `bytes`; what follows it is not looked at, and need not be there.
    ///
    /// What it returns is consistent in itself. Nothing is said about the CRC.
    package init(parsing bytes: RawSpan) throws(RecordError) {
        guard bytes.byteCount > 16 else { throw .truncated(needed: 17, remaining: bytes.byteCount) }
        magic = bytes.integer(16)
        guard magic == 0 || magic == 1 else { throw .unsupportedMagic(magic) }
        let size = Self.size(magic: magic)
        guard bytes.byteCount >= size else { throw .truncated(needed: size, remaining: bytes.byteCount) }
        offset = bytes.integer(0)
        messageSize = bytes.integer(8)
        crc = bytes.integer(12)
        attributes = bytes.integer(17)
        timestamp = magic == 0 ? -1 : bytes.integer(18)
        guard offset >= 0, offset < .max else { throw .corrupt("message offset \(offset)") }
        // The two lengths of key and value follow.
        guard Int(messageSize) >= size - Self.lengthEnd + 8 else { throw .corrupt("message size \(messageSize)") }
        let codec = UInt8(attributes & 7)
        guard codec <= Codec.lz4.rawValue else { throw .unsupportedCodec(codec) }
    }

    /// Bytes of the whole entry.
    package var size: Int { Int(messageSize) + Self.lengthEnd }
    /// Anything but `none` makes it a wrapper.
    package var codec: Codec { Codec(rawValue: UInt8(attributes & 7)) ?? .none }
    package var timestampType: TimestampType {
        magic == 1 && attributes & Self.logAppendTime != 0 ? .logAppendTime : .createTime
    }
}
