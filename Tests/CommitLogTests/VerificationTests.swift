import CommitLog
import Records
import TestSupport
import Testing

private let noVectors = Comment(rawValue: Shared.missing)

/// `penstock log verify`, below its command.
@Suite struct VerificationTests {
    @Test(
        "finds nothing in a partition directory that Kafka wrote", .enabled(if: Shared.directory != nil, noVectors),
        arguments: [false, true])
    func kafkaDirectory(isDeep: Bool) throws {
        let memory = MemoryDisk()
        try Inspection.copy("vectors/partition-dir/t1-0", to: "/k/t1-0", on: memory)
        let (findings, summary) = try Inspection.verify("/k/t1-0", memory.disk, isDeep: isDeep)
        #expect(findings.isEmpty)
        #expect((summary.partitions, summary.segments, summary.bytes) == (1, 3, 1334 + 1477 + 148))
        // As a data directory it has no more to tell.
        #expect(try Inspection.findings("/k", memory.disk).isEmpty)
        for file in Shared.names(in: "vectors/partition-dir/t1-0") {
            #expect(try Inspection.findings("/k/t1-0/\(file)", memory.disk).isEmpty, "\(file)")
        }
    }

    @Test(
        "finds nothing in a log that Kafka compacted", .enabled(if: Shared.directory != nil, noVectors),
        arguments: ["before", "after-first", "after-horizon"])
    func compacted(state: String) throws {
        let memory = MemoryDisk()
        try Inspection.copy("vectors/compaction/\(state)", to: "/k/c-0", on: memory)
        #expect(try Inspection.findings("/k/c-0", memory.disk).isEmpty)
    }

    @Test(
        "finds nothing in old message sets, and each flipped bit of them",
        .enabled(if: Shared.directory != nil, noVectors), arguments: Shared.names(in: "vectors/legacy"))
    func oldSets(name: String) throws {
        let memory = MemoryDisk()
        try memory.disk.makeDirectory("/o-0")
        let path = "/o-0/00000000000000000000.log"
        let bytes = try Shared.bytes("vectors/legacy/\(name)")
        try memory.disk.open(path, .create).write(bytes, at: 0)
        #expect(try Inspection.findings("/o-0", memory.disk).isEmpty)
        for position in 8..<bytes.count {
            try memory.disk.open(path, .readWrite).write([bytes[position] ^ 4], at: Int64(position))
            let findings = try Inspection.findings(path, memory.disk)
            #expect(findings.map(\.position) == [0], "byte \(position)")
            try memory.disk.open(path, .readWrite).write([bytes[position]], at: Int64(position))
        }
    }

    @Test(
        "finds nothing where a segment begins with the timestamp 0, whose time entry looks like room, and zeros elsewhere",
        arguments: [[0], [0, 5, 9], [0, 5, 3], [-1, 0]] as [[Int64]])
    func timestampZero(times: [Int64]) throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1, configuration: Make.tiny)
        for number in 0..<30 {
            let record = Record(timestamp: times[number % times.count], value: [UInt8](repeating: 1, count: 20))
            _ = try directory.append(RecordBatch.encode([record]), to: topic.partitions[0])
        }
        try directory.close()
        #expect(try Inspection.findings("/d", memory.disk).isEmpty)
        directory = try DataDirectory.open("/d", disk: memory.disk)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        #expect(try partition.offset(atOrAfter: 0)?.offset == Int64(times.firstIndex(of: 0) ?? -1))
        try directory.close()
        #expect(try Inspection.findings("/d", memory.disk).isEmpty)
        // Where no such batch is, or one entry for it is there, zeros are none.
        guard times.count == 1 || times[0] != 0 else { return }
        let path = "/d/t-0/00000000000000000000.timeindex"
        let index = try #require(memory.bytes(of: path))
        memory.setBytes(of: path, to: [UInt8](repeating: 0, count: 12) + index)
        #expect(try Inspection.findings("/d", memory.disk).map(\.path).contains(path))
    }

    @Test("finds nothing after kills, and while the epoch that they made new is not in its file yet")
    func newEpochs() throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        _ = try directory.createTopic("t", partitions: 1, configuration: Make.tiny)
        for life in 0..<3 {
            let topic = try #require(directory.topic(named: "t"))
            for number in 0..<3 { _ = try directory.append(Make.batch(["\(life) \(number)"]), to: topic.partitions[0]) }
            #expect(try Inspection.findings("/d", memory.disk).isEmpty, "life \(life), running")
            memory.kill()
            #expect(try Inspection.findings("/d", memory.disk).isEmpty, "life \(life), killed")
            directory = try DataDirectory.open("/d", disk: memory.disk)
        }
        try directory.close()
        #expect(try Inspection.findings("/d", memory.disk).isEmpty)
    }

    @Test(
        "files with names that no segment can have are a stranger's",
        arguments: [
            "09223372036854775807", "09223372032559808512", "99999999999999999999", "+0000000000000000000",
            "-0000000000000000000", "\u{664}0000000000000000000",
        ])
    func impossibleNames(name: String) throws {
        let log = try GeneratedLog(seed: 1)
        try log.directory.close()
        let memory = log.memory
        let bytes = try #require(memory.bytes(of: "/d/t-0/00000000000000000000.log"))
        for suffix in [".log", ".index", ".timeindex", ".txnindex", ".snapshot", ".log.swap"] {
            let path = "/d/t-0/\(name)\(suffix)"
            try memory.disk.open(path, .create).write(
                suffix == ".log" ? bytes : [UInt8](repeating: 0x7f, count: 408), at: 0)
            _ = try Inspection.dump(path, memory.disk)
        }
        _ = try Inspection.dump("/d", memory.disk)
        #expect(try Inspection.findings("/d", memory.disk).isEmpty)
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(try directory.topic(named: "t")?.partitions[0].allValues() == log.values[0])
        try directory.close()
        #expect(memory.bytes(of: "/d/t-0/\(name).log") == bytes)
    }

    @Test("finds nothing in what we write, running, killed and stopped", arguments: Seeds.some(6))
    func ours(seed: UInt64) throws {
        let log = try GeneratedLog(seed: seed)
        #expect(try Inspection.findings("/d", log.memory.disk).isEmpty, "while it runs")
        try log.directory.close()
        let (findings, summary) = try Inspection.verify("/d", log.memory.disk)
        #expect(findings.isEmpty)
        #expect(summary.segments > 3)
        #expect(try Inspection.findings("/d", log.memory.disk, isDeep: false, threads: 1).isEmpty)
    }
}
