import Platform
import Records
import TestSupport
import Testing

@testable import CommitLog

/// Segments whose files somebody gave other names.
@Suite struct MisnamedSegmentTests {
    private static let suffixes = [".log", ".index", ".timeindex"]

    private static func stem(_ base: Offset) -> String {
        let digits = String(base)
        return "/d/t-0/" + String(repeating: "0", count: 20 - digits.utf8.count) + digits
    }

    /// A log of segments of two batches of ten records, which was stopped.
    /// - Parameter killed: the process died instead; its last checkpoint came after so many batches.
    private func stopped(killed checkpoint: Int? = nil) throws -> (
        memory: MemoryDisk, bases: [Offset], values: [String]
    ) {
        let memory = MemoryDisk()
        var options = LogOptions()
        options.reserveBytes = 0
        let directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1, configuration: Make.tiny)
        var values: [String] = []
        for number in 0..<12 {
            if number == checkpoint { try directory.checkpoint() }
            let some = (0..<10).map { "\(number).\($0) " + String(repeating: "x", count: 15) }
            _ = try directory.append(Make.batch(some), to: topic.partitions[0])
            values += some
        }
        if checkpoint == 12 { try directory.checkpoint() }
        if checkpoint == nil { try directory.close() }
        memory.syncAll()
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

    // MARK: - Openings

    /// Names that one segment or two may have got.
    private static let renamings: [[(Offset, Offset)]] = [
        [(40, 35)], [(40, 45)], [(40, 1000)], [(40, 21)], [(40, 15)], [(40, 79)], [(40, 75)], [(20, 15)], [(20, 19)],
        [(0, 5)], [(0, 19)], [(0, 25)], [(0, 1000)], [(80, 35)], [(100, 95)], [(100, 105)], [(100, 777)], [(100, 55)],
        [(20, 30), (60, 70)], [(80, 90), (60, 80)], [(60, 50), (40, 60)], [(60, 55), (100, 95)],
    ]

