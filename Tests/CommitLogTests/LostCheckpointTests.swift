import Records
import TestSupport
import Testing

@testable import CommitLog

/// Rounds in a directory that has lost the file of its recovery points.
@Suite struct LostCheckpointTests {
    private static let checkpoint = "/d/\(OffsetCheckpoint.Name.recoveryPoint.rawValue)"

    /// Durable rounds, of whose commit records a compaction left the newest of each pipeline: that of a retired one names a
    /// batch that is gone as well.
    private func site(_ memory: MemoryDisk) throws -> DataDirectory {
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        var settings = directory.positionsPartition.settings
        settings.segmentBytes = 1_000
        directory.positionsPartition.apply(Shared(settings))
        let compacted = ["cleanup.policy": "compact", "segment.bytes": "400", "min.cleanable.dirty.ratio": "0.01"]
        let old = try directory.createTopic("old", partitions: 1, configuration: compacted)
        let topic = try directory.createTopic("t", partitions: 3)
        for number in Int64(0)..<8 {
            _ = try directory.append(
                directory.round("retired", [(old.partitions[0], [["\(number)"]])], positions: [Make.position(number)]))
        }
        for number in 0..<40 {
            // One partition gets its rounds first: no surviving record names it.
            _ = try directory.append(
                directory.round(
                    "p", [(topic.partitions[number < 10 ? 0 : 1 + number % 2], [["\(number)"]])],
                    positions: [Make.position(Int64(number), inode: 2)]))
        }
        try directory.checkpoint()
        for partition in [directory.positionsPartition, old.partitions[0]] {
            #expect(try #require(try directory.clean(partition, now: Make.time)).objection == nil)
        }
        return directory
    }

    private func values(_ directory: DataDirectory) throws -> [Int] {
        let partitions = try #require(directory.topic(named: "t")).partitions
        return try partitions.flatMap { try $0.allValues() }.compactMap { Int($0) }.sorted()
    }

    @Test(
        "without its recovery points no durable round is rolled back, and rounds go on where that is certain",
        arguments: [true, false], [nil, "0\n1\nt 1 x\n"])
    func lost(isClean: Bool, text: String?) throws {
        let memory = MemoryDisk()
        var directory = try site(memory)
        if isClean { try directory.close() } else { try directory.sync() }
        memory.syncAll()
        memory.kill()
        if let text {
            memory.setBytes(of: Self.checkpoint, to: Array(text.utf8))
        } else {
            try memory.disk.removeFile(Self.checkpoint)
        }
        for life in 0..<2 {
            directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(try values(directory) == Array(0..<40))
            #expect(directory.recovery.roundsRolledBack == 0)
            #expect(directory.recovery.cuts.isEmpty && directory.recovery.damage.isEmpty, "\(directory.recovery)")
            #expect(directory.positionsDamaged == !isClean, "\(directory.recovery)")
            let isTold = directory.recovery.description.contains("no round is taken for unfinished")
            #expect(isTold == (life == 0 && text != nil))
            memory.kill()
        }
    }

    @Test("without its recovery points a torn end is cut, and the positions are damaged, even after a clean stop")
    func torn() throws {
        let memory = MemoryDisk()
        try site(memory).close()
        memory.syncAll()
        memory.kill()
        try memory.disk.removeFile(Self.checkpoint)
        let log = "/d/t-2/00000000000000000000.log"
        memory.setBytes(of: log, to: Array(try #require(memory.bytes(of: log)).dropLast(3)))
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(try values(directory) == Array(0..<39))
        #expect(directory.recovery.cuts.map(\.partition) == ["t-2"])
        #expect(directory.positionsDamaged)
        #expect(directory.recovery.roundsRolledBack == 0)
    }

    @Test("a leader epoch that nobody was given is not believed: it stands outside of the checksum")
    func epoch() throws {
        for epoch in [UInt8](arrayLiteral: 0x40, 0x7f) {
            var site = try Site()
            try site.commit(2)
            let before = site.directory.leaderEpoch
            try site.directory.sync()
            site.memory.kill()
            var bytes = try #require(site.memory.bytes(of: DamageTests.log))
            bytes.replaceSubrange(12..<16, with: epoch == 0x7f ? [epoch, 255, 255, 255] : [epoch, 0, 0, 0])
            site.memory.setBytes(of: DamageTests.log, to: bytes)
            try site.reopen()
            #expect(site.directory.leaderEpoch == before + 1)
            try site.commit(3)
            #expect(site.partitions[1].epochEnd(for: before + 1).endOffset == 6)
            #expect(try site.rounds() == [1, 2, 3])
        }
    }

    @Test("an empty directory that is only called like a partition stays")
    func emptyDirectory() throws {
        let memory = MemoryDisk()
        try DataDirectory.open("/d", disk: memory.disk).close()
        memory.kill()
        try memory.disk.makeDirectory("/d/photos-2026")
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(try memory.disk.exists("/d/photos-2026"))
        #expect(directory.topic(named: "photos") == nil)
    }
}
