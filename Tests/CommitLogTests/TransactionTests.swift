import Records
import TestSupport
import Testing

@testable import CommitLog

/// Transactions in the log: markers, the last stable offset, and what read-committed readers must leave out.
@Suite struct TransactionTests {
    struct Scene {
        let memory = MemoryDisk()
        var directory: DataDirectory

        init(_ configuration: [String: String] = [:]) throws {
            directory = try DataDirectory.open("/d", disk: memory.disk)
            _ = try directory.createTopic("t", partitions: 1, configuration: configuration)
        }

        var partition: Partition { get throws { try #require(directory.topic(named: "t")).partitions[0] } }

        @discardableResult
        func send(
            _ id: Int64, _ sequence: Int32, count: Int = 1, epoch: Int16 = 0, isTransactional: Bool = true
        ) throws -> AppendResult {
            try directory.append(
                Make.batch(
                    (0..<count).map { "\(id):\(sequence + Int32($0))" },
                    producer: ProducerStamp(id: id, epoch: epoch, baseSequence: sequence),
                    isTransactional: isTransactional), to: partition)
        }

        @discardableResult
        func end(
            _ id: Int64, _ outcome: TransactionMarker.Outcome, epoch: Int16 = 0, coordinator: Int32 = 0
        ) throws -> AppendResult {
            try directory.append(
                TransactionMarker(outcome, coordinatorEpoch: coordinator), producer: id, epoch: epoch,
                timestamp: Make.time, to: partition)
        }

        mutating func reopen(isClean: Bool) throws {
            if isClean { try directory.close() } else { memory.kill() }
            directory = try DataDirectory.open("/d", disk: memory.disk)
        }
    }

    @Test(
        "a transaction index that is lost with its offset index is made again, wherever the recovery point lies",
        arguments: [true, false], [[".index", ".txnindex"], [".index", ".timeindex", ".txnindex", ".snapshot"]])
    func lostIndexes(isClean: Bool, lost: [String]) throws {
        var scene = try Scene(Make.tiny)
        for round in Int32(0)..<8 {
            try scene.send(10, round * 2)
            try scene.send(11, round)
            try scene.send(10, round * 2 + 1)
            try scene.end(10, round % 3 == 0 ? .commit : .abort)
            try scene.end(11, round % 2 == 0 ? .abort : .commit)
        }
        try scene.send(10, 16)
        try scene.directory.checkpoint()
        let end = try scene.partition.logEnd
        let expected = try scene.partition.abortedTransactions(from: 0, upTo: end)
        #expect(expected.count == 9)
        #expect(scene.memory.files.count { $0.hasSuffix(".txnindex") } > 2, "several segments have aborted ones")
        if isClean { try scene.directory.close() }
        for file in scene.memory.files where file.hasPrefix("/d/t-0/") && lost.contains(where: file.hasSuffix) {
            try scene.memory.disk.removeFile(file)
        }
        scene.memory.kill()
        for _ in 0..<2 {
            scene.directory = try DataDirectory.open("/d", disk: scene.memory.disk)
            let partition = try scene.partition
            #expect(try partition.abortedTransactions(from: 0, upTo: end) == expected)
            #expect((partition.logEnd, partition.lastStable) == (end, end - 1))
            #expect(scene.directory.recovery.damage.isEmpty && scene.directory.recovery.cuts.isEmpty)
            scene.memory.kill()
        }
    }

    @Test("the last stable offset stays before the first open transaction, and goes on when that ends")
    func lastStable() throws {
        let scene = try Scene()
        let partition = try scene.partition
        try scene.send(1, 0, isTransactional: false)
        #expect(partition.lastStable == 1)
        try scene.send(10, 0)
        try scene.send(11, 0)
        try scene.send(1, 1, isTransactional: false)
        #expect((partition.lastStable, partition.highWatermark) == (1, 4))
        try scene.end(10, .commit)
        #expect((partition.lastStable, partition.highWatermark) == (2, 5))
        try scene.end(11, .abort)
        #expect((partition.lastStable, partition.highWatermark) == (6, 6))
    }

    @Test(
        "a marker of a lower epoch, or of an earlier coordinator, is refused and changes nothing",
        arguments: [false, true])
    func fenced(isReopened: Bool) throws {
        var scene = try Scene()
        try scene.send(10, 0, epoch: 3)
        try scene.end(10, .commit, epoch: 3, coordinator: 7)
        try scene.send(10, 1, epoch: 3)
        if isReopened { try scene.reopen(isClean: false) }
        #expect(
            try scene.end(10, .abort, epoch: 2, coordinator: 7)
                == .rejected(.fenced(producer: 10, current: 3, found: 2)))
        #expect(
            try scene.end(10, .abort, epoch: 3, coordinator: 6)
                == .rejected(.coordinatorFenced(producer: 10, current: 7, found: 6)))
        #expect(try (scene.partition.lastStable, scene.partition.highWatermark) == (2, 3))
    }

