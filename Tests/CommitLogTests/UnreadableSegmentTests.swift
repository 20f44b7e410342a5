import CommitLog
import Platform
import Records
import TestSupport
import Testing

/// A segment that the disk does not give costs its own records, for as long as it is not given, and no others.
@Suite struct UnreadableSegmentTests {
    private static func log(_ base: Offset) -> String {
        let digits = String(base)
        return "/d/t-0/" + String(repeating: "0", count: 20 - digits.utf8.count) + digits + ".log"
    }

    /// Lets calls about a file fail, whatever its name, as bad sectors do: not about one that gets its name later.
    private static func fail(
        _ path: String, _ bytes: [UInt8]?, _ operations: [MemoryDisk.Operation], on memory: MemoryDisk
    ) {
        let isThere = Lock(memory.bytes(of: path) == bytes)
        memory.fail { call in
            guard call.path == path else { return nil }
            return isThere.withLock { isThere in
                if call.operation == .rename { isThere = false }
                return isThere && operations.contains(call.operation) ? .fails(5) : nil
            }
        }
    }

    /// A log of several small segments, and the base offsets of these.
    private struct Scene {
        let memory = MemoryDisk()
        var directory: DataDirectory
        var bases: [Offset] = []

        init(batches: Int = 40) throws {
            directory = try DataDirectory.open("/d", disk: memory.disk)
            let topic = try directory.createTopic("t", partitions: 2, configuration: Make.tiny)
            for number in 0..<batches {
                for partition in topic.partitions {
                    _ = try directory.append(Make.batch(["v\(number)"]), to: partition)
                }
            }
            bases = memory.files.filter { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(".log") }.sorted().compactMap {
                Offset($0.dropFirst("/d/t-0/".count).prefix(20))
            }
        }

        var partition: Partition {
            get throws { try #require(directory.topic(named: "t")).partitions[0] }
        }

        mutating func reopen() throws { directory = try DataDirectory.open("/d", disk: memory.disk) }

        /// What is served without the segments from one to another.
        func values(without gone: Range<Offset>) throws -> [String] {
            (0..<(try partition.logEnd)).filter { !gone.contains($0) }.map { "v\($0)" }
        }
    }

    @Test(
        "a segment in the middle that the disk does not give is set aside and reported, and the rest is served",
        arguments: [MemoryDisk.Operation.open, .status, .read])
    func middle(operation: MemoryDisk.Operation) throws {
        for place in [0, 2] {
            for isChecked in [false, true] {
                var scene = try Scene()
                // After a checkpoint nothing of it is read but its size.
                if isChecked { try scene.directory.checkpoint() }
                let lost = scene.bases[place]..<scene.bases[place + 1]
                let path = Self.log(lost.lowerBound)
                let bytes = scene.memory.bytes(of: path)
                scene.memory.kill()
                Self.fail(path, bytes, [operation], on: scene.memory)
                try scene.reopen()
                scene.memory.fail(when: nil)
                let report = scene.directory.recovery
                if isChecked && operation != .status {
                    #expect(report.damage.isEmpty)
                    continue
                }
                #expect(report.offline.isEmpty && report.cuts.isEmpty)
                #expect(report.damage.map(\.partition) == ["t-0"] && report.damage.first?.offsets == lost)
                #expect(report.damage.first?.copy == path + ".unreadable")
                #expect(report.description.contains("\(path): Input/output error"))
                #expect(scene.memory.bytes(of: path + ".unreadable") == bytes)
                #expect(try scene.partition.logStart == 0 && scene.partition.logEnd == 40)
                #expect(try scene.partition.allValues() == scene.values(without: lost))
                _ = try scene.directory.append(Make.batch(["v40"]), to: scene.partition)
                for isClean in [true, false] {
                    if isClean { try scene.directory.close() }
                    scene.memory.kill()
                    try scene.reopen()
                    #expect(scene.directory.recovery.damage.isEmpty && scene.directory.recovery.wasClean == isClean)
                    #expect(try scene.partition.allValues() == scene.values(without: lost))
                }
                #expect(scene.memory.bytes(of: path + ".unreadable") == bytes)
                // Back under its name, it is served again.
                try scene.directory.close()
                scene.memory.kill()
                try told(scene, path)
                for file in scene.memory.files where file.hasSuffix(".unreadable") {
                    try scene.memory.disk.rename(file, String(file.dropLast(".unreadable".count)))
                }
                try scene.reopen()
                #expect(try scene.partition.allValues() == scene.values(without: 0..<0))
                try scene.directory.deleteTopic("t")
                #expect(!scene.memory.files.contains { $0.hasPrefix("/d/t-") })
            }
        }
    }

    private func told(_ scene: Scene, _ path: String) throws {
        let findings = try Inspection.findings("/d", scene.memory.disk)
        #expect(findings.map(\.path) == [path + ".unreadable"])
        #expect(findings.first?.reason.contains("set it aside") == true)
        let file = try Inspection.dump("/d/t-0", scene.memory.disk).first { $0.text("path") == path + ".unreadable" }
        #expect(file?.text("state")?.hasPrefix("set aside") == true)
    }

