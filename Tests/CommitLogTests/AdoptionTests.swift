import CommitLog
import Records
import TestSupport
import Testing

/// Directories that somebody else wrote.
@Suite struct AdoptionTests {
    /// What a broker leaves: a topic of two partitions, its checkpoints, and the mark of a clean stop if it had one.
    private func broker(isClean: Bool) throws -> MemoryDisk {
        let memory = MemoryDisk()
        var options = LogOptions()
        options.reserveBytes = 0
        let made = try DataDirectory.open("/d", options: options, disk: memory.disk)
        let topic = try made.createTopic("k", partitions: 2, configuration: Make.tiny)
        for number in 0..<30 { _ = try made.append(Make.batch(["k\(number)"]), to: topic.partitions[number % 2]) }
        try made.close()
        memory.kill()
        for name in ["__penstock_topics-0", "__penstock_positions-0"] {
            for path in memory.files where path.hasPrefix("/d/\(name)/") { try memory.disk.removeFile(path) }
            try memory.disk.removeDirectory("/d/\(name)")
        }
        try memory.disk.makeDirectory("/d/__cluster_metadata-0")
        try memory.disk.open("/d/__cluster_metadata-0/00000000000000000000.log", .create).write([1, 2, 3], at: 0)
        let points = "0\n3\n__cluster_metadata 0 0\nk 0 15\nk 1 15\n"
        memory.setBytes(of: "/d/recovery-point-offset-checkpoint", to: Array(points.utf8))
        try memory.disk.open("/d/log-start-offset-checkpoint", .create).write(Array("0\n1\nk 1 4\n".utf8), at: 0)
        let meta = "version=1\ncluster.id=abc\nnode.id=3\ndirectory.id=xyz\n"
        memory.setBytes(of: "/d/meta.properties", to: Array(meta.utf8))
        if !isClean { try memory.disk.removeFile("/d/.kafka_cleanshutdown") }
        memory.syncAll()
        return memory
    }

    private var adopting: LogOptions {
        var options = LogOptions()
        options.adopt = true
        options.openingThreads = 1
        return options
    }

    private func check(_ directory: DataDirectory, _ memory: MemoryDisk) throws {
        let topic = try #require(directory.topic(named: "k"))
        #expect(try topic.partitions[0].allValues() == (0..<15).map { "k\($0 * 2)" })
        #expect(topic.partitions[1].logStart == 4)
        #expect(try topic.partitions[1].allValues() == (4..<15).map { "k\($0 * 2 + 1)" })
        #expect(topic.partitions.map(\.settings.retentionMilliseconds) == [-1, -1])
        #expect(memory.bytes(of: "/d/__cluster_metadata-0/00000000000000000000.log") == [1, 2, 3])
        #expect(directory.topic(named: "__cluster_metadata") == nil)
    }

    @Test("a broker's directory is adopted: its checkpoints count, and after its clean stop nothing is read")
    func whole() throws {
        for isClean in [true, false] {
            let memory = try broker(isClean: isClean)
            var directory = try DataDirectory.open("/d", options: adopting, disk: memory.disk)
            #expect(directory.recovery.adopted == ["k"])
            #expect(directory.recovery.wasClean == isClean)
            #expect(directory.recovery.scannedBytes == 0)
            try check(directory, memory)
            let topic = try #require(directory.topic(named: "k"))
            _ = try directory.append(directory.round("p", [(topic.partitions[0], [["new"]])], positions: []))
            memory.kill()
            directory = try DataDirectory.open("/d", disk: memory.disk)
            #expect(directory.recovery.adopted.isEmpty)
            #expect(directory.clusterId == "abc")
            #expect(try #require(directory.topic(named: "k")).partitions[0].allValues().last == "new")
        }
    }

    @Test("the last leader epoch that there is, and a file that is called after the last offset, are taken as they are")
    func lastNumbers() throws {
        let memory = try broker(isClean: false)
        let stranger = "/d/k-0/09223372036854775807.log"
        _ = try memory.disk.open(stranger, .create)
        memory.setBytes(of: "/d/k-0/leader-epoch-checkpoint", to: Array("0\n1\n2147483647 0\n".utf8))
        let directory = try DataDirectory.open("/d", options: adopting, disk: memory.disk)
        #expect(directory.leaderEpoch == .max)
        try check(directory, memory)
        let partition = try #require(directory.topic(named: "k")).partitions[0]
        _ = try directory.append(Make.batch(["new"]), to: partition)
        #expect(try partition.allValues().last == "new" && partition.highWatermark == 16)
        #expect(memory.bytes(of: stranger) == [])
    }

