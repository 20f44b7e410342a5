@testable import CommitLog
import Records
import TestSupport
import Testing

private let noVectors = Comment(rawValue: Shared.missing)

/// Each kind of damage is found, at its place.
@Suite struct VerificationDamageTests {
    /// A stopped data directory with a partition of several segments.
    private func stopped(steps: Int = 60) throws -> MemoryDisk {
        let log = try GeneratedLog(seed: 1, steps: steps)
        try log.directory.close()
        #expect(try Inspection.findings("/d", log.memory.disk).isEmpty)
        return log.memory
    }

    @Test("each flipped byte of a partition's files is found")
    func flippedBytes() throws {
        let memory = try stopped(steps: 14)
        var silent: [String] = []
        for name in try memory.disk.list("/d/t-0").sorted() {
            let path = "/d/t-0/\(name)"
            let bytes = try #require(memory.bytes(of: path))
            let file = try memory.disk.open(path, .readWrite)
            for position in bytes.indices {
                try file.write([bytes[position] ^ (position % 2 == 0 ? 1 : 0x80)], at: Int64(position))
                if try Inspection.findings("/d/t-0", memory.disk).isEmpty { silent.append("\(name):\(position)") }
                try file.write([bytes[position]], at: Int64(position))
            }
        }
        #expect(silent == [])
    }

