import CommitLog
import Records
import TestSupport
import Testing

@Suite("ReserveTests")
struct ReserveTests {
    private func directory(_ disk: MemoryDisk, reserve: Int64 = 4000) throws -> DataDirectory {
        var options = LogOptions()
        options.reserveBytes = reserve
        return try DataDirectory.open("/data", options: options, disk: disk.disk)
    }

    /// Appends until the disk is full.
    private func fill(_ directory: DataDirectory, _ partition: Partition) throws -> StorageError {
        for _ in 0..<100_000 {
            do {
                _ = try directory.append(try Make.batch([String(repeating: "x", count: 500)]), to: partition)
            } catch let error as StorageError {
                return error
            }
        }
        Issue.record("the disk does not fill")
        throw CancellationError()
    }

    @Test("on a full disk group offsets, deletions and a clean stop go on, ordinary appends wait for the reserve")
    func goesOn() throws {
        let disk = MemoryDisk()
        let log = try directory(disk)
        let topic = try log.createTopic("t", partitions: 1)
        let offsets = try log.createTopic("__consumer_offsets", partitions: 1, internal: true)
        disk.capacity = disk.used + 20_000
        #expect(try fill(log, topic.partitions[0]).isFull)
        let before = try topic.partitions[0].allValues().count
        #expect(disk.capacity.map { $0 - disk.used } ?? 0 < 600)
        for value in 0..<10 {
            let batch = try Make.batch([String(repeating: "o", count: 200) + "\(value)"])
            _ = try log.append(batch, to: offsets.partitions[0])
        }
        #expect(try offsets.partitions[0].allValues().count == 10)
        #expect(try fill(log, topic.partitions[0]).isFull, "the reserve is not for ordinary appends")
        #expect(try topic.partitions[0].allValues().count == before)
        disk.capacity = disk.used + 10_000
        _ = try log.append(try Make.batch(["again"]), to: topic.partitions[0])
        #expect(disk.bytes(of: "/data/penstock-reserve") == Array("4000\n".utf8), "it is made again")
        try log.close()
    }

    @Test("a directory is closed cleanly, and opened again, on a full disk")
    func closes() throws {
        let disk = MemoryDisk()
        let log = try directory(disk)
        let topic = try log.createTopic("t", partitions: 3)
        disk.capacity = disk.used + 5000
        for partition in topic.partitions { #expect(try fill(log, partition).isFull) }
        let values = try topic.partitions.map { try $0.allValues() }
        disk.capacity = disk.used
        try log.close()
        disk.kill()
        let again = try directory(disk)
        #expect(again.recovery.wasClean)
        #expect(try again.topic(named: "t")?.partitions.map { try $0.allValues() } == values)
    }

    @Test("a directory is opened after a crash on a full disk, with what was cut kept")
    func opensFull() throws {
        let disk = MemoryDisk()
        let log = try directory(disk, reserve: 20_000)
        let topic = try log.createTopic("t", partitions: 1)
        disk.capacity = disk.used + 5000
        #expect(try fill(log, topic.partitions[0]).isFull)
        let values = try topic.partitions[0].allValues()
        let path = "/data/t-0/00000000000000000000.log"
        let bytes = try #require(disk.bytes(of: path))
        disk.setBytes(of: path, to: bytes + [UInt8](repeating: 7, count: 40))
        disk.capacity = disk.used
        disk.kill()
        let again = try directory(disk, reserve: 20_000)
        #expect(try again.topic(named: "t")?.partitions[0].allValues() == values)
        let cut = try #require(again.recovery.cuts.first)
        #expect(cut.copy.flatMap { disk.bytes(of: $0) } == [UInt8](repeating: 7, count: 40))
    }

    @Test("a small disk is not all reserve, and no reserve is kept where none is wanted")
    func sizes() throws {
        let disk = MemoryDisk()
        disk.capacity = 160_000
        let log = try directory(disk, reserve: 64 << 20)
        let bytes = try #require(disk.bytes(of: "/data/penstock-reserve"))
        let size = try #require(Int(String(decoding: bytes.dropLast(), as: UTF8.self)))
        #expect(1..<10_000 ~= size)
        try log.close()
        disk.kill()
        let without = try directory(disk, reserve: 0)
        #expect(disk.bytes(of: "/data/penstock-reserve") == nil)
        try without.close()
    }
}
