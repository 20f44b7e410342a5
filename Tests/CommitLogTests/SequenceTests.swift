import CommitLog
import Records
import TestSupport
import Testing

/// The rows of Kafka's table, each run on a log that is opened anew as well: the table is rebuilt by reading.
@Suite struct SequenceTests {
    struct Producer {
        let memory = MemoryDisk()
        var directory: DataDirectory

        init() throws {
            directory = try DataDirectory.open("/d", disk: memory.disk)
            _ = try directory.createTopic("t", partitions: 1)
        }

        var partition: Partition { get throws { try #require(directory.topic(named: "t")).partitions[0] } }

        func send(_ sequence: Int32, count: Int = 2, epoch: Int16 = 0, id: Int64 = 42) throws -> AppendResult {
            try directory.append(
                Make.batch(
                    (0..<count).map { "\($0)" },
                    producer: ProducerStamp(id: id, epoch: epoch, baseSequence: sequence)), to: partition)
        }

        mutating func reopen(_ isReopened: Bool) throws {
            guard isReopened else { return }
            memory.kill()
            directory = try DataDirectory.open("/d", disk: memory.disk)
        }
    }

    private func base(_ result: AppendResult) -> Offset? {
        if case .appended(let base, _) = result { base } else { nil }
    }
    private func copy(_ result: AppendResult) -> Offset? {
        if case .duplicate(let base, _) = result { base } else { nil }
    }

    @Test(
        "the next in sequence is appended; a copy of one of the last five is not, and gets its offset",
        arguments: [false, true])
    func lastFive(isReopened: Bool) throws {
        var producer = try Producer()
        for number in 0..<7 { #expect(base(try producer.send(Int32(number * 2))) == Offset(number * 2)) }
        try producer.reopen(isReopened)
        for number in 2..<7 { #expect(copy(try producer.send(Int32(number * 2))) == Offset(number * 2)) }
        for number in 0..<2 {
            #expect(
                try producer.send(Int32(number * 2))
                    == .rejected(.outOfOrder(producer: 42, expected: 14, found: Int32(number * 2))))
        }
        #expect(try producer.partition.highWatermark == 14)
        #expect(base(try producer.send(14)) == 14)
    }

    @Test("a gap, a partial overlap and a copy of other length are out of order", arguments: [false, true])
    func outOfOrder(isReopened: Bool) throws {
        var producer = try Producer()
        _ = try producer.send(0)
        try producer.reopen(isReopened)
        for (sequence, count) in [(3, 2), (1, 2), (0, 1), (0, 3)] {
            #expect(
                try producer.send(Int32(sequence), count: count)
                    == .rejected(.outOfOrder(producer: 42, expected: 2, found: Int32(sequence))))
        }
    }

    @Test("an unknown producer may begin anywhere", arguments: [false, true])
    func unknown(isReopened: Bool) throws {
        var producer = try Producer()
        #expect(base(try producer.send(700)) == 0)
        try producer.reopen(isReopened)
        #expect(try producer.partition.nextSequence(producerId: 42, epoch: 0) == 702)
        #expect(base(try producer.send(702)) == 2)
    }

    @Test("a higher epoch begins at 0 and makes the log forget; a lower one is fenced", arguments: [false, true])
    func epochs(isReopened: Bool) throws {
        var producer = try Producer()
        _ = try producer.send(0, epoch: 3)
        try producer.reopen(isReopened)
        #expect(try producer.send(2, epoch: 4) == .rejected(.outOfOrder(producer: 42, expected: 0, found: 2)))
        #expect(base(try producer.send(0, epoch: 4)) == 2)
        #expect(copy(try producer.send(0, epoch: 4)) == 2)
        #expect(try producer.send(2, epoch: 3) == .rejected(.fenced(producer: 42, current: 4, found: 3)))
    }

    @Test("sequences wrap from 2147483647 to 0", arguments: [false, true])
    func wraps(isReopened: Bool) throws {
        var producer = try Producer()
        #expect(base(try producer.send(.max - 1, count: 4)) == 0)
        try producer.reopen(isReopened)
        #expect(try producer.partition.lastSequence(producerId: 42) == 1)
        #expect(copy(try producer.send(.max - 1, count: 4)) == 0)
        #expect(base(try producer.send(2)) == 4)
    }

    @Test("an append that failed is not remembered")
    func failedAppend() throws {
        let producer = try Producer()
        _ = try producer.send(0)
        producer.memory.fail { $0.operation == .write ? .tears(28) : nil }
        #expect(throws: StorageError.self) { _ = try producer.send(2) }
        producer.memory.fail(when: nil)
        #expect(base(try producer.send(2)) == 2)
        #expect(try producer.partition.allValues() == ["0", "1", "0", "1"])
    }

    @Test("the table is bounded: the longest silent producers go")
    func bounded() throws {
        let memory = MemoryDisk()
        var options = LogOptions()
        options.producersPerPartition = 10
        let directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
        let partition = try directory.createTopic("t", partitions: 1).partitions[0]
        for id in 0..<30 {
            _ = try directory.append(
                Make.batch(["x"], producer: ProducerStamp(id: Int64(id), epoch: 0, baseSequence: 0)), to: partition)
        }
        let known = (0..<30).filter { partition.lastSequence(producerId: Int64($0)) != nil }
        #expect(known == Array(20..<30))
    }
}
