import CommitLog
import Records
import TestSupport
import Testing

/// Damage of every width, and copies of it that are there when they are named.
@Suite struct DamageBoundsTests {
    private static let log = "/d/t-1/00000000000000000000.log"
    private static let checkpoint = "/d/\(OffsetCheckpoint.Name.recoveryPoint.rawValue)"

    /// Changes what the checkpoint says of a partition.
    private func setPoint(_ memory: MemoryDisk, _ line: String, to offset: Offset) throws {
        let text = String(decoding: try #require(memory.bytes(of: Self.checkpoint)), as: UTF8.self)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { old in
            old.hasPrefix("\(line) ") ? "\(line) \(offset)" : String(old)
        }
        memory.setBytes(of: Self.checkpoint, to: Array(lines.joined(separator: "\n").utf8))
    }

    @Test("a partition of which nothing is left goes on where it was known to end, however far that is")
    func gone() throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 2)
        _ = try directory.append(Make.batch(["a"]), to: topic.partitions[1])
        try directory.checkpoint()
        memory.syncAll()
        memory.kill()
        let end: Offset = 7_000_000_000
        try setPoint(memory, "t 1", to: end)
        try memory.disk.removeFile(Self.log)
        for life in 0..<2 {
            directory = try DataDirectory.open("/d", disk: memory.disk)
            let partition = try #require(directory.topic(named: "t")).partitions[1]
            #expect(partition.logEnd == end + Offset(life))
            #expect(directory.recovery.damage.map(\.offsets) == (life == 0 ? [0..<end] : []))
            #expect(directory.recovery.cuts.isEmpty && directory.recovery.offline.isEmpty, "\(directory.recovery)")
            #expect(try partition.allValues() == (life == 0 ? [] : ["after"]))
            if life == 0 { _ = try directory.append(Make.batch(["after"]), to: partition) }
            memory.kill()
        }
    }

    @Test("a recovery point that cannot be true takes one partition offline, says why, and changes nothing")
    func impossible() throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 2)
        for partition in topic.partitions { _ = try directory.append(Make.batch(["a"]), to: partition) }
        try directory.checkpoint()
        memory.syncAll()
        memory.kill()
        let before = memory.bytes(of: Self.log)
        try setPoint(memory, "t 1", to: .max)
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.recovery.offline.map(\.partition) == ["t-1"])
        let advice = "put the missing files back, or, if 9223372036854775807 is wrong, the right offset"
        #expect(directory.recovery.description.contains(advice))
        #expect(directory.recovery.damage.isEmpty)
        #expect(memory.bytes(of: Self.log) == before)
        #expect(try #require(directory.topic(named: "t")).partitions[0].allValues() == ["a"])
        memory.kill()
        try setPoint(memory, "t 1", to: 1)
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(try #require(directory.topic(named: "t")).partitions[1].allValues() == ["a"])
    }

    /// Four rounds, and one rotten byte in each of some partitions.
    private func rotten(_ partitions: [Int], _ change: (inout LogOptions) -> Void = { _ in }) throws -> Site {
        let site = try Site()
        for number in Int64(2)...4 {
            try site.commit(number)
            try site.directory.sync()
        }
        for partition in partitions {
            let path = "/d/t-\(partition)/00000000000000000000.log"
            var bytes = try #require(site.memory.bytes(of: path))
            bytes[try BatchHeader(parsing: bytes.rawSpan).size - 2] ^= 1
            site.memory.setBytes(of: path, to: bytes)
        }
        site.memory.kill()
        return site
    }

    @Test("what was durable is not taken out without a copy: on a full disk its partition is offline, and says why")
    func fullDisk() throws {
        var site = try rotten([1])
        let before = site.memory.bytes(of: Self.log)
        site.memory.fail { call in
            call.operation == .write && call.path.hasPrefix("/d/penstock-cut/") ? .fails(28) : nil
        }
        try site.reopen()
        #expect(site.directory.recovery.offline.map(\.partition) == ["t-1"])
        #expect(site.directory.recovery.description.contains("make room for"), "\(site.directory.recovery)")
        #expect(site.memory.bytes(of: Self.log) == before)
        #expect(try site.partitions[0].allValues().count == 8)
        site.memory.fail(when: nil)
        site.memory.kill()
        try site.reopen()
        #expect(site.directory.recovery.offline.isEmpty)
        let copy = site.directory.recovery.damage.first?.copy.flatMap { site.memory.bytes(of: $0) }
        #expect(copy?.isEmpty == false)
        #expect(try site.partitions[1].allValues().count == 7)
    }

    @Test("every copy that an opening names is there, however small the room for copies is, and older ones go")
    func copies() throws {
        let site = try rotten([0, 1, 2])
        try site.memory.disk.makeDirectory("/d/penstock-cut")
        let old = "/d/penstock-cut/t-0.3.1000.log"
        try site.memory.disk.open(old, .create).write([UInt8](repeating: 1, count: 1_000), at: 0)
        var options = LogOptions()
        options.cutCopiesBytes = 100
        let directory = try DataDirectory.open("/d", options: options, disk: site.memory.disk)
        let copies = directory.recovery.damage.map { $0.copy.flatMap { site.memory.bytes(of: $0) }?.count ?? 0 }
        #expect(copies.count == 3 && copies.allSatisfy { $0 > 50 }, "\(copies)")
        #expect(site.memory.bytes(of: old) == nil)
    }

    @Test("what no opening put beside the copies neither goes nor counts, nor fails an opening")
    func strangers() throws {
        let site = try rotten([0, 1, 2])
        let kept = ["notes", "t-0.repair.3.1000.log", "t-0.repair.2.3.1000.log", "t-0.03.1000.log", "x.3.1000.log"]
        try site.memory.disk.makeDirectory("/d/penstock-cut")
        for directory in ["more", "t-0.5.6.log"] { try site.memory.disk.makeDirectory("/d/penstock-cut/\(directory)") }
        for name in kept + ["t-0.1.10.log"] {
            try site.memory.disk.open("/d/penstock-cut/\(name)", .create).write(Array("mine".utf8), at: 0)
        }
        var options = LogOptions()
        options.cutCopiesBytes = 3
        let directory = try DataDirectory.open("/d", options: options, disk: site.memory.disk)
        #expect(directory.recovery.damage.count == 3 && directory.recovery.offline.isEmpty)
        for name in kept { #expect(site.memory.bytes(of: "/d/penstock-cut/\(name)") == Array("mine".utf8), "\(name)") }
        #expect(site.memory.bytes(of: "/d/penstock-cut/t-0.1.10.log") == nil)
        #expect(try site.memory.disk.exists("/d/penstock-cut/t-0.5.6.log"))
    }

    @Test("an old copy that cannot be removed is told, and the partition is served")
    func stuck() throws {
        let site = try rotten([1])
        let old = "/d/penstock-cut/t-0.3.1000.log"
        try site.memory.disk.makeDirectory("/d/penstock-cut")
        try site.memory.disk.open(old, .create).write([1], at: 0)
        site.memory.fail { $0.operation == .remove && $0.path == old ? .fails(13) : nil }
        var options = LogOptions()
        options.cutCopiesBytes = 0
        let directory = try DataDirectory.open("/d", options: options, disk: site.memory.disk)
        #expect(directory.recovery.offline.isEmpty && directory.recovery.damage.count == 1)
        #expect(directory.recovery.description.contains("of which the oldest copies should have gone"))
        #expect(directory.recovery.description.contains(old))
    }

    @Test("what claims to be a huge batch behind damage costs no walk over it, and the batch behind that is found")
    func garbage() throws {
        var site = try rotten([])
        // 600 KiB of garbage in which every place looks like the head of a batch that takes the rest of the file.
        var bytes = try #require(site.memory.bytes(of: Self.log))
        let first = try BatchHeader(parsing: bytes.rawSpan).size
        let garbage = [UInt8](repeating: 2, count: 600 << 10)
        bytes[first - 2] ^= 1
        bytes.insert(contentsOf: garbage, at: first)
        site.memory.setBytes(of: Self.log, to: bytes)
        try site.reopen()
        #expect(site.directory.recovery.damage.map(\.offsets) == [0..<1])
        #expect(try site.partitions[1].allValues().count == 7)
    }
}
