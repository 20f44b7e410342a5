import CommitLog
import Platform
import Records
import TestSupport
import Testing

@Suite struct SyncTests {
    @Test("whoever waits is told once his append is durable, and not before")
    func waiters() throws {
        let site = try Site()
        let ticket = try site.directory.append(site.round(2))
        let told = Lock(0)
        site.directory.whenSynced(ticket) { error in
            #expect(error == nil)
            told.withLock { $0 += 1 }
        }
        #expect(told.withLock { $0 } == 0)
        #expect(site.directory.unsyncedBytes > 0)
        try site.directory.sync()
        #expect(told.withLock { $0 } == 1)
        #expect(site.directory.unsyncedBytes == 0)
        site.directory.whenSynced(ticket) { _ in told.withLock { $0 += 1 } }
        #expect(told.withLock { $0 } == 2)
    }

    @Test("what was synced survives a power loss, whatever that tears", arguments: Seeds.some(50))
    func powerLoss(seed: UInt64) throws {
        var site = try Site()
        try site.commit(2)
        try site.directory.sync()
        try site.commit(3)
        try site.commit(4)
        var random = SeededGenerator(seed: seed)
        site.memory.losePower(&random)
        try site.reopen()
        let found = try site.rounds()
        #expect([[1, 2], [1, 2, 3], [1, 2, 3, 4]].contains(found))
        // What recovery kept is durable from then on.
        site.memory.losePower(&random)
        try site.reopen()
        #expect(try site.rounds() == found)
    }

    @Test("a process without descriptors cannot sync now: nobody is told that it never will, and the next pass does")
    func noDescriptors() throws {
        var site = try Site()
        let ticket = try site.directory.append(site.round(2))
        let told = Lock<[StorageError?]>([])
        site.directory.whenSynced(ticket) { error in told.withLock { $0.append(error) } }
        site.memory.fail { $0.operation == .sync ? .fails(24) : nil }
        let unsynced = site.directory.unsyncedBytes
        #expect(throws: StorageError.self) { try site.directory.sync() }
        #expect(site.directory.stopReason == nil)
        #expect(site.directory.unsyncedBytes == unsynced)
        #expect(site.directory.isSyncAwaited)
        #expect(told.withLock { $0.isEmpty })
        site.memory.fail(when: nil)
        try site.directory.sync()
        #expect(told.withLock { $0 == [nil] })
        site.memory.kill()
        try site.reopen()
        #expect(try site.rounds() == [1, 2])
    }

    @Test("a failed sync stops all writing, tells everyone who waits, and is remembered; the next opening writes anew")
    func failedSync() throws {
        var site = try Site()
        let ticket = try site.directory.append(site.round(2))
        let told = Lock<[StorageError?]>([])
        site.directory.whenSynced(ticket) { error in told.withLock { $0.append(error) } }
        site.memory.fail { $0.operation == .sync && $0.path.contains("t-1") ? .fails(5) : nil }
        #expect(throws: StorageError.self) { try site.directory.sync() }
        site.memory.fail(when: nil)
        #expect(told.withLock { $0.count } == 1)
        guard case .stopped(let reason)? = told.withLock({ $0[0]?.cause }) else {
            Issue.record("no reason")
            return
        }
        #expect(reason.contains("cannot sync /d/t-1/00000000000000000000.log: Input/output error"))
        for word in WayOut.words + ["the next start writes anew what the disk still gives"] {
            #expect(reason.contains(word), "\(reason)")
        }
        #expect(throws: StorageError.self) { try site.commit(3) }
        #expect(throws: StorageError.self) { try site.directory.close() }
        #expect(try site.rounds() == [1, 2])
        let marker = try #require(site.memory.bytes(of: "/d/penstock-sync-failed"))
        #expect(String(decoding: marker, as: UTF8.self).contains("/d/t-1/00000000000000000000.log\n"))
        site.memory.kill()
        let inode = try site.memory.disk.status("/d/t-1/00000000000000000000.log").inode
        try site.reopen()
        #expect(try site.rounds() == [1, 2])
        #expect(try site.memory.disk.status("/d/t-1/00000000000000000000.log").inode != inode)
        #expect(site.memory.bytes(of: "/d/penstock-sync-failed") == nil)
    }
}