    @Test("a producer with an open transaction cannot write without one", arguments: [false, true])
    func mixed(isReopened: Bool) throws {
        var scene = try Scene()
        try scene.send(10, 0)
        if isReopened { try scene.reopen(isClean: true) }
        #expect(try scene.send(10, 1, isTransactional: false) == .rejected(.openTransaction(producer: 10)))
        // A copy of what was appended is a copy all the same.
        guard case .duplicate(base: 0, _) = try scene.send(10, 0) else {
            Issue.record("not a duplicate")
            return
        }
        try scene.end(10, .abort)
        guard case .appended = try scene.send(10, 1, isTransactional: false) else {
            Issue.record("not appended")
            return
        }
    }

    @Test("after a marker that raises the epoch a producer begins at 0", arguments: [false, true])
    func raisedEpoch(isReopened: Bool) throws {
        var scene = try Scene()
        try scene.send(10, 0)
        try scene.end(10, .commit, epoch: 1)
        // Also where nothing was open, and nothing known.
        try scene.end(20, .abort, epoch: 1)
        if isReopened { try scene.reopen(isClean: false) }
        for id: Int64 in [10, 20] {
            #expect(
                try scene.send(id, 1, epoch: 1) == .rejected(.outOfOrder(producer: id, expected: 0, found: 1)))
            #expect(try scene.send(id, 0, epoch: 0) == .rejected(.fenced(producer: id, current: 1, found: 0)))
            guard case .appended = try scene.send(id, 0, epoch: 1) else {
                Issue.record("not appended")
                return
            }
        }
    }

    @Test("a failed write of a marker leaves the transaction open, and its index as it was")
    func failedMarker() throws {
        let scene = try Scene()
        try scene.send(10, 0)
        for suffix in [".log", ".txnindex"] {
            scene.memory.fail { $0.operation == .write && $0.path.hasSuffix(suffix) ? .tears(28) : nil }
            #expect(throws: StorageError.self) { try scene.end(10, .abort) }
            scene.memory.fail(when: nil)
            #expect(try scene.partition.lastStable == 0)
            #expect(scene.memory.bytes(of: "/d/t-0/00000000000000000000.txnindex") ?? [] == [])
        }
        try scene.end(10, .abort)
        #expect(try scene.partition.lastStable == 2)
        let index = try #require(scene.memory.bytes(of: "/d/t-0/00000000000000000000.txnindex"))
        #expect(
            try TransactionIndex.decode(index[...])
                == [AbortedTransaction(producerId: 10, firstOffset: 0, lastOffset: 1, lastStable: 2)])
    }

    @Test("who has an open transaction is never dropped; when all have, nobody new is let in")
    func bounded() throws {
        let memory = MemoryDisk()
        var options = LogOptions()
        options.producersPerPartition = 4
        let directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
        let partition = try directory.createTopic("t", partitions: 1).partitions[0]
        func send(_ id: Int64, isTransactional: Bool) throws -> AppendResult {
            try directory.append(
                Make.batch(
                    ["x"], producer: ProducerStamp(id: id, epoch: 0, baseSequence: 0),
                    isTransactional: isTransactional), to: partition)
        }
        _ = try send(1, isTransactional: true)
        for id: Int64 in 2..<20 { _ = try send(id, isTransactional: false) }
        #expect(partition.lastStable == 0)
        for id: Int64 in 20..<23 { _ = try send(id, isTransactional: true) }
        #expect(try send(23, isTransactional: true) == .rejected(.tooManyTransactions(limit: 4)))
        #expect(try send(24, isTransactional: false) == .rejected(.tooManyTransactions(limit: 4)))
        _ = try directory.append(
            TransactionMarker(.commit, coordinatorEpoch: 0), producer: 1, epoch: 0, timestamp: Make.time, to: partition)
        #expect(partition.lastStable == 19)
        guard case .appended = try send(23, isTransactional: true) else {
            Issue.record("not appended")
            return
        }
    }
}
