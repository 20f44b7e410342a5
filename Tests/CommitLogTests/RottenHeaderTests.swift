import Platform
import Records
import TestSupport
import Testing

@testable import CommitLog

/// Headers that rot below the recovery point, in the topics that every opening reads from their beginning.
@Suite struct RottenHeaderTests {
    /// What becomes of the header of the second batch.
    enum Rot: CaseIterable {
        case magic, oldMagic, length, count, offset

        func change(_ bytes: inout [UInt8], at start: Int) {
            switch self {
            case .magic: bytes[start + 16] = 7
            case .oldMagic: bytes[start + 16] = 1
            case .length: bytes[start + 8] ^= 0x40
            case .count: bytes.replaceSubrange(start + 57..<start + 61, with: [0, 0, 0, 0])
            case .offset: bytes[start + 4] ^= 1
            }
        }
    }

    /// Lets the segments of a topic of ours be small: then those before the last are not scanned.
    private func shrink(_ partition: Partition, _ isSmall: Bool, to bytes: Int64) {
        guard isSmall else { return }
        var settings = partition.settings
        settings.segmentBytes = bytes
        partition.apply(Shared(settings))
    }

    private func rot(_ memory: MemoryDisk, _ path: String, _ kind: Rot, batch: Int) throws {
        var bytes = try #require(memory.bytes(of: path))
        kind.change(&bytes, at: try Make.batches(in: bytes)[batch].lowerBound)
        memory.setBytes(of: path, to: bytes)
    }

    @Test(
        "a rotten header in the positions is damage, and those behind it are read", arguments: Rot.allCases,
        [(true, true), (true, false), (false, true), (false, false)])
    func positions(kind: Rot, _ variant: (isClean: Bool, isSmall: Bool)) throws {
        let isClean = variant.isClean
        var site = try Site()
        shrink(site.directory.positionsPartition, variant.isSmall, to: 1_200)
        for number in Int64(2)...6 { try site.commit(number) }
        _ = try site.directory.append(Round(pipeline: "q", positions: [Make.position(1, inode: 7)]))
        try site.directory.checkpoint()
        if isClean { try site.directory.close() }
        site.memory.syncAll()
        site.memory.kill()
        try rot(site.memory, DamageTests.positions, kind, batch: 1)
        for life in 0..<2 {
            try site.reopen()
            #expect(site.directory.positionsDamaged)
            #expect(site.directory.recovery.damage.count == 1 - life, "\(site.directory.recovery)")
            #expect(site.directory.recovery.cuts.isEmpty && site.directory.recovery.roundsRolledBack == 0)
            #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == [6])
            #expect(site.directory.positions(pipeline: "q").map(\.position.offset) == [1])
            #expect(site.partitions.map(\.highWatermark) == [12, 12, 12])
            if isClean { try site.directory.close() }
            site.memory.kill()
        }
    }

    @Test(
        "a rotten header in the registry costs its own record and no other, and no id is handed out twice",
        arguments: Rot.allCases, [(true, true), (true, false), (false, true), (false, false)])
    func registry(kind: Rot, _ variant: (isClean: Bool, isSmall: Bool)) throws {
        let isClean = variant.isClean
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        shrink(directory.registryPartition, variant.isSmall, to: 600)
        let early = try directory.nextProducerIdBlock()
        let kept = try directory.createTopic("kept", partitions: 1, configuration: ["retention.ms": "77"])
        let gone = try directory.createTopic("gone", partitions: 1)
        try directory.deleteTopic("gone")
        for _ in 0..<5 { _ = try directory.nextProducerIdBlock() }
        let late = try directory.nextProducerIdBlock()
        try directory.checkpoint()
        if isClean { try directory.close() }
        memory.syncAll()
        memory.kill()
        // The record of the block that was handed out first.
        try rot(memory, "/d/__penstock_topics-0/00000000000000000000.log", kind, batch: 1)
        for life in 0..<2 {
            directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(directory.recovery.damage.count == 1 - life, "\(directory.recovery)")
            #expect(directory.recovery.adopted.isEmpty)
            #expect(directory.topic(named: "kept")?.id == kept.id)
            #expect(directory.topic(named: "kept")?.configuration["retention.ms"] == "77")
            #expect(directory.topic(named: "gone") == nil)
            #expect(directory.naming.withLock { $0.deleted[gone.id] == "gone" })
            let next = try directory.nextProducerIdBlock()
            #expect(next.lowerBound >= late.upperBound && next.lowerBound >= early.upperBound)
            if isClean { try directory.close() }
            memory.kill()
        }
    }
}
