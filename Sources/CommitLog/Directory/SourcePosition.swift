package import Records

/// How far a source has read a file: what is committed together with the records read up to there.
///
/// The file is known by device, inode and generation; that it still is the same file, by a fingerprint of its head and a
/// hash of the bytes just before the position. The path is a label.
package struct SourcePosition: Hashable, Sendable {
    package var path = ""
    package var device: UInt64 = 0
    package var inode: UInt64 = 0
    /// Counts up when the inode turns out to hold another file, or a file that was cut.
    package var generation: UInt32 = 0
    /// Bytes of the head that ``headHash`` covers, at most 1024; grows with the file.
    package var headLength: Int32 = 0
    package var headHash: UInt64 = 0
    /// Bytes just before ``offset`` that ``tailHash`` covers, at most 256.
    package var tailLength: Int32 = 0
    package var tailHash: UInt64 = 0
    /// The byte to read next.
    package var offset: Int64 = 0
    /// Lines before ``offset``.
    package var lines: Int64 = 0
    /// What could not be read, the newest ``abandonedLimit`` ranges.
    package var abandoned: [AbandonedRange] = []
    /// All bytes that could not be read, whether their range is still listed or not.
    package var abandonedBytes: Int64 = 0
    package var errors: Int64 = 0
    /// Whatever else the source must know to go on, such as a half-read multi-line record. Bounded by the source.
    package var state: [UInt8] = []

    package static let abandonedLimit = 32

    package init() {}
}

/// Bytes of a file that were never read, and why.
package struct AbandonedRange: Hashable, Sendable {
    package var from: Int64
    package var to: Int64
    package var cause: String

    package init(from: Int64, to: Int64, cause: String) {
        self.from = from
        self.to = to
        self.cause = cause
    }
}

extension SourcePosition {
    /// The layout that ``encode(into:)`` writes. Integers are big-endian, strings a u16 length and UTF-8:
    /// ```
    /// i8 version = 1, string path, u64 device, u64 inode, u32 generation,
    /// i32 headLength, u64 headHash, i32 tailLength, u64 tailHash, i64 offset, i64 lines,
    /// i64 abandonedBytes, i64 errors, u16 count, count × (i64 from, i64 to, string cause),
    /// i32 length, state
    /// ```
    static let version: Int8 = 1

    func encode(into writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.writeShort(path)
        writer.write(device)
        writer.write(inode)
        writer.write(generation)
        writer.write(headLength)
        writer.write(headHash)
        writer.write(tailLength)
        writer.write(tailHash)
        writer.write(offset)
        writer.write(lines)
        writer.write(abandonedBytes)
        writer.write(errors)
        let listed = abandoned.suffix(Self.abandonedLimit)
        writer.write(UInt16(listed.count))
        for range in listed {
            writer.write(range.from)
            writer.write(range.to)
            writer.writeShort(range.cause)
        }
        writer.write(Int32(clamping: state.count))
        writer.append(contentsOf: state.prefix(Int(Int32.max)))
    }

    /// The same as bytes of their own.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter(reserving: 128 + path.utf8.count + state.count)
        encode(into: &writer)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(RecordError) {
        var reader = ByteReader(bytes)
        let version: Int8 = try reader.read()
        guard version == Self.version else { throw .corrupt("source position of version \(version)") }
        path = try reader.readShortString()
        device = try reader.read()
        inode = try reader.read()
        generation = try reader.read()
        headLength = try reader.read()
        headHash = try reader.read()
        tailLength = try reader.read()
        tailHash = try reader.read()
        offset = try reader.read()
        lines = try reader.read()
        abandonedBytes = try reader.read()
        errors = try reader.read()
        let count: UInt16 = try reader.read()
        for _ in 0..<count {
            let from: Int64 = try reader.read()
            let to: Int64 = try reader.read()
            abandoned.append(AbandonedRange(from: from, to: to, cause: try reader.readShortString()))
        }
        let length: Int32 = try reader.read()
        state = Array(try reader.readBytes(Int(length)))
    }
}

extension ByteWriter {
    /// A u16 length and UTF-8; what does not fit is cut at a character.
    mutating func writeShort(_ text: String) {
        var text = text
        while text.utf8.count > Int(UInt16.max) { text.removeLast() }
        write(UInt16(text.utf8.count))
        append(contentsOf: text.utf8)
    }
}

extension ByteReader {
    mutating func readShortString() throws(RecordError) -> String {
        let length: UInt16 = try read()
        return try readString(Int(length))
    }
}
