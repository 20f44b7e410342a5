import CommitLog
import Platform
import Records
import TestSupport
import Testing

/// What an opening reads, and what it does without.
@Suite struct RecoveryPointTests {
    /// Many batches over several segments, in a topic of two partitions.
    private func filled(
        _ memory: MemoryDisk, batches: Int, configuration: [String: String] = Make.tiny
    ) throws -> DataDirectory {
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 2, configuration: configuration)
        for number in 0..<batches {
            _ = try directory.append(Make.batch(["v\(number)"]), to: topic.partitions[number % 2])
        }
        return directory
    }

    /// Opens, and counts the bytes that are read of segments meanwhile.
    private func open(_ memory: MemoryDisk) throws -> (DataDirectory, reads: Int) {
        let reads = Lock(0)
        memory.fail { call in
            if call.operation == .read, call.path.hasPrefix("/d/t-"), call.path.hasSuffix(".log") {
                reads.withLock { $0 += 1 }
            }
            return nil
        }
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        memory.fail(when: nil)
        return (directory, reads.withLock { $0 })
    }

    @Test("after a clean stop an opening reads as much of a long log as of a short one: the last headers")
    func clean() throws {
        var reads: [Int] = []
        for batches in [40, 400] {
            let memory = MemoryDisk()
            try filled(memory, batches: batches, configuration: ["index.interval.bytes": "100"]).close()
            memory.kill()
            let (directory, count) = try open(memory)
            #expect(directory.recovery.wasClean)
            #expect(directory.recovery.scannedBytes == 0)
            reads.append(count)
            let found = try #require(directory.topic(named: "t")).partitions.flatMap { try $0.allValues() }
            #expect(found.count == batches)
        }
        #expect(reads[1] == reads[0], "\(reads) reads")
    }

    @Test("after a crash exactly what lies past the recovery point is scanned, and producers and epochs are known")
    func crash() throws {
        let memory = MemoryDisk()
        var directory = try filled(memory, batches: 100)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        let stamp = ProducerStamp(id: 7, epoch: 0, baseSequence: 0)
        _ = try directory.append(Make.batch(["p0"], producer: stamp), to: partition)
        try directory.checkpoint()
        let before = partition.size
        for _ in 0..<5 { _ = try directory.append(Make.batch(["late"]), to: partition) }
        let past = partition.size - before
        memory.kill()
        let reads: Int
        (directory, reads) = try open(memory)
        #expect(directory.recovery.scannedBytes >= past && directory.recovery.scannedBytes < past + 1000)
        // One for each segment finds out whether somebody renamed it.
        let segments = memory.files.filter { $0.hasPrefix("/d/t-") && $0.hasSuffix(".log") }.count
        #expect(reads < 20 + segments, "\(reads) reads")
        let again = try #require(directory.topic(named: "t")).partitions[0]
        #expect(again.logEnd == 56)
        #expect(again.lastSequence(producerId: 7) == 0)
        #expect(again.epochEnd(for: 0) == (0, 56))
        #expect(
            try directory.append(Make.batch(["p0"], producer: stamp), to: again)
                == .duplicate(base: 50, ticket: .none) || again.logEnd == 56)
        #expect(again.logEnd == 56, "the retry is recognised")
    }

    @Test("whatever stands beside the log may be lost: it is made again", arguments: [true, false])
    func beside(isClean: Bool) throws {
        let memory = MemoryDisk()
        var directory = try filled(memory, batches: 60)
        try directory.checkpoint()
        if isClean { try directory.close() }
        memory.syncAll()
        let expected = try #require(directory.topic(named: "t")).partitions.map { try $0.allValues() }
        let lost = memory.files.filter { $0.hasPrefix("/d/t-") && !$0.hasSuffix(".log") && !$0.hasSuffix("metadata") }
        #expect(lost.count > 10)
        for path in lost {
            for garbage in [nil, [], [1, 2, 3], [UInt8](repeating: 0xff, count: 240)] as [[UInt8]?] {
                let right = memory.bytes(of: path)
                if let garbage { memory.setBytes(of: path, to: garbage) } else { try memory.disk.removeFile(path) }
                memory.kill()
                directory = try DataDirectory.open("/d", disk: memory.disk)
                let topic = try #require(directory.topic(named: "t"))
                #expect(
                    try topic.partitions.map { try $0.allValues() } == expected, "without \(path): \(garbage ?? [])")
                #expect(directory.recovery.damage.isEmpty && directory.recovery.cuts.isEmpty)
                #expect(topic.partitions[0].epochEnd(for: 0).endOffset == 30, "without \(path)")
                if isClean { try directory.close() }
                if right == nil { return }
            }
        }
    }

    @Test("without its checkpoint a directory is read whole, and nothing is lost", arguments: [nil, "nonsense\n"])
    func noCheckpoint(text: String?) throws {
        let memory = MemoryDisk()
        var directory = try filled(memory, batches: 60)
        try directory.checkpoint()
        let path = "/d/\(OffsetCheckpoint.Name.recoveryPoint.rawValue)"
        if let text { memory.setBytes(of: path, to: Array(text.utf8)) } else { try memory.disk.removeFile(path) }
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.recovery.scannedBytes > 4000)
        #expect(directory.recovery.damage.isEmpty && directory.recovery.cuts.isEmpty)
        #expect(try #require(directory.topic(named: "t")).partitions.flatMap { try $0.allValues() }.count == 60)
        if text != nil { #expect(directory.recovery.description.contains(path)) }
    }

    @Test("what is missing below the recovery point is damage, whatever is missing")
    func shorter() throws {
        let memory = MemoryDisk()
        var directory = try filled(memory, batches: 60)
        try directory.close()
        let last = try #require(memory.files.last { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(".log") })
        let bytes = try #require(memory.bytes(of: last))
        memory.setBytes(of: last, to: Array(bytes.dropLast(10)))
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(!directory.recovery.wasClean)
        #expect(directory.recovery.damage.map(\.offsets) == [29..<30])
        #expect(directory.recovery.damage.first?.copy != nil)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        #expect(partition.logEnd == 30)
        #expect(try partition.allValues().count == 29)
        _ = try directory.append(Make.batch(["after"]), to: partition)
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.recovery.damage.isEmpty)
        #expect(try #require(directory.topic(named: "t")).partitions[0].allValues().last == "after")
    }

    @Test("one thread or many find the same", arguments: [1, 4])
    func threads(count: Int) throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 50)
        for partition in topic.partitions {
            _ = try directory.append(Make.batch(["\(partition.index)"]), to: partition)
        }
        memory.kill()
        var options = LogOptions()
        options.openingThreads = count
        directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
        let values = try #require(directory.topic(named: "t")).partitions.map { try $0.allValues() }
        #expect(values == (0..<50).map { ["\($0)"] })
    }
}
