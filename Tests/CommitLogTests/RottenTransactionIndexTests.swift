import Records
import TestSupport
import Testing

@testable import CommitLog

/// A `.txnindex` whose bytes rot: nobody is shown aborted records for it, and it is made again.
@Suite struct RottenTransactionIndexTests {
    /// Six aborted transactions over several segments below the recovery point.
    private func scene(_ configuration: [String: String] = [:]) throws -> TransactionTests.Scene {
        let scene = try TransactionTests.Scene(Make.tiny.merging(configuration) { $1 })
        for round in Int32(0)..<6 {
            try scene.send(10, round * 2)
            try scene.send(11, round, isTransactional: false)
            try scene.send(10, round * 2 + 1)
            try scene.end(10, .abort)
        }
        try scene.directory.checkpoint()
        return scene
    }

    private func rot(_ memory: MemoryDisk, last: Bool) throws {
        let files = memory.files.filter { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(".txnindex") }
        #expect(files.count > 2)
        let path = last ? files[files.count - 1] : files[0]
        var bytes = try #require(memory.bytes(of: path))
        bytes[1] = 9
        memory.setBytes(of: path, to: bytes)
    }

    @Test("who reads what is committed is told, and the cleaner leaves the partition alone")
    func read() throws {
        var scene = try scene(["cleanup.policy": "compact"])
        let end = try scene.partition.logEnd
        try scene.directory.close()
        scene.memory.kill()
        try rot(scene.memory, last: false)
        scene.directory = try DataDirectory.open("/d", disk: scene.memory.disk)
        let partition = try scene.partition
        let error = #expect(throws: StorageError.self) { _ = try partition.abortedTransactions(from: 0, upTo: end) }
        #expect(error?.description.contains("penstock log repair") == true, "\(String(describing: error))")
        let read = #expect(throws: StorageError.self) {
            _ = try partition.read(from: 0, maxBytes: 100, minOneMessage: true, isolation: .committed)
        }
        #expect(read?.description.contains(".txnindex") == true)
        let done = try scene.directory.clean(partition, now: Make.time)
        #expect(done?.objection?.contains(".txnindex") == true, "\(String(describing: done))")
    }

    @Test(
        "after an unclean stop it is made again, below the recovery point and in the segment that holds it",
        arguments: [true, false])
    func opening(last: Bool) throws {
        var scene = try scene()
        let end = try scene.partition.logEnd
        let expected = try scene.partition.abortedTransactions(from: 0, upTo: end)
        #expect(expected.count == 6)
        scene.memory.syncAll()
        scene.memory.kill()
        try rot(scene.memory, last: last)
        for _ in 0..<2 {
            scene.directory = try DataDirectory.open("/d", disk: scene.memory.disk)
            #expect(try scene.partition.abortedTransactions(from: 0, upTo: end) == expected)
            scene.memory.kill()
        }
    }

    @Test("a segment without its index is walked by one opening, not by each, and no segment behind it")
    func once() throws {
        var scene = try scene()
        let end = try scene.partition.logEnd
        let expected = try scene.partition.abortedTransactions(from: 0, upTo: end)
        try scene.directory.close()
        let first = "/d/t-0/00000000000000000000"
        for suffix in [".index", ".txnindex"] { try scene.memory.disk.removeFile(first + suffix) }
        scene.memory.kill()
        let size = try #require(scene.memory.bytes(of: first + ".log")).count
        for life in 0..<3 {
            scene.directory = try DataDirectory.open("/d", disk: scene.memory.disk)
            #expect(scene.directory.recovery.wasClean)
            #expect(scene.directory.recovery.scannedBytes == (life == 0 ? Int64(size) : 0))
            #expect(try scene.partition.abortedTransactions(from: 0, upTo: end) == expected)
            try scene.directory.close()
            scene.memory.kill()
        }
    }
}
