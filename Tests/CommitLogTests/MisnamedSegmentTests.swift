import CommitLog
import Records
import TestSupport
import Testing

/// Segments whose files somebody gave other names.
@Suite struct MisnamedSegmentTests {
    private static let suffixes = [".log", ".index", ".timeindex"]

    private static func stem(_ base: Offset) -> String {
        let digits = String(base)
        return "/d/t-0/" + String(repeating: "0", count: 20 - digits.utf8.count) + digits
    }

    /// A stopped log of segments of two batches of ten records.
    private func stopped() throws -> (memory: MemoryDisk, bases: [Offset], values: [String]) {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1, configuration: Make.tiny)
        var values: [String] = []
        for number in 0..<12 {
            let some = (0..<10).map { "\(number).\($0) " + String(repeating: "x", count: 15) }
            _ = try directory.append(Make.batch(some), to: topic.partitions[0])
            values += some
        }
        try directory.close()
        memory.kill()
        let bases = memory.files.filter { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(".log") }.sorted().compactMap {
            Offset($0.dropFirst("/d/t-0/".count).prefix(20))
        }
        #expect(bases == [0, 20, 40, 60, 80, 100])
        return (memory, bases, values)
    }

    private func rename(_ from: Offset, _ to: Offset, _ memory: MemoryDisk, _ suffixes: [String] = suffixes) throws {
        for suffix in suffixes where try memory.disk.exists(Self.stem(from) + suffix) {
            try memory.disk.rename(Self.stem(from) + suffix, Self.stem(to) + suffix)
        }
    }

    private func repair(_ memory: MemoryDisk, isDry: Bool = false) throws -> [LogRepair.Action] {
        var options = LogRepair.Options()
        options.isDry = isDry
        var actions: [LogRepair.Action] = []
        let place = try InspectedPlace.at("/d", disk: memory.disk)
        _ = try LogRepair(place, options, disk: memory.disk) { actions.append($0) }.run()
        return actions
    }

    private func logs(_ memory: MemoryDisk) -> [String: [UInt8]] {
        var logs: [String: [UInt8]] = [:]
        for path in memory.files where path.hasPrefix("/d/t-0/") && path.hasSuffix(".log") {
            logs[path] = memory.bytes(of: path)
        }
        return logs
    }

    @Test(
        "one is named by verify, and gets its name back by a repair, which takes nothing out",
        arguments: [
            [(40, 35)], [(40, 45)], [(40, 1000)], [(40, 21)], [(20, 15)], [(0, 5)], [(100, 95)], [(100, 777)],
            [(20, 30), (60, 70)], [(80, 90), (60, 80)],
        ] as [[(Offset, Offset)]])
    func renamed(names: [(Offset, Offset)]) throws {
        for suffixes in [Self.suffixes, [".log"]] {
            let (memory, _, values) = try stopped()
            let right = logs(memory)
            for (from, to) in names { try rename(from, to, memory, suffixes) }
            let wrong = logs(memory)
            let findings = try Inspection.findings("/d", memory.disk)
            for (from, to) in names {
                let finding = findings.first { $0.path == Self.stem(to) + ".log" }
                #expect(finding?.reason.contains("its first batch is at offset \(from)") == true, "\(findings)")
            }
            if suffixes.count > 1 { #expect(findings.count == names.count, "\(findings)") }
            let planned = try repair(memory, isDry: true).filter { $0.outcome != nil }
            #expect(logs(memory) == wrong, "a dry run changed something")
            let done = try repair(memory)
            #expect(logs(memory) == right, "\(done)")
            #expect(planned == done.filter { $0.outcome != nil } && planned.count == names.count, "\(planned)")
            for (from, to) in names {
                let says = "\(Self.stem(to)).log: renamed to \(Self.stem(from))"
                #expect(planned.contains { $0.description.hasPrefix(says) })
            }
            #expect(try Inspection.findings("/d", memory.disk) == [], "\(done)")
            #expect(try repair(memory).isEmpty)
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(try #require(directory.topic(named: "t")).partitions[0].allValues() == values)
        }
    }

    @Test("two that have each other's names are left as they are, and nothing is taken out")
    func swapped() throws {
        let (memory, _, _) = try stopped()
        try rename(20, 5, memory)
        try rename(60, 20, memory)
        try rename(5, 60, memory)
        let before = logs(memory)
        let error = #expect(throws: StorageError.self) { try repair(memory) }
        #expect(error.map { "\($0)".contains("which another one has") } == true, "\(String(describing: error))")
        #expect(logs(memory) == before)
    }

    @Test("an empty one that took the name meanwhile goes")
    func taken() throws {
        let (memory, _, values) = try stopped()
        try rename(40, 45, memory)
        try memory.disk.open(Self.stem(40) + ".log", .create).truncate(to: 0)
        _ = try repair(memory)
        #expect(try Inspection.findings("/d", memory.disk) == [])
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(try #require(directory.topic(named: "t")).partitions[0].allValues() == values)
    }

    @Test("a first batch whose offset rotted does not rename its segment", arguments: [0, 20, 40, 100] as [Offset])
    func rotten(base: Offset) throws {
        for change: UInt8 in [1, 2, 8, 32, 64, 128] {
            let (memory, bases, _) = try stopped()
            let path = Self.stem(base) + ".log"
            var bytes = try #require(memory.bytes(of: path))
            bytes[7] ^= change
            memory.setBytes(of: path, to: bytes)
            #expect(try repair(memory).allSatisfy { $0.outcome == nil }, "\(base) \(change)")
            #expect(logs(memory).keys.sorted() == bases.map { Self.stem($0) + ".log" })
        }
    }

    @Test("whoever reads there is told which file's name disagrees")
    func reader() throws {
        let (memory, _, _) = try stopped()
        try rename(40, 45, memory)
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        let error = #expect(throws: StorageError.self) {
            try partition.read(from: 47, maxBytes: 1000, minOneMessage: true)
        }
        let said = error.map { "\($0)" } ?? ""
        #expect(said.contains("\(Self.stem(45)).log"), "\(said)")
        #expect(said.contains("the first batch is at offset 40, and not where the file's name says"), "\(said)")
    }
}
