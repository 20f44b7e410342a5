import Records
import TestSupport
import Testing

@testable import CommitLog

/// The registry says what exists: nothing is done without it, and what is lost of it gives nothing out twice.
@Suite struct RegistryTests {
    private static let log = "/d/__penstock_topics-0/00000000000000000000.log"

    @Test(
        "a registry that the disk does not give fails the opening and changes nothing; the next one has everything",
        arguments: [5, 13] as [Int32])
    func unreadable(code: Int32) throws {
        let operations: [MemoryDisk.Operation] = [.list, .status, .open, .read, .write, .sync]
        for isClean in [true, false] {
            var site = try Site(configuration: ["retention.ms": "77"])
            let id = try #require(site.directory.topic(named: "t")).id
            let ids = try site.directory.nextProducerIdBlock()
            if isClean { try site.directory.close() } else { try site.directory.sync() }
            for operation in operations {
                site.memory.kill()
                let before = contents(site.memory)
                site.memory.fail { call in
                    call.path.hasPrefix("/d/__penstock_topics-0") && call.operation == operation ? .fails(code) : nil
                }
                // After a clean stop nothing of it is written, and records of the opening come last.
                let error = opening(&site)
                if isClean && [.write, .sync].contains(operation) { continue }
                let text = error.map { "\($0)" } ?? "it opened, \(operation)"
                #expect(text.contains("/d/__penstock_topics-0") && text.contains("start again"), "\(text)")
                #expect(contents(site.memory) == before, "\(operation)")
            }
            site.memory.kill()
            try site.reopen()
            #expect(site.directory.recovery.adopted.isEmpty && site.directory.recovery.ignored.isEmpty)
            let topic = try #require(site.directory.topic(named: "t"))
            #expect(topic.id == id && topic.configuration == ["retention.ms": "77"])
            #expect(try site.directory.nextProducerIdBlock().lowerBound >= ids.upperBound)
            #expect(try site.rounds() == [1])
            try site.commit(2)
        }
    }

    @Test(
        "a topic that an older version adopted and called internal is internal only if it is Kafka's own",
        arguments: [("__CruiseControlMetrics", false), ("__consumer_offsets", true), ("__transaction_state", true)])
    func adoptedInternals(name: String, isInternal: Bool) throws {
        for isAdopted in [true, false] {
            let entry = Registry.TopicEntry(
                name: name, partitions: 1, configuration: [:], isInternal: true, isAdopted: isAdopted)
            let bytes = Registry.Change.topic(TopicID(high: 1, low: 2), entry).encode()
            guard case .topic(_, let read) = try Registry.Change(key: bytes.key, value: bytes.value) else {
                Issue.record("no topic")
                return
            }
            #expect(read.isInternal == (isInternal || !isAdopted))
        }
    }

    private func opening(_ site: inout Site) -> StorageError? {
        do throws(StorageError) {
            site.directory = try DataDirectory.open("/d", disk: site.memory.disk)
            return nil
        } catch { return error }
    }

    private func contents(_ memory: MemoryDisk) -> [String: [UInt8]?] {
        let files = memory.files.filter { $0 != "/d/.lock" }
        return Dictionary(uniqueKeysWithValues: files.map { ($0, memory.bytes(of: $0)) })
    }

    @Test("whichever record of the registry rots, no producer id is handed out twice")
    func producerIDs() throws {
        for isClean in [true, false] {
            for rotten in 0..<9 {
                var site = try Site()
                var clients = [try site.directory.nextProducerIdBlock(), try site.directory.nextProducerIdBlock()]
                var pipelines = try ["p", "q", "r"].map { try site.directory.producer(pipeline: $0).id }
                clients.append(try site.directory.nextProducerIdBlock())
                if isClean { try site.directory.close() } else { try site.directory.sync() }
                var bytes = try #require(site.memory.bytes(of: Self.log))
                let ranges = try Make.batches(in: bytes)
                // The last one too: it was synced, and may look like a torn tail.
                bytes[ranges[min(rotten, ranges.count - 1)].upperBound - 1] ^= 1
                site.memory.setBytes(of: Self.log, to: bytes)
                for _ in 0..<2 {
                    site.memory.kill()
                    try site.reopen()
                    clients.append(try site.directory.nextProducerIdBlock())
                    pipelines.append(try site.directory.producer(pipeline: "new \(pipelines.count)").id)
                }
                #expect(Set(clients).count == clients.count, "batch \(rotten): \(clients)")
                #expect(Set(pipelines).count == pipelines.count, "batch \(rotten): \(pipelines)")
            }
        }
    }

