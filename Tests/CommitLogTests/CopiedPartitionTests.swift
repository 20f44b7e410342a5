import CommitLog
import Glibc
import Records
import TestSupport
import Testing

/// Partition directories that somebody copied: two with one id.
@Suite struct CopiedPartitionTests {
    /// A topic `t` of two partitions with three records each, stopped.
    private func stopped(isClean: Bool = true) throws -> MemoryDisk {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 2)
        for partition in topic.partitions {
            for number in 0..<3 {
                let round = try directory.round("p", [(partition, [["\(partition.index) \(number)"]])], positions: [])
                _ = try directory.append(round)
            }
        }
        try directory.checkpoint()
        if isClean { try directory.close() }
        memory.syncAll()
        memory.kill()
        return memory
    }

    private func copy(_ from: String, _ to: String, _ memory: MemoryDisk) throws {
        if !(try memory.disk.exists("/d/\(to)")) { try memory.disk.makeDirectory("/d/\(to)") }
        for path in memory.files where path.hasPrefix("/d/\(from)/") {
            let new = "/d/\(to)/\(path.dropFirst("/d/\(from)/".count))"
            try memory.disk.open(new, .create).close()
            memory.setBytes(of: new, to: memory.bytes(of: path) ?? [])
        }
        memory.syncAll()
    }

    private func files(_ directory: String, _ memory: MemoryDisk) -> [String: [UInt8]] {
        let paths = memory.files.filter { $0.hasPrefix("/d/\(directory)/") }
        return Dictionary(uniqueKeysWithValues: paths.map { ($0, memory.bytes(of: $0) ?? []) })
    }

    private func expectWhole(_ directory: DataDirectory) throws {
        let topic = try #require(directory.topic(named: "t"))
        try #require(topic.partitions.count == 2)
        for partition in topic.partitions {
            #expect(try partition.allValues() == (0..<3).map { "\(partition.index) \($0)" })
        }
    }

    @Test(
        "a copy under another name is told and left alone, and its topic is served, at each start",
        arguments: [("t-0", "u-0"), ("t-0", "a-0"), ("t-1", "t-7"), ("__penstock_positions-0", "u-0")], [true, false])
    func copied(_ names: (String, String), isClean: Bool) throws {
        let memory = try stopped(isClean: isClean)
        try copy(names.0, names.1, memory)
        let copied = files(names.1, memory)
        for _ in 0..<2 {
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            try expectWhole(directory)
            #expect(directory.recovery.ignored.filter { $0.contains("/d/\(names.1)") }.count == 1)
            #expect(directory.recovery.adopted.isEmpty)
            #expect(files(names.1, memory) == copied)
            if isClean { try directory.close() }
            memory.kill()
        }
    }

    @Test("neither our own partitions' copies nor the rest of a topic of which a part is a copy are taken over")
    func mixed() throws {
        let memory = try stopped()
        let registry = files("__penstock_topics-0", memory)
        try copy("__penstock_topics-0", "__penstock_topics-1", memory)
        try copy("t-0", "u-0", memory)
        try copy("t-1", "u-1", memory)
        for name in ["__penstock_topics-1", "u-1"] { try memory.disk.removeFile("/d/\(name)/partition.metadata") }
        let names = ["__penstock_topics-1", "u-0", "u-1"]
        let copied = names.map { files($0, memory) }
        for _ in 0..<2 {
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            try expectWhole(directory)
            #expect(directory.topic(named: "u") == nil && directory.recovery.adopted.isEmpty)
            for name in names {
                #expect(directory.recovery.ignored.filter { $0.contains("/d/\(name)") }.count == 1, "\(name)")
            }
            #expect(names.map { files($0, memory) } == copied)
            #expect(files("__penstock_topics-0", memory).keys.contains { registry.keys.contains($0) })
            try directory.close()
            memory.kill()
        }
    }

    @Test("a copy that cannot be looked at does not keep the rest from being served")
    func unreadable() throws {
        let memory = try stopped()
        try copy("t-0", "t-5", memory)
        memory.fail { $0.operation == .status && $0.path.hasPrefix("/d/t-5/") ? .fails(EACCES) : nil }
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        try expectWhole(directory)
        #expect(directory.recovery.ignored.contains { $0.contains("/d/t-5") })
    }

    @Test("a copy without its partition.metadata becomes a topic of its own")
    func takenOver() throws {
        let memory = try stopped()
        try copy("t-0", "u-0", memory)
        try memory.disk.removeFile("/d/u-0/partition.metadata")
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        try expectWhole(directory)
        #expect(directory.recovery.adopted == ["u"])
        let topic = try #require(directory.topic(named: "u"))
        #expect(try topic.partitions[0].allValues() == ["0 0", "0 1", "0 2"])
    }

    @Test("of two directories with one id that no topic has, one is adopted, and the other is told and left alone")
    func bothUnknown() throws {
        let other = try stopped()
        let memory = try stopped()
        try memory.disk.makeDirectory("/d/x-0")
        for (path, bytes) in files("t-0", other) {
            let new = "/d/x-0" + path.dropFirst("/d/t-0".count)
            try memory.disk.open(new, .create).close()
            memory.setBytes(of: new, to: bytes)
        }
        try copy("x-0", "y-0", memory)
        let copied = files("y-0", memory)
        for life in 0..<2 {
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            try expectWhole(directory)
            #expect(directory.recovery.adopted == (life == 0 ? ["x"] : []))
            #expect(directory.topic(named: "y") == nil)
            #expect(directory.recovery.ignored.filter { $0.contains("/d/y-0") }.count == 1)
            #expect(files("y-0", memory) == copied)
            try directory.close()
            memory.kill()
        }
    }

    @Test("a copy outlives its topic", arguments: ["u-0", "u-0.0123456789abcdef0123456789abcdef-delete"])
    func deleted(name: String) throws {
        let memory = try stopped()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let id = try #require(directory.topic(named: "t")).id
        let digits = [id.high, id.low].map {
            String(repeating: "0", count: $0.leadingZeroBitCount / 4) + String($0, radix: 16)
        }
        let name = name.replacing("0123456789abcdef0123456789abcdef", with: digits.joined())
        try copy("t-0", name, memory)
        let copied = files(name, memory)
        try directory.deleteTopic("t")
        try directory.close()
        memory.kill()
        for _ in 0..<2 {
            directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(directory.topics().allSatisfy { $0.isInternal })
            #expect(directory.recovery.ignored.filter { $0.contains(name) }.count == 1)
            #expect(files(name, memory) == copied)
            if name == "u-0" {
                #expect(throws: StorageError.self) { try directory.createTopic("u", partitions: 1) }
                #expect(files(name, memory) == copied)
            }
            try directory.close()
            memory.kill()
        }
    }

    @Test(
        "one of our own partitions that says another topic's id keeps its place and what it holds",
        arguments: ["__penstock_positions-0", "__penstock_topics-0"], [true, false])
    func own(name: String, isClean: Bool) throws {
        let memory = try stopped(isClean: isClean)
        let wrong = try #require(memory.bytes(of: "/d/t-0/partition.metadata"))
        memory.setBytes(of: "/d/\(name)/partition.metadata", to: wrong)
        for life in 0..<2 {
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            try expectWhole(directory)
            #expect(directory.recovery.ignored.filter { $0.contains(name) }.count == 1 - life)
            #expect(!directory.recovery.positionsDamaged)
            #expect(memory.bytes(of: "/d/\(name)/partition.metadata") != wrong)
            if isClean { try directory.close() }
            memory.kill()
        }
    }
}
