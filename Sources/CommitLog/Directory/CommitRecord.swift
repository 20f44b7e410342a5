import Records

/// The last record of a round's batch in `__penstock_positions`: with it the round is whole.
///
/// The batch holds one record for each position that changed, and this one last. Integers are big-endian, strings a
/// u16 length and UTF-8:
/// ```
/// position, key:    i16 kind = 0, string pipeline, string source, u64 device, u64 inode, u32 generation
/// position, value:  see ``SourcePosition/version``; null forgets the position
/// commit, key:      i16 kind = 1, string pipeline
/// commit, value:    i8 version = 1,
///                   i64 synced: every commit record below this offset was known durable when this was written,
///                   i32 count, count × (u64, u64 topic id, i32 partition, i64 end offset, u32 CRC of the last batch)
/// ```
/// Keys are chosen so that compaction by key keeps the newest position of each file, whichever round wrote it.
struct CommitRecord: Hashable {
    static let version: Int8 = 1

    var pipeline: String
    var synced: Offset
    var ends: [End]

    /// Where a partition ended when the round was whole.
    struct End: Hashable {
        var topic: TopicID
        var partition: Int32
        /// The offset after the round's last batch.
        var end: Offset
        /// As it stands in the last batch's header.
        var crc: UInt32
    }
}

/// A record's key in `__penstock_positions`.
enum PositionsKey: Hashable {
    case position(FileKey)
    case commit(pipeline: String)

    private enum Kind {
        static let position: Int16 = 0
        static let commit: Int16 = 1
    }

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .position(let file):
            writer.write(Kind.position)
            writer.writeShort(file.pipeline)
            writer.writeShort(file.source)
            writer.write(file.device)
            writer.write(file.inode)
            writer.write(file.generation)
        case .commit(let pipeline):
            writer.write(Kind.commit)
            writer.writeShort(pipeline)
        }
    }

    init(decoding bytes: [UInt8]) throws(RecordError) {
        var reader = ByteReader(bytes)
        let kind: Int16 = try reader.read()
        switch kind {
        case Kind.position:
            self = .position(
                FileKey(
                    pipeline: try reader.readShortString(), source: try reader.readShortString(),
                    device: try reader.read(), inode: try reader.read(), generation: try reader.read()))
        case Kind.commit: self = .commit(pipeline: try reader.readShortString())
        default: throw .corrupt("positions key of kind \(kind)")
        }
    }
}

/// What a source position is kept under.
struct FileKey: Hashable {
    var pipeline: String
    var source: String
    var device: UInt64
    var inode: UInt64
    var generation: UInt32
}

extension FileKey {
    init(pipeline: String, _ update: PositionUpdate) {
        self.init(
            pipeline: pipeline, source: update.source, device: update.position.device,
            inode: update.position.inode, generation: update.position.generation)
    }
}

extension CommitRecord {
    func encodeValue(into writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.write(synced)
        writer.write(Int32(ends.count))
        for end in ends {
            writer.write(end.topic.high)
            writer.write(end.topic.low)
            writer.write(end.partition)
            writer.write(end.end)
            writer.write(end.crc)
        }
    }

    init(pipeline: String, decoding bytes: [UInt8]) throws(RecordError) {
        var reader = ByteReader(bytes)
        let version: Int8 = try reader.read()
        guard version == Self.version else { throw .corrupt("commit record of version \(version)") }
        let synced: Int64 = try reader.read()
        let count: Int32 = try reader.read()
        guard count >= 0, Int(count) * 32 <= reader.remaining else { throw .corrupt("\(count) partition ends") }
        var ends: [End] = []
        ends.reserveCapacity(Int(count))
        for _ in 0..<count {
            let topic = TopicID(high: try reader.read(), low: try reader.read())
            ends.append(
                End(topic: topic, partition: try reader.read(), end: try reader.read(), crc: try reader.read()))
        }
        self.init(pipeline: pipeline, synced: synced, ends: ends)
    }
}
