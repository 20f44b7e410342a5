import Records

/// What a partition remembers of its producers, as a file named by the offset that it reaches: `%020d.snapshot`, in
/// Kafka's form, big-endian.
/// ```
/// offset 0, size 2, version 1
/// offset 2, size 4, CRC-32C of everything from count on
/// offset 6, size 4, count, then for each producer
///     i64 producerId, i16 epoch, i32 lastSequence, i64 lastOffset, i32 last - first offset of the newest batch,
///     i64 timestamp, i32 coordinatorEpoch, i64 first offset of the open transaction or -1
/// ```
/// Only the newest batch of each producer is in it. Like every copy of what the batches say it can be done without: one
/// that is torn or wrong is passed over, and the batches from an older one on are read again.
enum ProducerSnapshot {
    static let suffix = ".snapshot"
    private static let version: Int16 = 1
    private static let headerSize = 10
    private static let entrySize = 46
    /// Larger files are passed over: some 1.4 million producers.
    private static let sizeLimit = 64 << 20

    static func path(_ directory: String, _ offset: Offset) -> String { Segment.stem(directory, offset) + suffix }

    /// The offset that a snapshot's name says, nil for any other name.
    static func offset(of name: String) -> Offset? {
        name.hasSuffix(suffix) ? Segment.offset(named: name.dropLast(suffix.count)) : nil
    }

    static func encode(_ table: ProducerTable) -> [UInt8] {
        var writer = ByteWriter(reserving: headerSize + entrySize * table.entries.count)
        writer.write(version)
        writer.write(UInt32(0))
        writer.write(Int32(clamping: table.entries.count))
        for (id, entry) in table.entries.sorted(by: { $0.key < $1.key }) {
            let last = entry.batches.last
            writer.write(id)
            writer.write(entry.epoch)
            writer.write(last?.lastSequence ?? -1)
            writer.write(last?.lastOffset ?? -1)
            writer.write(last.map { Int32(clamping: $0.lastOffset - $0.baseOffset) } ?? 0)
            writer.write(entry.timestamp)
            writer.write(entry.coordinatorEpoch)
            writer.write(entry.transactionStart ?? -1)
        }
        writer.patch(crc32c(writer.bytes.rawSpan.extracting(droppingFirst: 6)), at: 2)
        return writer.bytes
    }

    /// - Parameters:
    ///   - end: the offset that the snapshot reaches; nothing in it may lie beyond.
    ///   - limit: producers that the table keeps.
    static func decode(_ bytes: [UInt8], upTo end: Offset, limit: Int) throws(RecordError) -> ProducerTable {
        var reader = ByteReader(bytes)
        let found: Int16 = try reader.read()
        guard found == version else { throw .corrupt("version \(found), only \(version) is known") }
        let stored: UInt32 = try reader.read()
        let computed = crc32c(bytes.rawSpan.extracting(droppingFirst: 6))
        guard stored == computed else { throw .crcMismatch(stored: stored, computed: computed) }
        let count: Int32 = try reader.read()
        guard count >= 0, Int(count) * entrySize == reader.remaining else {
            throw .corrupt("\(count) producers in \(reader.remaining) bytes")
        }
        var entries: [Int64: ProducerTable.Entry] = [:]
        if count > 0 { entries.reserveCapacity(Int(count)) }
        for _ in 0..<count {
            let id: Int64 = try reader.read()
            guard id >= 0, entries.updateValue(try entry(&reader, end), forKey: id) == nil else {
                throw .corrupt("producer \(id) is there twice, or is none")
            }
        }
        return ProducerTable(limit: limit, entries: entries)
    }

    private static func entry(_ reader: inout ByteReader, _ end: Offset) throws(RecordError) -> ProducerTable.Entry {
        let epoch: Int16 = try reader.read()
        let lastSequence: Int32 = try reader.read()
        let lastOffset: Offset = try reader.read()
        let delta: Int32 = try reader.read()
        let timestamp: Int64 = try reader.read()
        let coordinatorEpoch: Int32 = try reader.read()
        let start: Offset = try reader.read()
        guard lastOffset >= -1, lastOffset < end, delta >= 0, lastOffset < 0 || Int64(delta) <= lastOffset else {
            throw .corrupt("a batch of \(delta) offsets up to \(lastOffset), in a snapshot at \(end)")
        }
        guard start >= -1, start < end else { throw .corrupt("a transaction from \(start) in a snapshot at \(end)") }
        var entry = ProducerTable.Entry(epoch: epoch)
        entry.timestamp = timestamp
        entry.coordinatorEpoch = coordinatorEpoch
        entry.transactionStart = start < 0 ? nil : start
        if lastOffset >= 0 {
            // The sequence of its first record: 0 comes after 2147483647.
            let first = lastSequence < 0 ? -1 : (Int64(lastSequence) - Int64(delta)) & 0x7fff_ffff
            entry.batches = [
                ProducerTable.Batch(
                    firstSequence: Int32(truncatingIfNeeded: first), lastSequence: lastSequence,
                    baseOffset: lastOffset - Int64(delta), lastOffset: lastOffset)
            ]
        }
        return entry
    }

    // MARK: - Files

    /// Writes a snapshot; one of the same name is overwritten.
    /// - Parameter offset: the end of the log that `table` reaches.
    /// - Returns: the file, which has unsynced bytes, as its directory has an unsynced name.
    static func write(
        _ table: ProducerTable, in directory: String, at offset: Offset, disk: Disk
    ) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path(directory, offset), .create)
        let bytes = encode(table)
        try file.write(bytes, at: 0)
        try file.truncate(to: Int64(bytes.count))
        return file
    }

    /// The newest snapshot that reaches no further than an offset. Those that are torn or wrong are passed over.
    /// - Parameter limit: producers that the table keeps.
    /// - Returns: nil if there is none: everything is then to be read from the first batch on.
    static func newest(
        in directory: String, atOrBelow offset: Offset, limit: Int, disk: Disk
    ) throws(DiskError) -> (offset: Offset, table: ProducerTable)? {
        let offsets = try disk.list(directory).compactMap { self.offset(of: $0) }
        return try newest(of: offsets, in: directory, atOrBelow: offset, limit: limit, disk: disk)
    }

    /// As ``newest(in:atOrBelow:limit:disk:)``, for who has listed the directory already.
    static func newest(
        of offsets: [Offset], in directory: String, atOrBelow limitOffset: Offset, limit: Int, disk: Disk
    ) throws(DiskError) -> (offset: Offset, table: ProducerTable)? {
        for offset in offsets.sorted(by: >) where offset <= limitOffset {
            guard let bytes = try disk.readFile(path(directory, offset), limit: sizeLimit + 1),
                bytes.count <= sizeLimit, let table = try? decode(bytes, upTo: offset, limit: limit)
            else { continue }
            return (offset, table)
        }
        return nil
    }

    /// Removes the snapshots that reach beyond an offset, before the log is cut there: they tell of batches that go.
    /// - Returns: whether there were any; the directory is to be synced then.
    static func remove(in directory: String, above offset: Offset, disk: Disk) throws(DiskError) -> Bool {
        let gone = try disk.list(directory).filter { self.offset(of: $0) ?? 0 > offset }
        for name in gone { try disk.removeIfThere("\(directory)/\(name)") }
        return !gone.isEmpty
    }
}