    @Test("a registry whose end is gone hands out no id that it may have handed out")
    func lostEnd() throws {
        for count in [0, 100] {
            var site = try Site()
            for _ in 0..<5 { _ = try site.directory.nextProducerIdBlock() }
            try site.directory.checkpoint()
            let last = try (0..<5).map { _ in try site.directory.nextProducerIdBlock() }[4]
            let bytes = try #require(site.memory.bytes(of: Self.log))
            site.memory.setBytes(of: Self.log, to: Array(bytes.prefix(count)))
            site.memory.kill()
            try site.reopen()
            #expect(site.directory.recovery.damage.map(\.partition) == ["__penstock_topics-0"])
            #expect(try site.directory.nextProducerIdBlock().lowerBound >= last.upperBound)
        }
    }

    @Test("a recovery point that no registry can have had keeps nothing from being opened")
    func wrongPoint() throws {
        for point in [Int64.max, Int64.max - 5, 1 << 31] {
            var site = try Site()
            try site.directory.checkpoint()
            let path = "/d/recovery-point-offset-checkpoint"
            let text = String(decoding: site.memory.bytes(of: path) ?? [], as: UTF8.self)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
                line.hasPrefix("__penstock_topics 0") ? "__penstock_topics 0 \(point)" : String(line)
            }
            site.memory.setBytes(of: path, to: Array(lines.joined(separator: "\n").utf8))
            site.memory.kill()
            try site.reopen()
            #expect(try site.rounds() == [1] && site.directory.recovery.adopted.isEmpty)
            #expect(site.directory.recovery.ignored.contains { $0.contains("\(point) of the registry") })
        }
    }

    @Test(
        "a registry record that names no topic there can be makes no directory, here or elsewhere, and is reported",
        arguments: [
            Array("\u{0}\u{5}../no\u{0}\u{0}\u{0}\u{1}".utf8), Array("\u{0}\u{5}other\u{7f}\u{0}\u{0}\u{1}".utf8),
            Array("\u{0}\u{5}other\u{0}\u{0}'\u{11}".utf8),
        ])
    func nonsense(changed: [UInt8]) throws {
        var site = try Site()
        _ = try site.directory.createTopic("other", partitions: 1)
        try site.directory.close()
        let bytes = try #require(site.memory.bytes(of: Self.log))
        let range = try #require(try Make.batches(in: bytes).last)
        let batch = Array(bytes[range])
        var (header, records) = try RecordBatch.decode(batch.rawSpan, limit: 1 << 20)
        records[0].value?.replaceSubrange(1..<1 + changed.count, with: changed)
        let forged = try RecordBatch.encode(records, as: header, codec: .none)
        site.memory.setBytes(of: Self.log, to: bytes[..<range.lowerBound] + forged.withUnsafeBytes { Array($0) })
        site.memory.kill()
        try site.reopen()
        #expect(site.directory.recovery.ignored.contains { $0.contains("registry at offset \(header.baseOffset)") })
        #expect(!site.memory.files.contains { $0.contains("no-0") || $0.contains("\u{7f}") || $0.contains("other-1") })
        #expect(try site.rounds() == [1])
    }

    @Test("a topic whose newer settings may be lost keeps everything until it is given settings")
    func settings() throws {
        for dies in [false, true] {
            var site = try Site(configuration: ["cleanup.policy": "compact,delete", "retention.ms": "1"])
            _ = try site.directory.createTopic("other", partitions: 1, configuration: ["retention.ms": "1"])
            try site.directory.alterTopic(named: "t", configuration: ["retention.ms": "-1"])
            _ = try site.directory.createTopic("later", partitions: 1, configuration: ["retention.ms": "1"])
            var bytes = try #require(site.memory.bytes(of: Self.log))
            let altered = try Make.batches(in: bytes)
            bytes[altered[altered.count - 2].upperBound - 1] ^= 1
            site.memory.setBytes(of: Self.log, to: bytes)
            site.memory.kill()
            if dies {
                // After the damage was bridged, and before anything was recorded.
                site.memory.fail { call in
                    call.operation == .remove && call.path.hasSuffix(".kafka_cleanshutdown") ? .fails(5) : nil
                }
                #expect(throws: StorageError.self) { try site.reopen() }
                site.memory.kill()
            }
            try site.reopen()
            for _ in 0..<2 {
                for (name, keeps) in [("t", true), ("other", true), ("later", false)] {
                    let settings = try #require(site.directory.topic(named: name)).partitions[0].settings
                    #expect((settings.retentionMilliseconds == -1) == keeps, "\(name)")
                    #expect(settings.cleanupPolicy == .delete)
                }
                site.memory.kill()
                try site.reopen()
                #expect(site.directory.recovery.ignored.isEmpty)
            }
            try site.directory.alterTopic(named: "t", configuration: ["retention.ms": "5"])
            site.memory.kill()
            try site.reopen()
            #expect(site.directory.topic(named: "t")?.configuration == ["retention.ms": "5"])
        }
    }
}