    @Test("an adoption that dies at any of its calls is begun again, and is whole then")
    func dying() throws {
        let memory = try broker(isClean: true)
        let before = memory.calls
        _ = try DataDirectory.open("/d", options: adopting, disk: memory.disk)
        let calls = memory.calls - before
        for number in stride(from: 0, to: calls, by: 3) {
            let memory = try broker(isClean: true)
            memory.die(after: number)
            _ = try? DataDirectory.open("/d", options: adopting, disk: memory.disk)
            memory.kill()
            let directory = try DataDirectory.open("/d", options: adopting, disk: memory.disk)
            try check(directory, memory)
            #expect(directory.recovery.damage.isEmpty, "call \(number)")
            // Of the registry's last record, perhaps.
            #expect(directory.recovery.cuts.allSatisfy { $0.partition.hasPrefix("__penstock") }, "call \(number)")
        }
    }

    @Test("a partition that is copied in is read whole, whatever a checkpoint says of its name")
    func copied() throws {
        let memory = try broker(isClean: true)
        let files = memory.files.filter { $0.hasPrefix("/d/k-0/") }.map { ($0, memory.bytes(of: $0) ?? []) }
        let other = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: other.disk)
        let old = try directory.createTopic("k", partitions: 1)
        for _ in 0..<40 { _ = try directory.append(Make.batch(["old"]), to: old.partitions[0]) }
        try directory.checkpoint()
        try directory.deleteTopic("k")
        other.kill()
        try other.disk.makeDirectory("/d/k-0")
        for (path, bytes) in files { try other.disk.open(path, .create).write(bytes, at: 0) }
        other.syncAll()
        for _ in 0..<2 {
            directory = try DataDirectory.open("/d", disk: other.disk)
            #expect(directory.recovery.damage.isEmpty)
            #expect(try #require(directory.topic(named: "k")).partitions[0].allValues().count == 15)
            other.kill()
        }
    }

    @Test(
        "only Kafka's own topics become internal; another that begins with two underscores is like any topic",
        arguments: [
            ("__consumer_offsets", true), ("__transaction_state", true), ("__share_group_state", true),
            ("__CruiseControlMetrics", false), ("__consumer_offsets_old", false), ("_schemas", false),
        ])
    func internals(name: String, isInternal: Bool) throws {
        let memory = try broker(isClean: true)
        for path in memory.files where path.hasPrefix("/d/k-0/") && !path.hasSuffix("partition.metadata") {
            let bytes = memory.bytes(of: path) ?? []
            try? memory.disk.makeDirectory("/d/\(name)-0")
            try memory.disk.open("/d/\(name)-0\(path.dropFirst("/d/k-0".count))", .create).write(bytes, at: 0)
        }
        let directory = try DataDirectory.open("/d", options: adopting, disk: memory.disk)
        #expect(directory.recovery.adopted.sorted() == ["k", name].sorted())
        let topic = try #require(directory.topic(named: name))
        #expect(topic.isInternal == isInternal)
        try directory.alterTopic(named: name, configuration: Make.tiny.merging(["retention.bytes": "0"]) { $1 })
        #expect(try (directory.enforceRetention() > 0) == !isInternal)
    }

    @Test("a segment of a copied partition whose name disagrees with its content gets its name back, and all is served")
    func misnamed() throws {
        let memory = try broker(isClean: true)
        let logs = memory.files.filter { $0.hasPrefix("/d/k-0/") && $0.hasSuffix(".log") }
        let other = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: other.disk)
        try directory.close()
        other.kill()
        try other.disk.makeDirectory("/d/k-0")
        let wrong = "/d/k-0/00000000000000000777.log"
        for path in logs {
            try other.disk.open(path == logs[1] ? wrong : path, .create).write(memory.bytes(of: path) ?? [], at: 0)
        }
        directory = try DataDirectory.open("/d", disk: other.disk)
        let partition = try #require(directory.topic(named: "k")).partitions[0]
        #expect(other.bytes(of: logs[1]) == memory.bytes(of: logs[1]) && other.bytes(of: wrong) == nil)
        #expect(directory.recovery.renamed.first?.hasPrefix("\(wrong) was renamed to \(logs[1])") == true)
        #expect(try partition.allValues() == (0..<15).map { "k\($0 * 2)" } && partition.logEnd == 15)
    }
}
