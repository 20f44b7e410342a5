import CommitLog
import Glibc
import Platform
import Records
import TestSupport
import Testing

/// Topics whose deletion, or making, does not come to its end in a process that lives on.
@Suite struct DeletionTests {
    private let memory = MemoryDisk()

    private func open() throws -> DataDirectory { try DataDirectory.open("/d", disk: memory.disk) }

    private func files(_ partition: String) -> [String] { memory.files.filter { $0.hasPrefix("/d/\(partition)/") } }

    private func failRenames(of partition: String, _ code: Int32 = EIO, times: Int = .max) {
        let met = Lock(0)
        memory.fail { call in
            guard call.operation == .rename, call.path == "/d/\(partition)" else { return nil }
            return met.withLock { met in
                met += 1
                return met <= times ? .fails(code) : nil
            }
        }
    }

    @Test("a topic whose name is that of one whose files stayed begins without its records, also after a crash")
    func again() throws {
        var directory = try open()
        let old = try directory.createTopic("t", partitions: 2)
        for value in ["a", "b", "c"] { _ = try directory.append(Make.batch([value]), to: old.partitions[1]) }
        failRenames(of: "t-1")
        #expect(throws: StorageError.self) { try directory.deleteTopic("t") }
        memory.fail(when: nil)
        #expect(!files("t-1").isEmpty)
        let new = try directory.createTopic("t", partitions: 2)
        _ = try directory.append(Make.batch(["new"]), to: new.partitions[1])
        #expect(memory.bytes(of: "/d/t-1/00000000000000000000.log")?.count == Int(new.partitions[1].size))
        try directory.sync()
        var random = SeededGenerator(seed: 1)
        memory.losePower(&random)
        directory = try open()
        #expect(try #require(directory.topic(named: "t")).partitions[1].allValues() == ["new"])
        #expect(memory.files.allSatisfy { !$0.contains("stray") })
    }

    @Test("what somebody put where a partition is to be stays, and no topic is made")
    func foreign() throws {
        let directory = try open()
        try memory.disk.makeDirectory("/d/t-1")
        let path = "/d/t-1/00000000000000000000.log"
        try memory.disk.open(path, .create).write([1, 2, 3], at: 0)
        let error = #expect(throws: StorageError.self) { _ = try directory.createTopic("t", partitions: 2) }
        #expect(error.map { "\($0)" }?.contains("/d/t-1") == true)
        #expect(directory.topic(named: "t") == nil)
        #expect(files("t-0").isEmpty && files("t-1") == [path])
        #expect(memory.bytes(of: path) == [1, 2, 3])
    }

    @Test("readers hear of a deletion, and the files of all other partitions go, when one cannot be moved away")
    func oneStays() throws {
        let directory = try open()
        let topic = try directory.createTopic("t", partitions: 3)
        let heard = Lock<[Int32]>([])
        directory.observer = { partition in
            if partition.isDeleted { heard.withLock { $0.append(partition.index) } }
        }
        failRenames(of: "t-0")
        #expect(throws: StorageError.self) { try directory.deleteTopic("t") }
        #expect(heard.withLock { $0 } == [0, 1, 2])
        #expect(topic.partitions.map(\.isDeleted) == [true, true, true])
        #expect(!files("t-0").isEmpty && files("t-1").isEmpty && files("t-2").isEmpty)
    }

    @Test("a deletion on a full disk has the reserve's room")
    func full() throws {
        let directory = try open()
        _ = try directory.createTopic("t", partitions: 1)
        failRenames(of: "t-0", ENOSPC, times: 1)
        try directory.deleteTopic("t")
        #expect(memory.files.allSatisfy { !$0.hasPrefix("/d/t-0") && $0 != "/d/penstock-reserve" })
    }

    @Test(
        "the registry on the disk and in memory agree, however often a pass finds no descriptor",
        arguments: [3, Int.max])
    func noDescriptors(times: Int) throws {
        var directory = try open()
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["segment.bytes": "14"])
        // A new name, which the next pass needs a descriptor for.
        for _ in 0..<2 { _ = try directory.append(Make.batch(["x"]), to: topic.partitions[0]) }
        let met = Lock(0)
        memory.fail { call in
            guard call.operation == .syncDirectory, call.path == "/d/t-0" else { return nil }
            return met.withLock { met in
                met += 1
                return met <= times ? .fails(EMFILE) : nil
            }
        }
        if times < 100 {
            try directory.deleteTopic("t")
            #expect(met.withLock { $0 } == times + 1)
            return
        }
        let error = #expect(throws: StorageError.self) { try directory.deleteTopic("t") }
        #expect(error.map { "\($0)" }?.contains("ulimit") == true)
        // What the next opening deletes is not written to any more.
        memory.fail(when: nil)
        #expect(throws: StorageError.self) { _ = try directory.append(Make.batch(["y"]), to: topic.partitions[0]) }
        #expect(throws: StorageError.self) { try directory.sync() }
        memory.kill()
        directory = try open()
        #expect(directory.topic(named: "t") == nil)
    }
}