    private func open(_ memory: MemoryDisk) throws -> (directory: DataDirectory, partition: Partition) {
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        return (directory, try #require(directory.topic(named: "t")).partitions[0])
    }

    /// Reads from each offset. What is served must be what stood there; else the reader is told of it.
    /// - Returns: what was told, and the offsets of which nothing was.
    private func look(_ partition: Partition, _ values: [String]) throws -> (told: [String], silent: [Offset]) {
        var told: [String] = []
        var silent: [Offset] = []
        for (offset, value) in zip(Offset(0)..., values) {
            do {
                let slice = try partition.read(from: offset, maxBytes: 1, minOneMessage: true)
                let bytes = try slice.spans.first.map { try $0.source.read(position: $0.position, length: $0.length) }
                let span = bytes ?? []
                let records = span.isEmpty ? [] : try RecordBatch.decode(span.rawSpan, limit: 1 << 20).1
                if records.first(where: { $0.offset == offset })?.value != Array(value.utf8) { silent.append(offset) }
            } catch let error as StorageError {
                told.append("\(error)")
            }
        }
        return (told, silent)
    }

    @Test("after a kill every segment that was scanned gets its name back, is told, and nothing is lost")
    func killed() throws {
        for names in Self.renamings {
            for suffixes in [Self.suffixes, [".log"]] {
                let (memory, _, values) = try stopped(killed: 0)
                let right = logs(memory)
                for (from, to) in names { try rename(from, to, memory, suffixes) }
                let (directory, partition) = try open(memory)
                let report = directory.recovery
                #expect(report.cuts.isEmpty && report.damage.isEmpty && report.offline.isEmpty, "\(names): \(report)")
                #expect(logs(memory) == right, "\(names)")
                #expect(try partition.allValues() == values, "\(names)")
                for (from, to) in names {
                    let told = "\(Self.stem(to)).log was renamed to \(Self.stem(from)).log"
                    #expect(report.troubles.contains { $0.contains(told) }, "\(names): \(report)")
                }
                #expect(report.troubles.count == names.count, "\(report)")
                try directory.close()
                memory.kill()
                #expect(try Inspection.findings("/d", memory.disk) == [], "\(names)")
                #expect(try open(memory).directory.recovery.troubles == [])
            }
        }
    }

    @Test(
        "wherever the recovery point lies, a reader gets what stood there or is told, and a repair brings back all",
        arguments: [nil, 2, 5, 8, 10, 12])
    func anywhere(checkpoint: Int?) throws {
        for names in Self.renamings {
            for suffixes in checkpoint == nil ? [Self.suffixes, [".log"]] : [Self.suffixes] {
                let comment: Comment = "\(names), \(suffixes.count) files each"
                let (memory, _, values) = try stopped(killed: checkpoint)
                for (from, to) in names { try rename(from, to, memory, suffixes) }
                let (directory, partition) = try open(memory)
                let report = directory.recovery
                #expect(report.cuts.isEmpty && report.damage.isEmpty && report.offline.isEmpty, "\(comment): \(report)")
                #expect(partition.logEnd == 120, comment)
                let (complaints, silent) = try look(partition, values)
                #expect(silent == [], comment)
                let unclear = complaints.first { !$0.contains("name") || !$0.contains("`penstock log repair`") }
                #expect(unclear == nil, comment)
                let isRight = memory.files.allSatisfy { path in names.allSatisfy { path != Self.stem($0.1) + ".log" } }
                if isRight { #expect(complaints == [], comment) }
                // Who appends is not kept from it.
                _ = try directory.append(Make.batch(["new"]), to: partition)
                #expect(try look(partition, values + ["new"]).silent == [], comment)
                try directory.close()
                memory.kill()
                _ = try repair(memory)
                #expect(try open(memory).partition.allValues() == values + ["new"], comment)
            }
        }
    }

    @Test("wherever an opening dies while it gives names back, the next one has everything")
    func dies() throws {
        let (whole, _, values) = try stopped(killed: 0)
        let right = logs(whole)
        for (from, to) in [(80, 90), (60, 80)] as [(Offset, Offset)] { try rename(from, to, whole) }
        whole.syncAll()
        var renamings = 0
        for number in 1... {
            let memory = MemoryDisk(copying: whole)
            memory.die(after: number)
            let isOpen = (try? DataDirectory.open("/d", disk: memory.disk)) != nil
            let wrong = logs(memory).keys.filter { right[$0] == nil }
            if logs(memory)[Self.stem(60) + ".log"] != nil, wrong.count == 1 { renamings += 1 }
            if number % 2 == 0 {
                var random = SeededGenerator(seed: UInt64(number))
                memory.losePower(&random)
            } else {
                memory.kill()
            }
            let (directory, partition) = try open(memory)
            let report = directory.recovery
            // Of the registry's last record, perhaps.
            let isCut = report.cuts.contains { $0.partition == "t-0" }
            #expect(!isCut && report.damage.isEmpty && report.offline.isEmpty, "call \(number): \(report)")
            #expect(logs(memory) == right, "call \(number)")
            #expect(try partition.allValues() == values, "call \(number)")
            if isOpen { break }
        }
        #expect(renamings > 0, "it never died between two renamings")
    }

    @Test(
        "rounds that have a part in one stay, and so do those whose commit records are in one",
        arguments: ["t-1", "__penstock_positions-0"])
    func rounds(directory: String) throws {
        var site = try Site(configuration: Make.tiny)
        var settings = site.directory.positionsPartition.settings
        settings.segmentBytes = 1_200
        site.directory.positionsPartition.apply(Shared(settings))
        for number in Int64(2)...30 { try site.commit(number) }
        let logs = site.memory.files.filter { $0.hasPrefix("/d/\(directory)/") && $0.hasSuffix(".log") }
        let base = try #require(Offset(logs[2].dropLast(4).suffix(20)))
        site.memory.syncAll()
        site.memory.kill()
        let wrong = Segment.stem("/d/\(directory)", base - 1) + ".log"
        try site.memory.disk.rename(logs[2], wrong)
        for _ in 0..<2 {
            try site.reopen()
            let report = site.directory.recovery
            #expect(report.roundsRolledBack == 0 && report.cuts.isEmpty && report.damage.isEmpty, "\(report)")
            #expect(try site.partitions.allSatisfy { try $0.allValues().count == 60 })
            #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == [30])
            #expect(!site.memory.files.contains(wrong) && site.memory.files.contains(logs[2]))
            site.memory.kill()
        }
    }

    @Test("one of the positions, which every opening reads whole, gets its name back below the recovery point too")
    func positions() throws {
        var site = try Site(configuration: Make.tiny)
        var settings = site.directory.positionsPartition.settings
        settings.segmentBytes = 1_200
        site.directory.positionsPartition.apply(Shared(settings))
        for number in Int64(2)...30 { try site.commit(number) }
        try site.directory.checkpoint()
        let logs = site.memory.files.filter { $0.hasPrefix("/d/__penstock_positions-0/") && $0.hasSuffix(".log") }
        let base = try #require(Offset(logs[1].dropLast(4).suffix(20)))
        let before = logs.map { site.memory.bytes(of: $0) }
        site.memory.syncAll()
        site.memory.kill()
        try site.memory.disk.rename(logs[1], Segment.stem("/d/__penstock_positions-0", base + 1) + ".log")
        for life in 0..<2 {
            try site.reopen()
            let report = site.directory.recovery
            #expect(report.renamed.count == 1 - life && report.cuts.isEmpty && report.damage.isEmpty, "\(report)")
            #expect(logs.map { site.memory.bytes(of: $0) } == before)
            #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == [30])
            site.memory.kill()
        }
    }

    @Test("two that have each other's names take their partition offline, and nothing is cut")
    func exchanged() throws {
        let (memory, _, values) = try stopped(killed: 0)
        try rename(20, 5, memory)
        try rename(60, 20, memory)
        try rename(5, 60, memory)
        let before = logs(memory)
        for _ in 0..<2 {
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            let told = directory.recovery.offline.first.map { "\($0.partition): \($0.reason)" } ?? ""
            #expect(told.hasPrefix("t-0: ") && told.contains("which another one has"), "\(directory.recovery)")
            #expect(told.contains(Self.stem(20)) || told.contains(Self.stem(60)))
            #expect(logs(memory) == before && directory.recovery.cuts.isEmpty)
            memory.kill()
        }
        try rename(20, 5, memory)
        try rename(60, 20, memory)
        try rename(5, 60, memory)
        #expect(try open(memory).partition.allValues() == values)
    }

    @Test("no file is renamed over another that has anything in it")
    func occupied() throws {
        let (memory, _, _) = try stopped(killed: 0)
        try rename(80, 75, memory)
        try rename(100, 80, memory)
        // Whether that one has a wrong name is not sure: its second batch does not agree.
        var bytes = try #require(memory.bytes(of: Self.stem(80) + ".log"))
        bytes[try Make.batches(in: bytes)[1].lowerBound + 7] ^= 64
        memory.setBytes(of: Self.stem(80) + ".log", to: bytes)
        let before = logs(memory)
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.recovery.offline.first?.reason.contains("which another one has") == true)
        #expect(logs(memory) == before)
        try directory.close()
        memory.kill()
        #expect(throws: StorageError.self) { try repair(memory) }
        #expect(logs(memory) == before)
    }

    @Test("where it is not sure, what is cut is copied, and told with the file, its first offset and what to do")
    func unsure() throws {
        let (memory, _, values) = try stopped(killed: 0)
        try rename(80, 75, memory)
        var bytes = try #require(memory.bytes(of: Self.stem(75) + ".log"))
        // The second batch does not agree.
        bytes[try Make.batches(in: bytes)[1].lowerBound + 7] ^= 64
        memory.setBytes(of: Self.stem(75) + ".log", to: bytes)
        let last = memory.bytes(of: Self.stem(100) + ".log") ?? []
        let (directory, partition) = try open(memory)
        let cut = try #require(directory.recovery.cuts.first)
        #expect(cut.copy.flatMap { memory.bytes(of: $0) } == bytes + last)
        #expect(cut.reason.contains("the first batch of \(Self.stem(75)).log is at offset 80, and not where its name"))
        #expect(cut.reason.contains("00000000000000000080.log") && cut.reason.contains("`penstock log repair`"))
        #expect(try partition.allValues() == Array(values[..<80]))
    }

    @Test("what begins below its name and fits nowhere is put aside and named, and the rest is served")
    func stranger() throws {
        for checkpoint in [nil, 0, 12] {
            let (memory, _, values) = try stopped(killed: checkpoint)
            let bytes = try #require(memory.bytes(of: Self.stem(20) + ".log"))
            let path = Self.stem(777) + ".log"
            try memory.disk.open(path, .create).write(bytes, at: 0)
            let (directory, partition) = try open(memory)
            let report = directory.recovery
            #expect(report.cuts.isEmpty && report.damage.isEmpty && report.renamed.isEmpty, "\(report)")
            #expect(report.troubles.count == 1, "\(report)")
            #expect(report.description.contains("\(path), whose first batch is at offset 20"), "\(report)")
            #expect(memory.bytes(of: path + ".misnamed") == bytes && memory.bytes(of: path) == nil)
            #expect(try partition.allValues() == values)
        }
    }
}
