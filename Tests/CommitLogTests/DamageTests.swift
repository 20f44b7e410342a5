import CommitLog
import Records
import TestSupport
import Testing

/// Bytes that rot after they were synced: said, set aside, and not taken for a torn tail.
@Suite struct DamageTests {
    static let log = "/d/t-1/00000000000000000000.log"
    static let positions = "/d/__penstock_positions-0/00000000000000000000.log"

    /// Rounds 1 to 4, each synced before the next, and a kill.
    private func site() throws -> Site {
        let site = try Site()
        for number in 2...4 {
            try site.commit(Int64(number))
            try site.directory.sync()
        }
        return site
    }

    @Test("a partition that lost more offsets than a segment has is offline and as it was, and the others are served")
    func lostMuch() throws {
        var site = try site()
        try site.directory.close()
        let checkpoint = "/d/recovery-point-offset-checkpoint"
        let lines = String(decoding: try #require(site.memory.bytes(of: checkpoint)), as: UTF8.self)
        let raised = lines.replacing("t 1 8\n", with: "t 1 5000000000\n")
        #expect(raised != lines)
        site.memory.setBytes(of: checkpoint, to: Array(raised.utf8))
        let bytes = site.memory.bytes(of: Self.log)
        site.memory.kill()
        try site.reopen()
        #expect(site.directory.recovery.offline.count == 1)
        #expect("\(site.directory.recovery.offline)".contains("offsets 8 to 4999999999"))
        #expect(try site.partitions[0].allValues().count == 8)
        #expect(site.memory.bytes(of: Self.log) == bytes)
    }

    @Test("a rotten record costs its own batch and no other, in no partition, and a copy is kept", arguments: 0..<6)
    func record(batch: Int) throws {
        var site = try site()
        var bytes = try #require(site.memory.bytes(of: Self.log))
        let range = try Make.batches(in: bytes)[batch]
        bytes[range.upperBound - 2] ^= 1
        let bad = Array(bytes[range])
        site.memory.setBytes(of: Self.log, to: bytes)
        site.memory.kill()
        try site.reopen()
        let damage = site.directory.recovery.damage
        #expect(damage.map(\.partition) == ["t-1"])
        #expect(damage.first?.offsets == Int64(batch)..<Int64(batch) + 1)
        #expect(damage.first?.copy.flatMap { site.memory.bytes(of: $0) } == bad)
        #expect(site.directory.recovery.roundsRolledBack == 0)
        #expect(site.directory.recovery.cuts.isEmpty)
        for partition in site.partitions {
            let whole = (1...4).flatMap { ["r\($0)a\(partition.index)", "r\($0)b\(partition.index)"] }
            let expected = whole.enumerated().filter { partition.index != 1 || $0.offset != batch }.map(\.element)
            #expect(try partition.allValues() == expected)
            #expect(partition.highWatermark == 8)
        }
        // It is said once: the bridge is part of the log now.
        try site.commit(5)
        site.memory.kill()
        try site.reopen()
        #expect(site.directory.recovery.damage.isEmpty)
        #expect(try site.partitions[1].allRecords().last?.offset == 9)
    }

    @Test("a segment that was cut short, or is gone, is bridged up to where it was known to reach")
    func missing() throws {
        for isGone in [true, false] {
            var site = try site()
            if isGone {
                try site.memory.disk.removeFile(Self.log)
            } else {
                let bytes = try #require(site.memory.bytes(of: Self.log))
                site.memory.setBytes(of: Self.log, to: Array(bytes.prefix(100)))
            }
            site.memory.kill()
            try site.reopen()
            // Round 4 was synced, but no later record says so: without its batches it is rolled back whole.
            #expect(site.directory.recovery.roundsRolledBack == 1)
            #expect(site.partitions.map(\.highWatermark) == [6, 6, 6])
            #expect(try site.partitions[0].allValues().count == 6)
            #expect(try site.partitions[1].allValues() == (isGone ? [] : ["r1a1"]))
            #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == [3])
            #expect(site.directory.recovery.damage.first?.partition == "t-1")
            try site.commit(5)
            #expect(try site.partitions[1].allValues().suffix(2) == ["r5a1", "r5b1"])
        }
    }

    @Test("damaged positions roll nothing back: the log is served, and rounds are refused until that is repaired")
    func positionsDamage() throws {
        var site = try site()
        var bytes = try #require(site.memory.bytes(of: Self.positions))
        let range = try Make.batches(in: bytes)[1]
        bytes[range.upperBound - 2] ^= 1
        site.memory.setBytes(of: Self.positions, to: bytes)
        for _ in 0..<2 {
            site.memory.kill()
            try site.reopen()
            #expect(site.directory.recovery.positionsDamaged)
            #expect(site.partitions.map(\.highWatermark) == [8, 8, 8])
            let error = #expect(throws: StorageError.self) { try site.commit(5) }
            #expect(error?.description.contains("no pipeline goes on before that is repaired") == true)
            _ = try site.directory.append(
                Make.batch(["client"]), to: site.directory.createTopic("u", partitions: 1).partitions[0])
            try site.directory.deleteTopic("u")
        }
    }

    @Test("a rotten batch of a client below the checkpoint is not looked for; above it, it is a torn tail")
    func clientRecord() throws {
        for isCheckpointed in [true, false] {
            let memory = MemoryDisk()
            var options = LogOptions()
            options.checkpointBytes = isCheckpointed ? 1 : 1 << 30
            var directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
            let topic = try directory.createTopic("t", partitions: 2)
            for value in ["a", "b", "c"] { _ = try directory.append(Make.batch([value]), to: topic.partitions[1]) }
            try directory.sync()
            var bytes = try #require(memory.bytes(of: Self.log))
            bytes[try Make.batches(in: bytes)[1].upperBound - 2] ^= 1
            memory.setBytes(of: Self.log, to: bytes)
            memory.kill()
            directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
            let partition = try #require(directory.topic(named: "t")).partitions[1]
            #expect(partition.logEnd == (isCheckpointed ? 3 : 1))
            if isCheckpointed {
                // Who reads it is told, and `log verify` finds it.
                #expect(throws: RecordError.self) { try partition.allValues() }
            } else {
                #expect(try partition.allValues() == ["a"])
            }
            #expect(directory.recovery.damage.isEmpty)
            #expect(directory.recovery.cuts.count == (isCheckpointed ? 0 : 1))
        }
    }

    @Test("a clean stop and a recovery leave a checkpoint of everything there is")
    func checkpoints() throws {
        var site = try site()
        func text() -> String {
            String(decoding: site.memory.bytes(of: "/d/recovery-point-offset-checkpoint") ?? [], as: UTF8.self)
        }
        #expect(!text().contains("t 2"))
        try site.directory.close()
        #expect(text().contains("\nt 2 8\n"))
        site.memory.kill()
        try site.reopen()
        try site.commit(5)
        site.memory.kill()
        try site.reopen()
        #expect(text().contains("\nt 2 10\n"))
    }

    @Test("after a clean stop nothing is taken on trust that does not look like batches")
    func afterCleanStop() throws {
        var site = try site()
        try site.directory.close()
        site.memory.kill()
        let bytes = try #require(site.memory.bytes(of: Self.log))
        site.memory.setBytes(of: Self.log, to: bytes + [1, 2, 3])
        try site.reopen()
        #expect(!site.directory.recovery.wasClean)
        #expect(site.directory.recovery.cuts.map(\.bytes) == [3])
        #expect(try site.rounds() == [1, 2, 3, 4])
    }
}
