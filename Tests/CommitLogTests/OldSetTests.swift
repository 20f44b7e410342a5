import CommitLog
import Records
import TestSupport
import Testing

/// Partitions of old brokers: message sets of formats 0 and 1, and batches behind them.
@Suite struct OldSetTests {
    /// What an old broker's partition holds: its segment, and the records that consumers see.
    private func old(seed: UInt64) throws -> (segment: [UInt8], records: [Record]) {
        var random = SeededGenerator(seed: seed)
        var segment: [UInt8] = []
        var all: [Record] = []
        for number in 0..<Int.random(in: 1...60, using: &random) {
            let magic: Int8 = number < 10 ? 0 : 1
            let isSet = Bool.random(using: &random)
            let base = (all.last?.offset ?? -1) + 1
            let some = (0..<(isSet ? Int64.random(in: 1...6, using: &random) : 1)).map { place in
                let value = random.bytes(Int.random(in: 0...200, using: &random), from: Array("xyz".utf8))
                let offset = base + place
                return Record(offset: offset, timestamp: magic == 0 ? -1 : Make.time + offset, value: value)
            }
            segment +=
                isSet
                ? try OldMessages.wrapper(magic: magic, some, codec: .gzip) : OldMessages.message(magic: magic, some[0])
            all += some
        }
        return (segment, all)
    }

    private func disk(_ segment: [UInt8]) throws -> MemoryDisk {
        let memory = MemoryDisk()
        try memory.disk.makeDirectory("/d")
        try memory.disk.makeDirectory("/d/o-0")
        try memory.disk.open("/d/o-0/00000000000000000000.log", .create).write(segment, at: 0)
        return memory
    }

    @Test(
        "their records are served as batches, from every offset and by time, before and after a crash",
        arguments: Seeds.some(15))
    func served(seed: UInt64) throws {
        let (segment, records) = try old(seed: seed)
        let memory = try disk(segment)
        for life in 0..<2 {
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(directory.recovery.cuts.isEmpty && directory.recovery.damage.isEmpty)
            let partition = try #require(directory.topic(named: "o")).partitions[0]
            #expect(partition.highWatermark == Int64(records.count + life))
            #expect(Array(try partition.allRecords().prefix(records.count)) == records)
            for record in records {
                let slice = try partition.read(from: record.offset, maxBytes: 1, minOneMessage: true)
                #expect(slice.nextOffset > record.offset)
            }
            if let last = records.last(where: { $0.timestamp >= 0 }) {
                let found = try partition.offset(atOrAfter: last.timestamp)
                #expect(found?.offset == last.offset && found?.timestamp == last.timestamp)
            }
            #expect(memory.bytes(of: "/d/o-0/00000000000000000000.log")?.starts(with: segment) == true)
            // What comes now is a batch.
            _ = try directory.append(Make.batch(["new"]), to: partition)
            #expect(try partition.allValues().last == "new")
            memory.kill()
        }
    }

    @Test("a message that was damaged is not served, and what is before and behind it is")
    func damaged() throws {
        let messages = (Int64(0)..<5).map { OldMessages.message(magic: 1, offset: $0, key: nil, value: [1, 2, 3]) }
        var segment = messages.flatMap { $0 }
        segment[messages[0].count * 3 + 30] ^= 1
        let memory = try disk(segment)
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let partition = try #require(directory.topic(named: "o")).partitions[0]
        #expect(try partition.allRecords().map(\.offset) == [0, 1, 2, 4])
        #expect(directory.recovery.cuts.isEmpty)
        #expect(directory.recovery.damage.first?.copy.flatMap { memory.bytes(of: $0) }?.count == messages[3].count)
    }
}
