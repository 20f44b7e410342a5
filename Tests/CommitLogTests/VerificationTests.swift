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