    @Test("wherever an opening dies while it sets a segment aside, its bytes are kept and the rest is served")
    func dies() throws {
        let whole = try Scene()
        let lost = whole.bases[1]..<whole.bases[2]
        let path = Self.log(lost.lowerBound)
        let bytes = try #require(whole.memory.bytes(of: path))
        whole.memory.syncAll()
        whole.memory.kill()
        var calls = 0
        for number in 1... {
            for losesPower in [false, true] {
                var scene = whole
                let memory = MemoryDisk(copying: whole.memory)
                Self.fail(path, bytes, [.read], on: memory)
                memory.die(after: number)
                if (try? DataDirectory.open("/d", disk: memory.disk)) != nil { calls = number }
                if losesPower {
                    var random = SeededGenerator(seed: UInt64(number))
                    memory.losePower(&random)
                } else {
                    memory.kill()
                }
                Self.fail(path, bytes, [.read], on: memory)
                scene.directory = try DataDirectory.open("/d", disk: memory.disk)
                #expect(scene.directory.recovery.offline.isEmpty, "call \(number): \(scene.directory.recovery)")
                #expect(memory.bytes(of: path + ".unreadable") == bytes, "call \(number)")
                #expect(try scene.partition.allValues() == scene.values(without: lost), "call \(number)")
            }
            if calls == number { break }
        }
        #expect(calls > 40)
    }

    @Test("a call that fails once costs nothing, nor does one whose cause can be taken away")
    func transient() throws {
        for (code, times) in [(5, 1), (13, 100)] as [(Int32, Int)] {
            var scene = try Scene()
            let path = Self.log(scene.bases[1])
            let left = Lock(times)
            scene.memory.kill()
            scene.memory.fail { call in
                guard call.path == path && call.operation == .read else { return nil }
                return left.withLock { left in
                    left -= 1
                    return left >= 0 ? .fails(code) : nil
                }
            }
            try scene.reopen()
            #expect(scene.directory.recovery.offline.map(\.partition) == (code == 5 ? [] : ["t-0"]))
            scene.memory.kill()
            try scene.reopen()
            #expect(scene.directory.recovery.damage.isEmpty)
            #expect(try scene.partition.allValues() == scene.values(without: 0..<0))
        }
    }

    @Test("nobody knows where the last segment ends: its partition is offline, also with an empty file behind it")
    func last() throws {
        for hasEmpty in [false, true] {
            var scene = try Scene()
            let base = try #require(scene.bases.last)
            scene.memory.kill()
            // What a roll leaves that fails: the log went on in the segment before.
            if hasEmpty { _ = try scene.memory.disk.open(Self.log(base + 1), .create) }
            scene.memory.fail { $0.path == Self.log(base) ? .fails(5) : nil }
            try scene.reopen()
            #expect(scene.directory.recovery.offline.map(\.partition) == ["t-0"])
            scene.memory.kill()
            try scene.reopen()
            #expect(try scene.partition.allValues() == scene.values(without: 0..<0))
        }
    }

    @Test("rounds that have a part in a segment that is set aside stay, with all that follow them")
    func rounds() throws {
        var site = try Site(configuration: Make.tiny)
        for number in 2...30 { try site.commit(Int64(number)) }
        let logs = site.memory.files.filter { $0.hasPrefix("/d/t-1/") && $0.hasSuffix(".log") }.sorted()
        site.memory.kill()
        let path = logs[logs.count - 2]
        Self.fail(path, site.memory.bytes(of: path), [.read], on: site.memory)
        try site.reopen()
        #expect(site.directory.recovery.damage.count == 1 && site.directory.recovery.roundsRolledBack == 0)
        for _ in 0..<2 {
            #expect(try site.partitions[0].allValues().count == 60 && site.partitions[2].allValues().count == 60)
            #expect(try site.partitions[1].allValues().last == "r30b1" && site.partitions[1].allValues().count < 60)
            #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == [30])
            site.memory.kill()
            try site.reopen()
        }
        try site.commit(31)
    }

    @Test("what was set aside goes with its offsets when retention takes them")
    func retention() throws {
        var scene = try Scene()
        let path = Self.log(scene.bases[1])
        scene.memory.kill()
        Self.fail(path, scene.memory.bytes(of: path), [.read], on: scene.memory)
        try scene.reopen()
        scene.memory.fail(when: nil)
        _ = try scene.directory.deleteRecords([(scene.partition, before: scene.bases[1])])
        try scene.directory.removeDeletedFiles(now: nil)
        #expect(scene.memory.files.contains(path + ".unreadable"))
        _ = try scene.directory.deleteRecords([(scene.partition, before: scene.bases[2])])
        #expect(scene.memory.files.contains(path + ".unreadable.deleted"))
        try scene.directory.removeDeletedFiles(now: nil)
        #expect(!scene.memory.files.contains { $0.hasPrefix(path) })
    }

    @Test("while it runs, a segment that the disk does not give fails reads of it, with the place, and no others")
    func running() throws {
        let scene = try Scene()
        let partition = try scene.partition
        let lost = scene.bases[1]..<scene.bases[2]
        let path = Self.log(lost.lowerBound)
        scene.memory.fail { $0.path == path && $0.operation == .read ? .fails(5) : nil }
        for offset in 0..<40 as Range<Offset> {
            let read = { try partition.read(from: offset, maxBytes: 1, minOneMessage: true) }
            guard lost.contains(offset) else {
                #expect(try read().nextOffset == offset + 1)
                continue
            }
            let error = #expect(throws: StorageError.self) { _ = try read() }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains("t-0 from offset \(offset)") && text.contains(path), "\(text)")
        }
        _ = try scene.directory.append(Make.batch(["v40"]), to: partition)
        try scene.directory.checkpoint()
        scene.memory.fail(when: nil)
        #expect(try partition.allValues() == scene.values(without: 0..<0))
    }
}
