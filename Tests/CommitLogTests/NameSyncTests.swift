import CommitLog
import Glibc
import Platform
import Records
import TestSupport
import Testing

/// Syncs of directories that fail, wherever one is made while the log takes writes.
@Suite struct NameSyncTests {
    /// Something that syncs names.
    struct Action: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// What must be there before.
        var before: @Sendable (DataDirectory, MemoryDisk) throws -> Void = { _, _ in }
        var run: @Sendable (DataDirectory, Partition) throws -> Void
    }

    static let actions = [
        Action(testDescription: "a pass with new segments") { directory, _ in try directory.sync() },
        Action(testDescription: "a checkpoint") { directory, _ in try directory.checkpoint() },
        Action(testDescription: "a new topic") { directory, _ in
            _ = try directory.createTopic("new", partitions: 2)
        },
        Action(
            testDescription: "a topic in the place of one whose files stayed",
            before: { directory, memory in
                let old = try directory.createTopic("old", partitions: 1)
                _ = try directory.append(Make.batch(["old"]), to: old.partitions[0])
                try directory.checkpoint()
                memory.fail { $0.operation == .rename && $0.path == "/d/old-0" ? .fails(EIO) : nil }
                #expect(throws: StorageError.self) { try directory.deleteTopic("old") }
                memory.fail(when: nil)
            },
            run: { directory, _ in _ = try directory.createTopic("old", partitions: 1) }),
        Action(testDescription: "more partitions") { directory, _ in
            try directory.addPartitions(named: "t", to: 3)
        },
        Action(
            testDescription: "the end of a topic",
            before: { directory, _ in _ = try directory.createTopic("old", partitions: 1) },
            run: { directory, _ in try directory.deleteTopic("old") }),
        Action(testDescription: "deleted records") { directory, partition in
            _ = try directory.deleteRecords([(partition, before: 2)])
        },
        Action(
            testDescription: "a compaction",
            before: { directory, _ in
                try directory.alterTopic(
                    named: "t", configuration: Self.each.merging(["cleanup.policy": "compact"]) { $1 })
                try directory.checkpoint()
            },
            run: { directory, partition in
                _ = try directory.clean(partition, now: Make.time)
                // What was met is an objection.
                if let reason = directory.stopReason { throw StorageError("clean", .stopped(reason: reason)) }
            }),
        Action(testDescription: "positions that are settled") { directory, _ in
            try directory.settleDamagedPositions()
        },
        Action(testDescription: "a stop") { directory, _ in try directory.close() },
    ]

    /// Every batch has a segment of its own.
    private static let each = ["segment.bytes": "14", "file.delete.delay.ms": "0"]

    private static func records(_ range: Range<Int>) -> [Record] {
        range.map { Record(timestamp: Make.time, key: [UInt8($0 % 2)], value: Array("\($0)".utf8)) }
    }

    private static func append(_ range: Range<Int>, _ directory: DataDirectory) throws {
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        for record in records(range) { _ = try directory.append(RecordBatch.encode([record]), to: partition) }
    }

    /// Records of which four are durable, and the names of two more segments that are not.
    private static func begin(_ memory: MemoryDisk) throws -> DataDirectory {
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        _ = try directory.createTopic("t", partitions: 1, configuration: each)
        try append(0..<4, directory)
        try directory.sync()
        return directory
    }

    /// Lets the sync of a directory fail that comes after so many.
    /// - Returns: what it was for, once it has come.
    private func fail(_ memory: MemoryDisk, after number: Int, _ code: Int32) -> Lock<String?> {
        let met = Lock<String?>(nil)
        let count = Lock(0)
        memory.fail { call in
            guard call.operation == .syncDirectory else { return nil }
            let isChosen = count.withLock { count in
                defer { count += 1 }
                return count == number
            }
            guard isChosen else { return nil }
            met.withLock { $0 = call.path }
            return .fails(code)
        }
        return met
    }

    @Test(
        "nothing is written after a failed sync of names, with the reason; and all that was acknowledged stays",
        arguments: actions)
    func stops(action: Action) throws {
        var number = 0
        while true {
            let memory = MemoryDisk(seed: 0)
            var directory = try Self.begin(memory)
            try action.before(directory, memory)
            try Self.append(4..<6, directory)
            let partition = try #require(directory.topic(named: "t")).partitions[0]
            let met = fail(memory, after: number, EIO)
            let result = Result { try action.run(directory, partition) }
            memory.fail(when: nil)
            guard let path = met.withLock({ $0 }) else { break }
            try checkStopped(directory, at: path, result.failure as? StorageError)

            memory.kill()
            directory = try DataDirectory.open("/d", disk: memory.disk)
            try checkKept(directory, "after a kill, sync \(number)")
            try Self.append(6..<8, directory)
            _ = try directory.createTopic("later", partitions: 1)
            try directory.sync()
            var random = SeededGenerator(seed: UInt64(number))
            memory.losePower(&random)
            directory = try DataDirectory.open("/d", disk: memory.disk)
            try checkKept(directory, and: 6..<8, "after a power loss, sync \(number)")
            #expect(directory.topic(named: "later") != nil)
            number += 1
        }
        #expect(number > 0)
    }

    @Test("what is called durable after a failed sync of names is there after a power loss", arguments: actions)
    func believesNone(action: Action) throws {
        var number = 0
        while true {
            let memory = MemoryDisk(seed: 0)
            var directory = try Self.begin(memory)
            try action.before(directory, memory)
            try Self.append(4..<6, directory)
            let met = fail(memory, after: number, EIO)
            try? action.run(directory, #require(directory.topic(named: "t")).partitions[0])
            memory.fail(when: nil)
            guard met.withLock({ $0 }) != nil else { break }
            let isDurable = (try? directory.sync()) != nil && directory.unsyncedBytes == 0
            var random = SeededGenerator(seed: UInt64(number))
            memory.losePower(&random)
            directory = try DataDirectory.open("/d", disk: memory.disk)
            try checkKept(directory, and: isDurable ? 4..<6 : 0..<0, "sync \(number)")
            number += 1
        }
    }

    @Test("a new segment gets its name anew, also where nothing could be left that tells of the failed sync")
    func unremembered() throws {
        let memory = MemoryDisk(seed: 0)
        var directory = try Self.begin(memory)
        try Self.append(4..<6, directory)
        memory.fail { call in
            let isMark = call.path.hasPrefix("/d/penstock-sync-failed")
            return isMark || call.operation == .syncDirectory ? .fails(EIO) : nil
        }
        #expect(throws: StorageError.self) { try directory.sync() }
        memory.kill()
        #expect(memory.bytes(of: "/d/penstock-sync-failed") == nil)
        directory = try DataDirectory.open("/d", disk: memory.disk)
        try Self.append(6..<8, directory)
        try directory.sync()
        var random = SeededGenerator(seed: 1)
        memory.losePower(&random)
        directory = try DataDirectory.open("/d", disk: memory.disk)
        try checkKept(directory, and: 4..<8, "after a power loss")
    }

    @Test("the mark of a failed sync stays until a checkpoint says where logs begin")
    func mark() throws {
        let memory = MemoryDisk(seed: 0)
        let mark = "/d/penstock-sync-failed"
        let directory = try Self.begin(memory)
        try Self.append(4..<6, directory)
        memory.fail { $0.operation == .sync ? .fails(EIO) : nil }
        #expect(throws: StorageError.self) { try directory.sync() }
        memory.fail(when: nil)
        // No sync succeeded, not that of the mark either.
        try memory.disk.replaceFile(mark, with: Array("a sync failed\n".utf8))
        for failing in [true, true, false] {
            memory.kill()
            // The opening replaces the old one first.
            let met = Lock(0)
            memory.fail { call in
                guard call.operation == .rename, call.path.contains("recovery-point-offset") else { return nil }
                let isOld = met.withLock { met in
                    defer { met += 1 }
                    return met == 0
                }
                return failing && !isOld ? .fails(EIO) : nil
            }
            _ = try DataDirectory.open("/d", disk: memory.disk)
            #expect((memory.bytes(of: mark) != nil) == failing)
            memory.fail(when: nil)
        }
    }

    private func checkStopped(_ directory: DataDirectory, at path: String, _ error: StorageError?) throws {
        let reason = try #require(directory.stopReason)
        for word in WayOut.words + ["cannot syncDirectory \(path): Input/output error", "the next start"] {
            #expect(reason.contains(word), "\(reason)")
        }
        #expect(error?.cause == .stopped(reason: reason))
        let later = #expect(throws: StorageError.self) { try Self.append(9..<10, directory) }
        #expect(later?.cause == .stopped(reason: reason))
        #expect(throws: StorageError.self) { _ = try directory.createTopic("x", partitions: 1) }
    }

    /// Compaction takes the older of two with one key, and a deletion the first two.
    private func checkKept(_ directory: DataDirectory, and more: Range<Int> = 0..<0, _ when: Comment) throws {
        #expect(directory.recovery.damage.isEmpty && directory.recovery.offline.isEmpty, when)
        let found = try #require(directory.topic(named: "t")).partitions[0].allValues()
        let isCompacted = directory.topic(named: "t")?.settings.cleanupPolicy.contains(.compact) == true
        let wanted = isCompacted ? [] : (2..<4).map(String.init)
        for value in wanted + more.map(String.init) { #expect(found.contains(value), when) }
    }

    @Test(
        "a directory that could not be opened to be synced stops nothing: the same succeeds later",
        arguments: [EMFILE, ENFILE, ENOENT, EACCES])
    func untried(code: Int32) throws {
        var number = 0
        while true {
            let memory = MemoryDisk(seed: 0)
            var directory = try Self.begin(memory)
            let met = fail(memory, after: number, code)
            let result = Result { () throws(StorageError) in try directory.createTopic("new", partitions: 2) }
            memory.fail(when: nil)
            guard let path = met.withLock({ $0 }) else { break }
            #expect(directory.stopReason == nil)
            #expect(result.failure?.cause == .disk(DiskError(operation: "syncDirectory", path: path, code: code)))
            let topic = try directory.createTopic("new", partitions: 2)
            _ = try directory.append(Make.batch(["x"]), to: topic.partitions[1])
            try directory.sync()
            var random = SeededGenerator(seed: UInt64(number))
            memory.losePower(&random)
            directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(try directory.topic(named: "new")?.partitions[1].allValues() == ["x"])
            number += 1
        }
        #expect(number == 3)
    }
}

extension Result {
    fileprivate var failure: Failure? { if case .failure(let failure) = self { failure } else { nil } }
}
