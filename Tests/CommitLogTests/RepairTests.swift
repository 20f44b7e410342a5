import CommitLog
import Foundation
import Records
import TestSupport
import Testing

/// `penstock log repair`, below its command.
@Suite struct RepairTests {
    private func stopped(seed: UInt64 = 1) throws -> MemoryDisk {
        let log = try GeneratedLog(seed: seed)
        try log.directory.close()
        return log.memory
    }

    private func repair(
        _ path: String, _ memory: MemoryDisk, isDry: Bool = false
    ) throws -> [LogRepair.Action] {
        var options = LogRepair.Options()
        options.isDry = isDry
        var actions: [LogRepair.Action] = []
        let repair = LogRepair(try InspectedPlace.at(path, disk: memory.disk), options, disk: memory.disk) {
            actions.append($0)
        }
        #expect(try repair.run() == actions.count)
        return actions
    }

    private func files(_ directory: String, _ memory: MemoryDisk) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for name in try memory.disk.list(directory) {
            files["\(directory)/\(name)"] = memory.bytes(of: "\(directory)/\(name)")
        }
        return files
    }

    private func all(_ memory: MemoryDisk) throws -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        for path in memory.files { files[path] = memory.bytes(of: path) }
        return files
    }

    private func change(_ path: String, _ memory: MemoryDisk, _ change: ([UInt8]) -> [UInt8]?) throws {
        guard let changed = change(memory.bytes(of: path) ?? []) else { return try memory.disk.removeFile(path) }
        let file = try memory.disk.open(path, .create)
        try file.truncate(to: 0)
        try file.write(changed, at: 0)
    }

    @Test("leaves a log alone in which all is right", arguments: Seeds.some(3))
    func nothing(seed: UInt64) throws {
        let memory = try stopped(seed: seed)
        let before = try files("/d/t-0", memory)
        #expect(try repair("/d", memory).isEmpty)
        #expect(try files("/d/t-0", memory) == before)
        #expect(try memory.disk.exists("/d/.kafka_cleanshutdown"))
    }

    @Test(
        "makes whole what a random change of a segment or an index broke, keeps what it takes out, and says it before",
        arguments: Seeds.some(40))
    func random(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let memory = try stopped(seed: seed % 3 + 1)
        let names = try memory.disk.list("/d/t-0").sorted().filter { !$0.hasSuffix(".metadata") }
        let name = try #require(names.randomElement(using: &random))
        let path = "/d/t-0/\(name)"
        try change(path, memory) { bytes in
            var bytes = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes.removeLast(bytes.count - place)
                case 1: bytes.insert(contentsOf: random.bytes(20), at: place)
                default: bytes[place] ^= UInt8.random(in: 1...255, using: &random)
                }
            }
            return bytes
        }
        let broken = try files("/d/t-0", memory)
        let wasRight = try Inspection.findings("/d", memory.disk).isEmpty
        let planned = try repair("/d", memory, isDry: true)
        #expect(try files("/d/t-0", memory) == broken, "a dry run changed something")
        let done = try repair("/d", memory)
        #expect(done.isEmpty == wasRight)
        #expect(planned.isEmpty == done.isEmpty)
        #expect(try Inspection.findings("/d/t-0", memory.disk) == [], "after \(done)")
        for action in done {
            guard let bytes = action.bytes, !bytes.isEmpty else { continue }
            let path = try #require(action.copy)
            let copy = try #require(memory.bytes(of: path))
            let original = try #require(broken[action.path])
            #expect(copy == Array(original[Int(bytes.lowerBound)..<Int(bytes.upperBound)]))
        }
        #expect(try repair("/d", memory).isEmpty, "a second repair finds more to do")
        // What was not touched is served as it was.
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let values = try GeneratedLog(seed: seed % 3 + 1).values[0]
        let topic = try #require(directory.topic(named: "t"))
        let records = try topic.partitions[0].allRecords()
        for record in records {
            #expect(String(decoding: record.value ?? [], as: UTF8.self) == values[Int(record.offset)])
        }
        if !path.hasSuffix(".log") { #expect(records.count == values.count) }
    }

    @Test("bridges a record that rotted, and cuts a torn end")
    func bridgesAndCuts() throws {
        let memory = try stopped()
        let path = "/d/t-0/00000000000000000010.log"
        try change(path, memory) { bytes in
            var bytes = bytes
            bytes[70] ^= 1
            return bytes
        }
        let logs = try memory.disk.list("/d/t-0").filter { $0.hasSuffix(".log") }
        let last = try #require(logs.max())
        try change("/d/t-0/\(last)", memory) { $0 + [1, 2, 3] }
        let done = try repair("/d/t-0", memory)
        let bridge = try #require(done.first { $0.path == path })
        #expect(bridge.offsets?.lowerBound == 10 && bridge.bytes?.lowerBound == 0)
        let cut = try #require(done.first { $0.path == "/d/t-0/\(last)" })
        #expect(cut.offsets?.isEmpty == true && cut.bytes?.count == 3)
        #expect(try Inspection.findings("/d/t-0", memory.disk).isEmpty)
        #expect(try !memory.disk.exists("/d/.kafka_cleanshutdown"), "the next opening must look closely")
    }

    @Test("positions that a repair takes out are missed at the next opening, until somebody says how to go on")
    func positions() throws {
        let memory = try stopped()
        let path = "/d/__penstock_positions-0/00000000000000000000.log"
        try change(path, memory) { bytes in
            var bytes = bytes
            bytes[bytes.count / 2] ^= 1
            return bytes
        }
        #expect(try !repair("/d", memory).isEmpty)
        #expect(try Inspection.findings(path, memory.disk).isEmpty)
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.positionsDamaged)
    }

    @Test("what a Kafka broker keeps of its cluster is left alone")
    func clusterMetadata() throws {
        let memory = try stopped()
        let path = "/d/__cluster_metadata-0/00000000000000000000.log"
        try memory.disk.makeDirectory("/d/__cluster_metadata-0")
        try memory.disk.open(path, .create).write([1, 2, 3], at: 0)
        #expect(try repair("/d", memory).isEmpty)
        #expect(memory.bytes(of: path) == [1, 2, 3])
    }

    @Test("a gap between segments is bridged")
    func gap() throws {
        let memory = try stopped()
        for suffix in [".log", ".index", ".timeindex"] {
            try memory.disk.removeFile("/d/t-0/00000000000000000010\(suffix)")
        }
        let done = try repair("/d/t-0", memory)
        #expect(done.first?.offsets == 10..<19)
        #expect(try Inspection.findings("/d/t-0", memory.disk).isEmpty)
    }

    @Test("a gap within a segment is bridged where it is, and nothing is taken out")
    func gapWithin() throws {
        let memory = try stopped()
        let path = "/d/t-0/00000000000000000010.log"
        let before = try #require(memory.bytes(of: path))
        let batches = try Make.batches(in: before)
        let missing = try BatchHeader(parsing: Array(before[batches[1]]).rawSpan)
        try change(path, memory) { bytes in Array(bytes[..<batches[1].lowerBound] + bytes[batches[1].upperBound...]) }
        let done = try repair("/d/t-0", memory)
        let bridge = try #require(done.first { $0.path == path })
        let (first, last) = (missing.baseOffset, missing.lastOffset)
        #expect(bridge.reason == "offsets \(first) to \(last) are missing")
        #expect(bridge.offsets == first..<last + 1)
        #expect(bridge.bytes == Int64(batches[1].lowerBound)..<Int64(batches[1].lowerBound) && bridge.copy == nil)
        #expect(try Inspection.findings("/d/t-0", memory.disk).isEmpty)
        let after = try #require(memory.bytes(of: path))
        let put = try Make.batches(in: after)[1]
        let kept = after[..<put.lowerBound] + after[put.upperBound...]
        #expect(kept == before[..<batches[1].lowerBound] + before[batches[1].upperBound...])
        let empty = try BatchHeader(parsing: Array(after[put]).rawSpan)
        #expect((empty.baseOffset, empty.lastOffset, empty.recordsCount) == (first, last, 0))
    }

    @Test("leader epochs that disagree with the batches are made again, and the old file is kept")
    func epochs() throws {
        let memory = try stopped()
        let path = "/d/t-0/leader-epoch-checkpoint"
        let right = memory.bytes(of: path)
        let wrong = Array("0\n2\n0 0\n3 4\n".utf8)
        for time in 0..<2 {
            try change(path, memory) { _ in wrong }
            let done = try repair("/d", memory)
            #expect(done.map(\.path) == [path], "time \(time)")
            #expect(memory.bytes(of: path) == right)
            #expect(try Inspection.findings("/d", memory.disk).isEmpty)
        }
        let copies = try memory.disk.list("/d/penstock-cut")
        #expect(copies.count == 2, "the second copy took the place of the first")
        for name in copies { #expect(memory.bytes(of: "/d/penstock-cut/\(name)") == wrong) }
    }

    @Test("a transaction that began before the first segment is in the transaction index that is made again")
    func abortedFromBefore() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let partition = try directory.createTopic("t", partitions: 1, configuration: Make.tiny).partitions[0]
        let filler = String(repeating: "x", count: 300)
        for producer: Int64 in [7, 8] {
            let stamp = ProducerStamp(id: producer, epoch: 0, baseSequence: 0)
            _ = try directory.append(Make.batch([filler], producer: stamp, isTransactional: true), to: partition)
        }
        // Each takes a segment; the last is the active one.
        for producer: Int64 in [7, 8] {
            _ = try directory.append(Make.batch([filler, filler]), to: partition)
            _ = try directory.append(
                TransactionMarker(.abort, coordinatorEpoch: 0), producer: producer, epoch: 0, timestamp: Make.time,
                to: partition)
        }
        try directory.close()
        let first = "/d/t-0/00000000000000000000"
        for suffix in [".log", ".index", ".timeindex"] { try memory.disk.removeFile(first + suffix) }
        #expect(try Inspection.findings("/d/t-0", memory.disk).isEmpty)
        let indexes = try memory.disk.list("/d/t-0").filter { $0.hasSuffix(".txnindex") }.map { "/d/t-0/\($0)" }
        #expect(indexes.count == 2)
        let right = indexes.map { memory.bytes(of: $0) }
        try change(indexes[0], memory) { _ in [1, 2, 3] }
        try memory.disk.removeFile(indexes[1])
        let done = try repair("/d", memory)
        #expect(Set(done.map(\.path)) == Set(indexes))
        #expect(indexes.map { memory.bytes(of: $0) } == right)
        let copy = try #require(done.compactMap(\.copy).first)
        #expect(memory.bytes(of: copy) == [1, 2, 3])
        #expect(try Inspection.findings("/d/t-0", memory.disk).isEmpty)
    }

    @Test("a compacted log stays as it is, though nothing was written behind it")
    func compactedBeforeAnEmptySegment() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1, configuration: ["cleanup.policy": "compact"])
        for key: UInt8 in 0..<3 {
            let batch = try RecordBatch.encode([Record(timestamp: Make.time, key: [key], value: [key])])
            _ = try directory.append(batch, to: topic.partitions[0])
        }
        try directory.close()
        let path = "/d/t-0/00000000000000000000.log"
        try change(path, memory) { bytes in Array(bytes[..<(bytes.count / 3)] + bytes[(bytes.count / 3 * 2)...]) }
        try change("/d/t-0/00000000000000000003.log", memory) { _ in [] }
        let before = memory.bytes(of: path)
        #expect(try !repair("/d", memory).contains { $0.path == path })
        #expect(memory.bytes(of: path) == before)
    }

    @Test("a data directory that somebody works on, and one of Kafka's, are refused")
    func refused() throws {
        let log = try GeneratedLog(seed: 1)
        #expect(throws: StorageError.self) { try repair("/d", log.memory) }
        try log.directory.close()
        try change("/d/meta.properties", log.memory) { _ in
            Array("version=1\ncluster.id=x\nnode.id=1\ndirectory.id=y\n".utf8)
        }
        let error = #expect(throws: StorageError.self) { try repair("/d/t-0", log.memory) }
        #expect(error?.cause == .foreign(clusterID: "x"))
    }

    @Test(
        "whatever a partition is called by, its data directory's lock is taken and its clean mark goes",
        arguments: ["/d/t-0", "/d/t-0/", "/d/t-0/.", "/d/../d/t-0"])
    func otherNames(path: String) throws {
        let log = try GeneratedLog(seed: 1)
        let error = #expect(throws: StorageError.self) { try repair(path, log.memory) }
        if case .locked? = error?.cause {} else { Issue.record("\(String(describing: error))") }
        try log.directory.close()
        try change("/d/t-0/00000000000000000010.log", log.memory) { $0 + [1] }
        #expect(try !repair(path, log.memory).isEmpty)
        #expect(try !log.memory.disk.exists("/d/.kafka_cleanshutdown"))
    }

    @Test(
        "a directory without Penstock's meta.properties, or with a newer one, stays as it is",
        arguments: [nil, "version=1\ncluster.id=x\n", "version=1\ncluster.id=x\npenstock.format=2\n", "what?"],
        [true, false])
    func notOurs(properties: String?, isDry: Bool) throws {
        let memory = try stopped()
        try memory.disk.removeFile("/d/.lock")
        try change("/d/meta.properties", memory) { _ in properties.map { Array($0.utf8) } }
        try change("/d/t-0/00000000000000000010.log", memory) { $0 + [1] }
        for path in ["/d", "/d/t-0"] {
            let before = try all(memory)
            #expect(throws: StorageError.self) { try repair(path, memory, isDry: isDry) }
            #expect(try all(memory) == before, "\(path)")
        }
    }

    @Test(
        "nothing outside of the data directory is changed through a link in it",
        arguments: [
            ".lock", "penstock-cut", "t-0", "t-0/leader-epoch-checkpoint", "t-0/00000000000000000002.log",
            "t-0/00000000000000000002.log.tmp", "t-0/00000000000000000004.index",
        ])
    func links(name: String) throws {
        try Make.withDirectory { path in
            let directory = try DataDirectory.open(path + "/d")
            let topic = try directory.createTopic("t", partitions: 1, configuration: Make.tiny)
            let value = String(repeating: "x", count: 230)
            // Two batches in each segment.
            for _ in 0..<10 { _ = try directory.append(Make.batch([value]), to: topic.partitions[0]) }
            try directory.close()
            // There is something to do with each of them.
            let torn = path + "/d/t-0/00000000000000000002.log"
            try Disk.real.open(torn, .readWrite).truncate(to: 100)
            for other in ["00000000000000000004.index", "leader-epoch-checkpoint"] {
                try Disk.real.open("\(path)/d/t-0/\(other)", .create).write([1, 2, 3], at: 0)
            }
            let inside = "\(path)/d/\(name)"
            let outside = path + "/outside"
            let files = FileManager.default
            if files.fileExists(atPath: inside) {
                try files.moveItem(atPath: inside, toPath: outside)
            } else if name == "penstock-cut" {
                try files.createDirectory(atPath: outside, withIntermediateDirectories: false)
            } else {
                #expect(files.createFile(atPath: outside, contents: Data("precious".utf8)))
            }
            try files.createSymbolicLink(atPath: inside, withDestinationPath: outside)
            let before = Self.content(outside)
            let place = try InspectedPlace.at(path + "/d")
            let repair = LogRepair(place) { _ in }
            #expect(throws: StorageError.self) { try repair.run() }
            #expect(Self.content(outside) == before)
        }
    }

    /// Of a file, or of each in a directory.
    private static func content(_ path: String) -> [String: Data] {
        let files = FileManager.default
        var found: [String: Data] = [:]
        for name in [""] + (files.subpaths(atPath: path) ?? []) {
            found[name] = files.contents(atPath: name.isEmpty ? path : "\(path)/\(name)")
        }
        return found
    }
}
