import CommitLog
import Platform
import Records
import TestSupport
import Testing

/// A partition, or what is not a partition at all, does not keep the rest from being served.
@Suite struct OfflineTests {
    private func isOffline(_ error: StorageError?) -> Bool {
        if case .offline? = error?.cause { true } else { false }
    }

    @Test(
        "a partition that the disk does not give is offline, and no other is; it is back when the disk gives it",
        arguments: [5, 13] as [Int32])
    func partition(code: Int32) throws {
        for isClean in [true, false] {
            var site = try Site()
            try site.commit(2)
            if isClean { try site.directory.close() } else { try site.directory.sync() }
            site.memory.kill()
            site.memory.fail { call in
                call.path.hasPrefix("/d/t-1/") && call.path.hasSuffix(".log") ? .fails(code) : nil
            }
            try site.reopen()
            #expect(site.directory.recovery.offline.map(\.partition) == ["t-1"])
            #expect(site.directory.recovery.description.contains("/d/t-1/00000000000000000000.log"))
            let read = #expect(throws: StorageError.self) {
                _ = try site.partitions[1].read(from: 0, maxBytes: 100, minOneMessage: true)
            }
            #expect(isOffline(read))
            let write = #expect(throws: StorageError.self) {
                _ = try site.directory.append(Make.batch(["x"]), to: site.partitions[1])
            }
            #expect(isOffline(write))
            let round = #expect(throws: StorageError.self) { try site.commit(3) }
            #expect(isOffline(round))
            #expect(try site.partitions[0].allValues() == ["r1a0", "r1b0", "r2a0", "r2b0"])
            _ = try site.directory.append(Make.batch(["x"]), to: site.partitions[2])
            try site.directory.checkpoint()
            if isClean { try site.directory.close() }
            site.memory.kill()
            try site.reopen()
            #expect(site.directory.recovery.offline.isEmpty)
            #expect(site.directory.recovery.damage.isEmpty && site.directory.recovery.cuts.isEmpty)
            #expect(try site.partitions[1].allValues() == ["r1a1", "r1b1", "r2a1", "r2b1"])
            #expect(try site.partitions[2].allValues().last == "x")
            try site.commit(3)
        }
    }

    @Test("a partition that can be read and not be made durable is offline after an unclean stop, and no other is")
    func durable() throws {
        for operation in [MemoryDisk.Operation.write, .sync, .open] {
            var site = try Site()
            try site.commit(2)
            try site.directory.sync()
            site.memory.kill()
            let reads = Lock(0)
            site.memory.fail { call in
                guard call.path == "/d/t-1/00000000000000000000.log", call.operation == operation else { return nil }
                // It is opened for reading first.
                if operation == .open,
                    reads.withLock({
                        $0 += 1; return $0
                    }) < 2
                {
                    return nil
                }
                return .fails(5)
            }
            try site.reopen()
            #expect(site.directory.recovery.offline.map(\.partition) == ["t-1"], "\(operation)")
            #expect(try site.partitions[0].allValues() == ["r1a0", "r1b0", "r2a0", "r2b0"])
            _ = try site.directory.append(Make.batch(["x"]), to: site.partitions[2])
            try site.directory.close()
            site.memory.fail(when: nil)
            site.memory.kill()
            try site.reopen()
            #expect(site.directory.recovery.offline.isEmpty && site.directory.recovery.cuts.isEmpty)
            #expect(try site.partitions[1].allValues() == ["r1a1", "r1b1", "r2a1", "r2b1"])
            try site.commit(3)
        }
    }

    @Test(
        "a file that cannot be written anew after a failed sync fails no opening: on a full disk it stays where it is")
    func rewriting() throws {
        for code in [5, 28] as [Int32] {
            var site = try Site()
            try site.commit(2)
            site.memory.fail { $0.operation == .sync && $0.path.contains("t-1") ? .fails(5) : nil }
            #expect(throws: StorageError.self) { try site.directory.sync() }
            site.memory.kill()
            site.memory.fail { call in
                call.path == "/d/t-1/00000000000000000000.log.tmp" && call.operation == .write ? .fails(code) : nil
            }
            try site.reopen()
            #expect(site.directory.recovery.ignored.contains { $0.contains("t-1/00000000000000000000.log, of which") })
            #expect(site.directory.recovery.offline.isEmpty && site.memory.bytes(of: "/d/penstock-sync-failed") == nil)
            #expect(!site.memory.files.contains { $0.hasSuffix(".log.tmp") })
            #expect(try site.rounds() == [1, 2])
            try site.commit(3)
        }
    }

    @Test(
        "a partition whose state cannot be written holds back its own recovery point and that of the positions, no other"
    )
    func state() throws {
        var site = try Site()
        try site.commit(2)
        site.memory.fail { call in
            call.path.hasPrefix("/d/t-1/") && !call.path.hasSuffix(".log") && call.operation == .write ? .fails(5) : nil
        }
        let failure = #expect(throws: StorageError.self) { try site.directory.checkpoint() }
        #expect("\(failure as Any)".contains("write the state of t-1"))
        let text = {
            String(decoding: site.memory.bytes(of: "/d/recovery-point-offset-checkpoint") ?? [], as: UTF8.self)
        }
        #expect(text().contains("t 0 4\n") && text().contains("t 1 0\n") && text().contains("t 2 4\n"), "\(text())")
        #expect(text().contains("__penstock_positions 0 0\n"), "\(text())")
        #expect(throws: StorageError.self) { try site.directory.close() }
        site.memory.fail(when: nil)
        site.memory.kill()
        try site.reopen()
        #expect(try site.rounds() == [1, 2] && site.directory.recovery.troubles.isEmpty)
        try site.directory.checkpoint()
        #expect(text().contains("t 1 4\n"), "\(text())")
    }

    @Test("positions that the disk does not give refuse rounds, and everything is served")
    func positions() throws {
        var site = try Site()
        try site.directory.sync()
        site.memory.kill()
        site.memory.fail { call in call.path.hasPrefix("/d/__penstock_positions-0/0") ? .fails(13) : nil }
        try site.reopen()
        #expect(site.directory.positionsDamaged)
        #expect(throws: StorageError.self) { try site.commit(2) }
        #expect(try site.partitions[0].allValues() == ["r1a0", "r1b0"])
        site.memory.kill()
        try site.reopen()
        // Until the operator has said how to go on.
        #expect(site.directory.positionsDamaged)
        #expect(try site.directory.settleDamagedPositions() == ["p"])
        #expect(try site.rounds() == [1])
        try site.commit(2)
        site.memory.kill()
        try site.reopen()
        #expect(!site.directory.recovery.positionsDamaged)
        #expect(try site.rounds() == [1, 2])
    }

    @Test("damaged positions are settled: from what can be read, or from the beginning")
    func settling() throws {
        for forgets in [false, true] {
            var site = try Site()
            for number in 2...4 {
                try site.commit(Int64(number))
                try site.directory.sync()
            }
            let path = DamageTests.positions
            var bytes = try #require(site.memory.bytes(of: path))
            bytes[bytes.count / 2] ^= 1
            site.memory.setBytes(of: path, to: bytes)
            site.memory.kill()
            try site.reopen()
            #expect(site.directory.positionsDamaged)
            let left = try site.directory.settleDamagedPositions(forgetting: forgets ? ["p"] : [])
            #expect(left == (forgets ? [] : ["p"]))
            #expect(!site.directory.positionsDamaged)
            site.memory.kill()
            try site.reopen()
            #expect(!site.directory.recovery.positionsDamaged)
            #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == (forgets ? [] : [4]))
            try site.commit(5)
        }
    }

    @Test("whatever a crash takes, a pipeline that is to begin at its files' ends never begins anew or where it was")
    func passingOver() throws {
        let damaged = MemoryDisk()
        try withDamagedPositions(on: damaged)
        var seen: Set<String> = []
        var number = 0
        var hasDied = true
        while hasDied {
            number += 1
            let memory = MemoryDisk(copying: damaged)
            memory.die(after: number)
            try? passOver(on: memory.disk)
            hasDied = memory.isDead
            var random = SeededGenerator(seed: UInt64(number))
            if number % 2 == 0 || !hasDied { memory.losePower(&random) } else { memory.kill() }
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            if directory.positionsDamaged {
                seen.insert("damaged")
                continue
            }
            let found = directory.positions(pipeline: "p").filter { $0.source == "tail" }.map(\.position.offset)
            #expect(directory.positions(pipeline: "q").map(\.position.offset) == [1], "death at call \(number)")
            #expect(Set(found).isSubset(of: [70]), "death at call \(number)")
            #expect(directory.passesOver(pipeline: "p") || found.count == 3, "death at call \(number)")
            seen.insert(directory.passesOver(pipeline: "p") ? "chosen" : "spent")
            #expect(hasDied || !directory.passesOver(pipeline: "p"), "what was answered is gone")
        }
        #expect(seen == ["damaged", "chosen", "spent"])
    }

    private func withDamagedPositions(on memory: MemoryDisk) throws {
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        _ = try directory.append(Round(pipeline: "q", positions: [Make.position(1)]))
        for number: Int64 in 2...4 {
            _ = try directory.append(Round(pipeline: "p", positions: [Make.position(number)]))
        }
        try directory.close()
        var bytes = try #require(memory.bytes(of: DamageTests.positions))
        bytes[bytes.count - 20] ^= 1
        memory.setBytes(of: DamageTests.positions, to: bytes)
        memory.syncAll()
        memory.kill()
    }

    /// What the operator's command does, and then the pipeline's start.
    private func passOver(on disk: Disk) throws {
        let directory = try DataDirectory.open("/d", disk: disk)
        #expect(directory.positionsDamaged && directory.pipelines == ["p", "q"])
        #expect(try directory.settleDamagedPositions(passingOver: ["p"]) == ["q"])
        #expect(directory.passesOver(pipeline: "p") && !directory.passesOver(pipeline: "q"))
        try directory.passOver(pipeline: "p", to: (1...3).map { Make.position(70, inode: $0) }, share: 2)
        #expect(directory.unsyncedBytes == 0, "what was answered is durable")
    }

    @Test("bytes of the positions that rot below the recovery point are found, said once, and settled")
    func rottenBelow() throws {
        var site = try Site()
        for number in 2...4 { try site.commit(Int64(number)) }
        try site.directory.close()
        var bytes = try #require(site.memory.bytes(of: DamageTests.positions))
        bytes[bytes.count / 2] ^= 1
        site.memory.setBytes(of: DamageTests.positions, to: bytes)
        site.memory.kill()
        try site.reopen()
        #expect(site.directory.positionsDamaged)
        #expect(site.directory.recovery.damage.count == 1)
        try site.directory.settleDamagedPositions()
        try site.directory.close()
        site.memory.kill()
        try site.reopen()
        #expect(!site.directory.positionsDamaged && site.directory.recovery.damage.isEmpty)
        #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == [4])
    }

    @Test("nothing that Penstock did not write is removed, whatever it is called; it is named, with its path")
    func foreign() throws {
        var site = try Site()
        let disk = site.memory.disk
        let hex = "0123456789abcdef0123456789abcdef"
        let directories = [
            "photos", "photos-1", "x-0.\(hex)-delete", "x-0.\(hex)-stray", "x-0.\(hex)-future", "y-delete",
        ]
        for name in directories {
            try disk.makeDirectory("/d/\(name)")
            try disk.open("/d/\(name)/a.jpg", .create).write([1], at: 0)
        }
        try disk.open("/d/notes.txt", .create).write([1], at: 0)
        try disk.open("/d/t-0/notes.txt", .create).write([1], at: 0)
        for isClean in [true, false] {
            if isClean { try site.directory.close() }
            site.memory.kill()
            try site.reopen()
            #expect(site.directory.recovery.wasClean == isClean)
            let files = site.memory.files
            for name in directories { #expect(files.contains("/d/\(name)/a.jpg"), "\(name)") }
            #expect(files.contains("/d/notes.txt") && files.contains("/d/t-0/notes.txt"))
            let said = site.directory.recovery.description
            #expect(said.contains("/d/notes.txt") && said.contains("/d/photos") && said.contains("-delete"))
            #expect(try site.rounds() == [1])
        }
    }

    @Test("a directory that cannot be written to is refused with the way out", arguments: [30, 13] as [Int32])
    func readOnly(code: Int32) throws {
        let memory = MemoryDisk()
        try DataDirectory.open("/d", disk: memory.disk).close()
        memory.kill()
        memory.fail { $0.path == "/d/.lock" ? .fails(code) : nil }
        let error = #expect(throws: StorageError.self) { _ = try DataDirectory.open("/d", disk: memory.disk) }
        let text = "\(error.map { "\($0)" } ?? "")"
        #expect(text.contains("/d/.lock") && text.contains("chown") && text.contains("--data"))
    }

    @Test("a directory whose meta.properties is gone is not taken for a new one")
    func noMeta() throws {
        let memory = MemoryDisk()
        try DataDirectory.open("/d", disk: memory.disk).close()
        memory.kill()
        try memory.disk.removeFile("/d/meta.properties")
        let error = #expect(throws: StorageError.self) { _ = try DataDirectory.open("/d", disk: memory.disk) }
        #expect("\(error.map { "\($0)" } ?? "")".contains("/d/meta.properties is missing"))
    }
}
