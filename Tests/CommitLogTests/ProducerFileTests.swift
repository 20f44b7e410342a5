import Platform
import Records
import TestSupport
import Testing

@testable import CommitLog

/// Producer snapshots and transaction indexes as files: Kafka's bytes, and bytes that nobody meant.
@Suite struct ProducerFileTests {
    /// As Kafka's engine wrote it: two producers, one with an open transaction.
    static let golden = FormatTests.bytes(
        """
        0001 a509187f 00000002
        0000000000001092 0007 0000000c 00000000000003ea 00000002 0000018bcfe56805 00000005 ffffffffffffffff
        0000000000001093 0000 00000003 00000000000003f7 00000000 0000018bcfe56814 ffffffff 00000000000003f4
        """)

    static func table() throws -> ProducerTable { try ProducerSnapshot.decode(golden, upTo: 1016, limit: 10) }

    @Test("a producer snapshot is Kafka's, byte for byte, both ways")
    func snapshot() throws {
        let table = try Self.table()
        #expect(ProducerSnapshot.encode(table) == Self.golden)
        let first = try #require(table.entries[0x1092])
        #expect((first.epoch, first.timestamp, first.coordinatorEpoch) == (7, 0x18b_cfe5_6805, 5))
        #expect(first.transactionStart == nil)
        #expect(
            first.batches
                == [ProducerTable.Batch(firstSequence: 10, lastSequence: 12, baseOffset: 1000, lastOffset: 1002)])
        #expect(table.entries[0x1093]?.transactionStart == 1012)
        #expect(table.transactions.first == 1012)
    }

    @Test("every prefix and every changed bit of a snapshot is refused, and so is one that tells of the future")
    func brokenSnapshot() throws {
        for count in 0..<Self.golden.count {
            #expect(throws: RecordError.self) {
                _ = try ProducerSnapshot.decode(Array(Self.golden.prefix(count)), upTo: 1016, limit: 10)
            }
        }
        for place in Self.golden.indices {
            for bit in 0..<8 {
                var bytes = Self.golden
                bytes[place] ^= 1 << UInt8(bit)
                #expect(throws: RecordError.self) { _ = try ProducerSnapshot.decode(bytes, upTo: 1016, limit: 10) }
            }
        }
        #expect(throws: RecordError.self) { _ = try ProducerSnapshot.decode(Self.golden, upTo: 1015, limit: 10) }
    }

    /// A snapshot with a right checksum over fields that cannot be.
    private func forged(_ place: Int, _ value: Int64, size: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes = Self.golden
        for byte in 0..<size {
            writer.bytes[place + byte] = UInt8(truncatingIfNeeded: value >> Int64(8 * (size - 1 - byte)))
        }
        writer.patch(crc32c(writer.bytes.rawSpan.extracting(droppingFirst: 6)), at: 2)
        return writer.bytes
    }

    @Test("fields that cannot be are refused although the checksum is right")
    func forgedSnapshot() throws {
        let wrong: [(String, Int, Int64, Int)] = [
            ("version 2", 0, 2, 2), ("a negative count", 6, -1, 4), ("a producer more", 6, 3, 4),
            ("a producer twice", 56, 0x1092, 8), ("a negative producer", 10, -5, 8), ("offset -2", 24, -2, 8),
            ("a batch longer than the log", 32, 2000, 4), ("a negative length", 32, -1, 4),
            ("a transaction from the future", 94, 1016, 8), ("a transaction at -2", 94, -2, 8),
        ]
        for (name, place, value, size) in wrong {
            let bytes = forged(place, value, size: size)
            #expect(throws: RecordError.self, "\(name)") {
                _ = try ProducerSnapshot.decode(bytes, upTo: 1016, limit: 10)
            }
        }
        // The widest values do not trap.
        for (place, size) in [(20, 4), (24, 8), (32, 4), (36, 8), (44, 4)] {
            for value in [Int64.min, .max] {
                _ = try? ProducerSnapshot.decode(
                    forged(place, value >> Int64(64 - 8 * size), size: size), upTo: .max, limit: 10)
            }
        }
    }

    @Test("the newest snapshot that can be read is taken, none beyond the offset")
    func newest() throws {
        let disk = MemoryDisk().disk
        try disk.makeDirectory("/t")
        func write(_ offset: Offset, _ bytes: [UInt8]) throws {
            try disk.open(ProducerSnapshot.path("/t", offset), .create).write(bytes, at: 0)
        }
        func find(_ offset: Offset) throws -> Offset? {
            try ProducerSnapshot.newest(in: "/t", atOrBelow: offset, limit: 10, disk: disk)?.offset
        }
        #expect(try find(5000) == nil)
        try write(1016, Self.golden)
        try write(2000, Self.golden)
        try write(3000, Array(Self.golden.dropLast()))
        try write(4000, [])
        // Other files do not count, whatever their names look like.
        try disk.open("/t/5.snapshot", .create).write(Self.golden, at: 0)
        try disk.open("/t/-0000000000000001050.snapshot", .create).write(Self.golden, at: 0)
        #expect(try find(5000) == 2000)
        #expect(try find(2000) == 2000)
        #expect(try find(1999) == 1016)
        #expect(try find(1015) == nil)
        #expect(try ProducerSnapshot.remove(in: "/t", above: 2000, disk: disk))
        #expect(
            try disk.list("/t").sorted() == [
                "-0000000000000001050.snapshot", "00000000000000001016.snapshot", "00000000000000002000.snapshot",
                "5.snapshot",
            ])
    }

    @Test("a snapshot of more producers than the table keeps leaves out the longest silent, none that must be kept")
    func limit() throws {
        var table = ProducerTable(limit: 100)
        for id in 0..<100 {
            let stamp = ProducerStamp(id: Int64(id), epoch: 0, baseSequence: 0)
            table.record(try Make.header(stamp, at: Offset(id), isTransactional: id == 3), nil)
        }
        let read = try ProducerSnapshot.decode(ProducerSnapshot.encode(table), upTo: 100, limit: 10)
        #expect(read.entries.keys.sorted() == [3] + Array(91..<100))
        #expect(read.transactions.first == 3)
    }

    @Test(
        "Kafka's snapshot and transaction index are read and written byte for byte",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)))
    func vectors() throws {
        for name in [
            "index-files/00000000000000001040.snapshot", "partition-dir/t1-0/00000000000000000021.snapshot",
            "partition-dir/t1-0/00000000000000000043.snapshot", "partition-dir/t1-0/00000000000000000045.snapshot",
        ] {
            let bytes = try Shared.bytes("vectors/" + name)
            let offset = try #require(ProducerSnapshot.offset(of: String(name.suffix(29))))
            #expect(ProducerSnapshot.encode(try ProducerSnapshot.decode(bytes, upTo: offset, limit: 99)) == bytes)
        }
        for name in ["index-files/00000000000000001000.txnindex", "partition-dir/t1-0/00000000000000000021.txnindex"] {
            let bytes = try Shared.bytes("vectors/" + name)
            let entries = try TransactionIndex.decode(bytes[...])
            #expect(!entries.isEmpty)
            #expect(TransactionIndex.encode(entries) == bytes)
        }
        let two = try TransactionIndex.decode(Shared.bytes("vectors/index-files/00000000000000001000.txnindex")[...])
        #expect(
            two == [
                AbortedTransaction(producerId: 0x1092, firstOffset: 1003, lastOffset: 1010, lastStable: 1011),
                AbortedTransaction(producerId: 0x1093, firstOffset: 1012, lastOffset: 1020, lastStable: 1015),
            ])
    }

    @Test("a transaction index of other size, version or order is refused")
    func brokenIndex() throws {
        let entries = [
            AbortedTransaction(producerId: 1, firstOffset: 3, lastOffset: 5, lastStable: 6),
            AbortedTransaction(producerId: 2, firstOffset: 0, lastOffset: 9, lastStable: 10),
        ]
        let bytes = TransactionIndex.encode(entries)
        #expect(try TransactionIndex.decode(bytes[...]) == entries)
        #expect(throws: RecordError.self) { _ = try TransactionIndex.decode(bytes.dropLast()) }
        var version = bytes
        version[1] = 1
        #expect(throws: RecordError.self) { _ = try TransactionIndex.decode(version[...]) }
        #expect(throws: RecordError.self) {
            _ = try TransactionIndex.decode(TransactionIndex.encode(entries.reversed())[...])
        }
        let backwards = AbortedTransaction(producerId: 1, firstOffset: 6, lastOffset: 5, lastStable: 6)
        #expect(throws: RecordError.self) { _ = try TransactionIndex.decode(TransactionIndex.encode([backwards])[...]) }
    }

    @Test(
        "a transaction marker is Kafka's, byte for byte, both ways",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)),
        arguments: [TransactionMarker.Outcome.commit, .abort])
    func marker(outcome: TransactionMarker.Outcome) throws {
        let bytes = try Shared.bytes("vectors/batches/v2-control-\(outcome)-java.bin")
        let marker = try #require(TransactionMarker(try EncodedBatch(copying: bytes[...])))
        #expect(marker == TransactionMarker(outcome, coordinatorEpoch: 5))
        #expect(TransactionMarker(records: bytes[BatchHeader.size...]) == marker)
        let batch = try marker.batch(producer: 4242, epoch: 7, timestamp: 1_700_000_000_009)
        batch.stamp(baseOffset: 103, leaderEpoch: 3)
        #expect(batch.withUnsafeBytes { Array($0) } == bytes)
        for count in BatchHeader.size..<bytes.count - 1 {
            #expect(TransactionMarker(records: bytes[BatchHeader.size..<count]) == nil)
        }
    }

    @Test("the snapshot of a checkpoint stays as it is when a segment begins there, and is that segment's own")
    func ownSnapshot() throws {
        let scene = try TransactionTests.Scene()
        let path = "/d/t-0/00000000000000000001.snapshot"
        try scene.send(7, 0, isTransactional: false)
        try scene.directory.checkpoint()
        #expect(scene.memory.bytes(of: path) != nil)
        try scene.directory.alterTopic(named: "t", configuration: ["segment.bytes": "14"])
        let writes = Lock(0)
        scene.memory.fail { call in
            if call.operation == .write && call.path.hasPrefix(path) { writes.withLock { $0 += 1 } }
            return nil
        }
        try scene.send(7, 1, isTransactional: false)
        #expect(scene.memory.bytes(of: "/d/t-0/00000000000000000001.log")?.isEmpty == false)
        #expect(writes.withLock { $0 } == 0)
        try scene.directory.checkpoint()
        #expect(scene.memory.bytes(of: path) != nil)
    }
}
