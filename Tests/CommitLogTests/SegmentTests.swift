@testable import CommitLog
import Platform
import Records
import TestSupport
import Testing

@Suite struct SegmentTests {
    static let log = "/d/t-0/00000000000000000000.log"

    @Test("a torn tail is cut at the last whole batch, wherever it was torn, and a copy is kept")
    func tornTail() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1)
        var borders: [Int] = [0]
        for number in 0..<4 {
            _ = try directory.append(Make.batch(["value \(number)"]), to: topic.partitions[0])
            borders.append(memory.bytes(of: Self.log)?.count ?? 0)
        }
        let whole = try #require(memory.bytes(of: Self.log))
        for size in 0...whole.count {
            memory.kill()
            memory.setBytes(of: Self.log, to: Array(whole.prefix(size)))
            let opened = try DataDirectory.open("/d", disk: memory.disk)
            let batches = borders.lastIndex { $0 <= size } ?? 0
            let partition = try #require(opened.topic(named: "t")).partitions[0]
            #expect(try partition.allValues() == (0..<batches).map { "value \($0)" }, "cut at \(size)")
            #expect(memory.bytes(of: Self.log)?.count == borders[batches])
            if borders[batches] < size {
                let copy = try #require(opened.recovery.cuts.first?.copy)
                #expect(memory.bytes(of: copy) == Array(whole[borders[batches]..<size]))
            } else {
                #expect(opened.recovery.cuts.isEmpty)
            }
        }
    }

    @Test("a wrong byte anywhere in the last batch takes that batch away after a crash")
    func wrongByte() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1)
        _ = try directory.append(Make.batch(["first"]), to: topic.partitions[0])
        let border = try #require(memory.bytes(of: Self.log)).count
        _ = try directory.append(Make.batch(["second"]), to: topic.partitions[0])
        let whole = try #require(memory.bytes(of: Self.log))
        // The leader epoch is the one field that nothing guards.
        for place in border..<whole.count where !(border + 12..<border + 16).contains(place) {
            memory.kill()
            var bytes = whole
            bytes[place] ^= 0x41
            memory.setBytes(of: Self.log, to: bytes)
            let partition = try #require(try DataDirectory.open("/d", disk: memory.disk).topic(named: "t"))
            #expect(try partition.partitions[0].allValues() == ["first"], "byte \(place - border)")
        }
    }

    @Test("segments roll by size, are named by their base offset, and all of it is read across them")
    func rolling() throws {
        var site = try Site(configuration: Make.tiny)
        for number in 2...20 { try site.commit(Int64(number)) }
        #expect(try site.rounds() == Array(1...20))
        let logs = site.memory.files.filter { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(".log") }
        #expect(logs.count > 3)
        for log in logs {
            let bytes = try #require(site.memory.bytes(of: log))
            #expect(bytes.count <= 700)
            let base = try #require(Int64(log.dropFirst("/d/t-0/".count).dropLast(4)))
            #expect(try BatchHeader(parsing: bytes.rawSpan).baseOffset == base)
        }
        for from in site.partitions[0].logStart..<site.partitions[0].highWatermark {
            let slice = try site.partitions[0].read(from: from, maxBytes: 1, minOneMessage: true)
            #expect(slice.nextOffset == from + 1)
            #expect(try site.partitions[0].read(from: from, maxBytes: 1, minOneMessage: false).spans.isEmpty)
        }
        let values = try site.partitions[0].allValues()
        for limit in [1, 90, 200, 1000, 100_000] {
            #expect(try site.partitions[0].allValues(maxBytes: limit) == values)
        }
        try site.directory.close()
        site.memory.kill()
        try site.reopen()
        #expect(try site.partitions[0].allValues() == values)
    }

    @Test("a segment rolls when its first batch is older than segment.ms, by timestamps")
    func rollingByTime() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["segment.ms": "1000"])
        for time in [0, 1000, 1001, 1002, 2001] {
            _ = try directory.append(
                Make.batch(["x"], timestamp: Make.time + Int64(time)), to: topic.partitions[0])
        }
        let logs = memory.files.filter { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(".log") }
        #expect(logs.map { Int($0.dropFirst("/d/t-0/".count).dropLast(4)) } == [0, 2])
    }

    @Test(
        "with compaction a segment also rolls when its first batch is older than max.compaction.lag.ms",
        arguments: [("compact", [0, 2]), ("compact,delete", [0, 2]), ("delete", [0])])
    func rollingForCompaction(policy: String, bases: [Int]) throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic(
            "t", partitions: 1,
            configuration: [
                "cleanup.policy": policy, "max.compaction.lag.ms": "500", "segment.ms": "5000",
                // No more than what is left of it.
                "segment.jitter.ms": policy == "delete" ? "0" : "1",
            ])
        for time in [0, 499, 501, 900] {
            let record = Record(timestamp: Make.time + Int64(time), key: [1], value: [2])
            _ = try directory.append(RecordBatch.encode([record]), to: topic.partitions[0])
        }
        let logs = memory.files.filter { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(".log") }
        #expect(logs.map { Int($0.dropFirst("/d/t-0/".count).dropLast(4)) } == bases)
    }

    @Test("segment.jitter.ms closes segments earlier, by another part of it for each segment and partition")
    func jitter() throws {
        var settings = TopicSettings()
        #expect(settings.jitter(of: 7, seed: 7) == 0)
        settings.segmentJitterMilliseconds = 1000
        let parts = (0..<200).map { settings.jitter(of: Offset($0 % 20), seed: UInt64($0 / 20)) }
        #expect(parts.allSatisfy { (0..<1000).contains($0) })
        #expect(Set(parts).count > 150)
        // Never more than the segment's own time.
        settings.segmentMilliseconds = 10
        #expect((0..<200).allSatisfy { (0..<10).contains(settings.jitter(of: $0, seed: 3)) })

        let directory = try DataDirectory.open("/d", disk: MemoryDisk().disk)
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: ["segment.ms": "1000", "segment.jitter.ms": "1000"])
        let writer = topic.partitions[0].writer
        for time in 0..<1000 {
            _ = try directory.append(Make.batch(["x"], timestamp: Make.time + Int64(time)), to: topic.partitions[0])
        }
        #expect(writer.withLock { $0.rolls } > 0)
    }

    @Test("where records have no timestamps a segment rolls by the age of the segment, if somebody knows the time")
    func rollingByAge() throws {
        let directory = try DataDirectory.open("/d", disk: MemoryDisk().disk)
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["segment.ms": "1000"])
        let partition = topic.partitions[0]
        let steps: [(now: Int64?, rolls: Int)] = [
            (500, 0), (1500, 0), (1501, 1), (2000, 1), (nil, 1), (2501, 1), (2502, 2),
        ]
        for step in steps {
            let now = step.now.map { Make.time + $0 }
            _ = try directory.append(Make.batch(["x"], timestamp: -1), to: partition, now: now)
            #expect(partition.writer.withLock { $0.rolls } == step.rolls, "at \(step.now ?? -1)")
        }
    }

    @Test("a segment rolls when one of its indexes is full, with a place left for the last time entry")
    func rollingByIndex() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: ["segment.index.bytes": "48", "index.interval.bytes": "0"])
        for time in 0..<40 {
            _ = try directory.append(Make.batch(["x"], timestamp: Make.time + Int64(time)), to: topic.partitions[0])
        }
        try directory.close()
        let counts = memory.files.filter { $0.hasSuffix(".timeindex") && $0.hasPrefix("/d/t-0/") }.map {
            (memory.bytes(of: $0)?.count ?? 0) / TimeIndex.entrySize
        }
        // Four places: an entry for each batch but the first; three, and the last.
        #expect(counts.count == 10 && counts.allSatisfy { $0 == 3 })
    }

    @Test("a preallocated segment has its room from the beginning, its size is that of its records, the rest goes back")
    func preallocated() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let before = memory.used
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: ["segment.bytes": "10000", "preallocate": "true"])
        #expect(memory.used - before >= 10000)
        let partition = topic.partitions[0]
        while partition.writer.withLock({ $0.rolls }) == 0 {
            _ = try directory.append(Make.batch([String(repeating: "x", count: 3000)]), to: partition)
        }
        let size = try #require(memory.bytes(of: Self.log)).count
        #expect((9000..<10000).contains(size))
        #expect(memory.used - before >= size + 10000 && memory.used - before < 21000)
        try directory.close()
        #expect(memory.used - before < 16000)
        memory.kill()
        // Without room the segment is made all the same.
        let opened = try DataDirectory.open("/d", disk: memory.disk)
        memory.capacity = memory.used + 5000
        let again = try #require(opened.topic(named: "t")).partitions[0]
        while again.writer.withLock({ $0.rolls }) == 0 {
            _ = try opened.append(Make.batch([String(repeating: "x", count: 990)]), to: again)
            memory.capacity = memory.used + 5000
        }
        #expect(try again.allValues(maxBytes: 100_000).count > 4)
    }

    @Test("room that a segment was given goes back, although nothing is preallocated any more")
    func preallocatedOnce() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: ["segment.bytes": "10000", "preallocate": "true"])
        _ = try directory.append(Make.batch(["x"]), to: topic.partitions[0])
        let before = memory.used
        try directory.alterTopic(named: "t", configuration: ["segment.bytes": "14"])
        _ = try directory.append(Make.batch(["y"]), to: topic.partitions[0])
        #expect(memory.used < before - 8000)
    }

    @Test("it goes back also if the process is killed before the next segment", arguments: [true, false])
    func preallocatedBeforeKill(isEmpty: Bool) throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic(
            "t", partitions: 1, configuration: ["segment.bytes": "10000", "preallocate": "true"])
        if !isEmpty { _ = try directory.append(Make.batch(["x"]), to: topic.partitions[0]) }
        try directory.alterTopic(named: "t", configuration: ["segment.bytes": "14"])
        memory.kill()
        let before = memory.used
        directory = try DataDirectory.open("/d", disk: memory.disk)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        for _ in 0..<2 { _ = try directory.append(Make.batch(["y"]), to: partition) }
        #expect(memory.used < before - 8000)
        #expect(try partition.allValues().count == (isEmpty ? 2 : 3))
    }

    @Test(
        "a lost or wrong index is made again, the same as it was",
        arguments: [nil, [], [0, 0, 0, 1, 0, 0, 0, 2], [1, 2, 3]])
    func lostIndex(wrong: [UInt8]?) throws {
        for isClean in [true, false] {
            var site = try Site(configuration: Make.tiny)
            for number in 2...9 { try site.commit(Int64(number)) }
            let path = "/d/t-0/00000000000000000000.index"
            let right = try #require(site.memory.bytes(of: path))
            #expect(right.count >= 8)
            if isClean { try site.directory.close() }
            site.memory.kill()
            if let wrong {
                site.memory.setBytes(of: path, to: wrong)
            } else {
                try site.memory.disk.removeFile(path)
            }
            try site.reopen()
            #expect(try site.rounds() == Array(1...9))
            // An empty one only makes searches longer.
            if wrong != [] || !isClean { #expect(site.memory.bytes(of: path) == right) }
        }
    }

    @Test("retention deletes whole segments from the front, never below its bytes, and what was lent stays readable")
    func retention() throws {
        var site = try Site(
            configuration: ["segment.bytes": "700", "retention.bytes": "1500", "file.delete.delay.ms": "0"])
        for number in 2...30 { try site.commit(Int64(number)) }
        let lent = try site.partitions[0].read(from: 0, maxBytes: 200, minOneMessage: true).spans[0]
        let before = try lent.source.read(position: lent.position, length: lent.length)
        let size = site.partitions[0].size
        let freed = try site.directory.enforceRetention()
        #expect(freed > 0)
        for partition in site.partitions {
            #expect(partition.size >= 1500 && partition.size < 1500 + 700)
            #expect(partition.logStart > 0)
        }
        #expect(size > 1500 + 700)
        #expect(try lent.source.read(position: lent.position, length: lent.length) == before)
        let start = site.partitions[0].logStart
        let error = #expect(throws: StorageError.self) {
            _ = try site.partitions[0].read(from: start - 1, maxBytes: 100, minOneMessage: true)
        }
        #expect(
            error?.cause == .outOfRange(start - 1, available: start...site.partitions[0].highWatermark))
        let values = try site.partitions.map { try $0.allValues() }
        #expect(site.memory.files.allSatisfy { !$0.hasSuffix(".deleted") })
        site.memory.kill()
        try site.reopen()
        #expect(try site.partitions.map { try $0.allValues() } == values)
        #expect(site.partitions[0].logStart == start)
        #expect(try site.directory.enforceRetention() == 0)
        try site.commit(31)
        #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == [31])
    }

    @Test("retention by time lets the active segment go as well, and offsets go on")
    func retentionByTime() throws {
        var site = try Site(configuration: ["retention.ms": "1000"])
        #expect(try site.directory.enforceRetention(now: Make.time + 1000) == 0)
        #expect(try site.directory.enforceRetention(now: Make.time + 1001) > 0)
        #expect(site.partitions[0].logStart == 2)
        #expect(site.partitions[0].highWatermark == 2)
        site.memory.kill()
        try site.reopen()
        #expect(site.partitions[0].logStart == 2)
        try site.commit(2)
        #expect(try site.partitions[0].allValues() == ["r2a0", "r2b0"])
    }

    @Test("a topic capped as a whole stays under its cap")
    func cap() throws {
        #expect(
            TopicSettings.capped(total: 1 << 30, partitions: 8)
                == [
                    "segment.bytes": "\(16 << 20)", "retention.bytes": "\(112 << 20)", "file.delete.delay.ms": "0",
                ])
        #expect(TopicSettings.capped(total: 1, partitions: 8)["segment.bytes"] == "\(1 << 20)")
    }

    @Test("offsets are found by time, and the record with the largest time too")
    func byTime() throws {
        let directory = try DataDirectory.open("/d", disk: MemoryDisk().disk)
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["segment.bytes": "250"])
        let partition = topic.partitions[0]
        #expect(try partition.offsetOfMaxTimestamp() == nil)
        for times in [[10, 11], [30, 20], [25, 26], [40, 40]] {
            let batch = try RecordBatch.encode(
                times.map { Record(timestamp: Int64($0), value: [1, 2, 3]) }, codec: .lz4)
            _ = try directory.append(batch, to: partition)
        }
        func offset(_ time: Int64) throws -> Offset? { try partition.offset(atOrAfter: time)?.offset }
        #expect(try offset(0) == 0)
        #expect(try offset(11) == 1)
        #expect(try offset(12) == 2)
        #expect(try offset(31) == 6)
        #expect(try offset(41) == nil)
        #expect(try partition.offset(atOrAfter: 21)?.timestamp == 30)
        #expect(try partition.offsetOfMaxTimestamp()?.offset == 6)
    }
}