    /// A change of one file, and what must be said of it.
    struct Damage: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// In `/d`.
        let file: String
        /// nil removes the file.
        let change: @Sendable ([UInt8]) -> [UInt8]?
        /// Where, nil for the whole file.
        var position: Int64?
        let says: String
        /// The file that is named, if it is not the one that was changed.
        var named: String?
    }

    private static let segment = "t-0/00000000000000000010"

    static let kinds: [Damage] = [
        Damage(
            testDescription: "a rotten record", file: "\(segment).log", change: { $0.with(0xff, at: 70) }, position: 0,
            says: "checksum mismatch"),
        Damage(
            testDescription: "an offset that was moved", file: "\(segment).log", change: { $0.with(5, at: 7) },
            position: 0, says: "offset 5 in a segment from 10"),
        Damage(
            testDescription: "another leader epoch", file: "\(segment).log", change: { $0.with(9, at: 15) },
            says: "it says epoch 0 at offset 10, where a batch has epoch 9", named: "t-0/leader-epoch-checkpoint"),
        Damage(
            testDescription: "a torn end", file: "\(segment).log", change: { Array($0.dropLast(5)) }, position: 362,
            says: "of which"),
        Damage(
            testDescription: "bytes of nobody at the end", file: "\(segment).log", change: { $0 + [1, 2, 3] },
            position: 496, says: "3 bytes, less than a batch header"),
        Damage(
            testDescription: "a segment that is gone", file: "\(segment).log", change: { _ in nil }, position: 0,
            says: "offsets 10 to 18 are missing before it", named: "t-0/00000000000000000019.log"),
        Damage(
            testDescription: "an index entry for another offset", file: "\(segment).index",
            change: { $0.with(0, at: 3) }, position: 0, says: "it has offset 10 at byte"),
        Damage(
            testDescription: "an index entry for another byte", file: "\(segment).index",
            change: { $0.with(7, at: 7) }, position: 0, says: "where no batch begins"),
        Damage(
            testDescription: "an index longer than its log", file: "\(segment).index",
            change: { $0 + [0, 0, 0, 99, 0, 0, 9, 0] }, position: 16, says: "behind the last batch"),
        Damage(
            testDescription: "index entries in disorder", file: "\(segment).index",
            change: { Array($0[8...] + $0[..<8]) }, position: 8, says: "comes after"),
        Damage(
            testDescription: "half an index entry", file: "\(segment).index", change: { $0 + [0, 0] }, position: 16,
            says: "no whole entry of 8"),
        Damage(
            testDescription: "zeros in a closed index", file: "\(segment).index",
            change: { $0 + [UInt8](repeating: 0, count: 16) }, position: 16, says: "bytes of zeros"),
        Damage(
            testDescription: "an index that is gone", file: "\(segment).index", change: { _ in nil },
            says: "it is missing"),
        Damage(
            testDescription: "a time index with another time", file: "\(segment).timeindex",
            change: { $0.with(1, at: 5) }, position: 0, says: "it has timestamp"),
        Damage(
            testDescription: "a time index that ends early", file: "\(segment).timeindex",
            change: { Array($0.dropLast(12)) }, says: "the largest in the segment is"),
        Damage(
            testDescription: "a time index that is gone", file: "\(segment).timeindex", change: { _ in nil },
            says: "it is missing"),
        Damage(
            testDescription: "leader epochs that are none", file: "t-0/leader-epoch-checkpoint",
            change: { _ in Array("0\n1\nx y\n".utf8) }, says: "ascending"),
        Damage(
            testDescription: "leader epochs that begin later", file: "t-0/leader-epoch-checkpoint",
            change: { _ in Array("0\n1\n0 4\n".utf8) }, says: "it begins with offset 4"),
        Damage(
            testDescription: "leader epochs of another log", file: "t-0/leader-epoch-checkpoint",
            change: { _ in Array("0\n2\n0 0\n3 4\n".utf8) }, says: "it says epoch 3"),
        Damage(
            testDescription: "another topic's id", file: "t-0/partition.metadata",
            change: { _ in Array("version: 0\ntopic_id: ERERESIiMzNERFVVVVVVVQ".utf8) }, says: "the registry's is"),
        Damage(
            testDescription: "no topic's id", file: "t-0/partition.metadata", change: { _ in nil },
            says: "it is missing; the next start"),
        Damage(
            testDescription: "a sync that failed", file: "penstock-sync-failed", change: { _ in Array("why\n".utf8) },
            says: "a sync failed"),
        Damage(
            testDescription: "a checkpoint beyond the log", file: "recovery-point-offset-checkpoint",
            change: { _ in Array("0\n1\nt 0 5000\n".utf8) }, says: "offset 5000 of t-0, whose log ends at"),
        Damage(
            testDescription: "a checkpoint that is none", file: "recovery-point-offset-checkpoint",
            change: { _ in Array("0\n2\nt 0 1\n".utf8) }, says: "line 2"),
        Damage(
            testDescription: "properties without a cluster", file: "meta.properties", change: { _ in [] },
            says: "it has no cluster.id"),
    ]

    @Test("is found", arguments: kinds)
    func found(damage: Damage) throws {
        let memory = try stopped()
        let path = "/d/\(damage.file)"
        if let changed = damage.change(memory.bytes(of: path) ?? []) {
            let file = try memory.disk.open(path, .create)
            try file.truncate(to: 0)
            try file.write(changed, at: 0)
        } else {
            try memory.disk.removeFile(path)
        }
        let findings = try Inspection.findings("/d", memory.disk)
        let named = "/d/\(damage.named ?? damage.file)"
        let isFound = findings.contains {
            $0.path == named && $0.position == damage.position && $0.reason.contains(damage.says)
        }
        #expect(isFound, "\(findings)")
    }

    @Test("records that are none, or later than their batch says, are found by the deep look only, at their batch")
    func deep() throws {
        let path = "/d/\(Self.segment).log"
        let changes: [(says: String, change: (inout [UInt8]) -> Void)] = [
            // The first record's length.
            ("a record of -64 bytes", { $0[BatchHeader.size] = 0xff }),
            // The largest timestamp.
            ("a record has timestamp", { $0[41] -= 1 }),
        ]
        for (says, change) in changes {
            let memory = try stopped()
            var bytes = try #require(memory.bytes(of: path))
            let batch = try Make.batches(in: bytes)[1]
            Inspection.rewrite(batch, in: &bytes, change)
            memory.setBytes(of: path, to: bytes)
            #expect(try Inspection.findings(path, memory.disk, isDeep: false).filter { $0.path == path } == [])
            let found = try Inspection.findings(path, memory.disk).filter { $0.path == path }
            #expect(found.map(\.position) == [Int64(batch.lowerBound)])
            #expect(found.first?.reason.contains(says) == true, "\(found)")
        }
    }

    @Test(
        "a transaction index that disagrees with the markers is found",
        .enabled(if: Shared.directory != nil, noVectors),
        arguments: [
            (nil, "is missing"), (10, "whose transaction begins at 39"),
            (9, "where producer 5000 has a marker to abort"),
            (25, "where there is none"), (1, "version 1"),
        ] as [(Int?, String)])
    func transactionIndex(position: Int?, says: String) throws {
        let memory = MemoryDisk()
        try Inspection.copy("vectors/partition-dir/t1-0", to: "/k/t1-0", on: memory)
        // In a known data directory, so that it cannot have been compacted.
        try memory.disk.open("/k/meta.properties", .create).write(
            Array("version=1\ncluster.id=x\nnode.id=1\ndirectory.id=y\n".utf8), at: 0)
        #expect(try Inspection.findings("/k", memory.disk).isEmpty)
        let path = "/k/t1-0/00000000000000000021.txnindex"
        if let position {
            let value: UInt8 = position == 25 ? 40 : position == 10 ? 0 : 1
            let at = position == 10 ? 17 : position
            try memory.disk.open(path, .readWrite).write([position == 10 ? 40 : value], at: Int64(at))
        } else {
            try memory.disk.removeFile(path)
        }
        let findings = try Inspection.findings("/k", memory.disk)
        #expect(findings.contains { $0.path == path && $0.reason.contains(says) }, "\(findings)")
    }

    @Test("a partition that must be there and is not is told", arguments: ["t-0", "__penstock_topics-0"])
    func missingPartition(name: String) throws {
        let memory = try stopped()
        for file in try memory.disk.list("/d/\(name)") { try memory.disk.removeFile("/d/\(name)/\(file)") }
        try memory.disk.removeDirectory("/d/\(name)")
        let findings = try Inspection.findings("/d", memory.disk)
        #expect(findings.contains { $0.path == "/d/\(name)" && $0.reason.contains("is not there") }, "\(findings)")
    }

    @Test("a producer that a snapshot invents is found, and the snapshot set aside by a repair")
    func inventedProducer() throws {
        let memory = try stopped()
        let snapshots = try memory.disk.list("/d/t-0").compactMap { ProducerSnapshot.offset(of: $0) }
        let offset = try #require(snapshots.max())
        let path = ProducerSnapshot.path("/d/t-0", offset)
        let old = try ProducerSnapshot.decode(try #require(memory.bytes(of: path)), upTo: offset, limit: 100)
        var entries = old.entries
        entries[4711] = ProducerTable.Entry(epoch: 0)
        memory.setBytes(of: path, to: ProducerSnapshot.encode(ProducerTable(limit: 100, entries: entries)))
        let findings = try Inspection.findings("/d", memory.disk)
        #expect(findings.map(\.path) == [path])
        #expect(findings.first?.reason.contains("4711") == true)
        let place = try InspectedPlace.at("/d", disk: memory.disk)
        let repair = LogRepair(place, disk: memory.disk) { _ in }
        #expect(try repair.run() == 1)
        #expect(try Inspection.findings("/d", memory.disk).isEmpty)
    }

    @Test("what is not looked at is named, and nothing to look at is an error")
    func notLookedAt() throws {
        let memory = try stopped()
        let log = try #require(memory.bytes(of: "/d/\(Self.segment).log"))
        try memory.disk.makeDirectory("/d/penstock-cut")
        try memory.disk.makeDirectory("/empty")
        let files = ["/d/notes", "/d/\(Self.segment).log.swap", "/d/t-0/x.index"]
        for path in files + ["/d/penstock-cut/t-0.10.4.log"] { try memory.disk.open(path, .create).write(log, at: 0) }
        let (findings, summary) = try Inspection.verify("/d", memory.disk)
        #expect(findings.isEmpty)
        #expect(summary.skipped == 4)
        #expect(Set(summary.skippedFirst) == Set(files + ["/d/penstock-cut"]))
        for path in ["/empty", "/d/penstock-cut", "/d/penstock-cut/t-0.10.4.log", "/d/\(Self.segment).log.swap"] {
            #expect(throws: StorageError.self, "\(path)") { _ = try Inspection.verify(path, memory.disk) }
        }
    }

    @Test("of one file only so many places are told, and all are counted", arguments: [nil, 1, 7])
    func bounded(perFile: Int?) throws {
        let memory = try stopped()
        let path = "/d/t-0/00000000000000000010.index"
        let file = try memory.disk.open(path, .readWrite)
        for entry in 0..<500 { try file.write([0, 0, 0, 1, 0, 0, 0, UInt8(entry % 7)], at: Int64(entry * 8)) }
        let (findings, summary) = try Inspection.verify(path, memory.disk) { options in
            if let perFile { options.findingsPerFile = perFile }
        }
        let told = perFile ?? 100
        #expect(findings.count == told + 1)
        #expect(findings.contains { $0.reason == "and \(summary.findings - told) more places" })
    }
}

extension [UInt8] {
    fileprivate func with(_ byte: UInt8, at position: Int) -> [UInt8] {
        var copy = self
        copy[position] = byte
        return copy
    }
}
