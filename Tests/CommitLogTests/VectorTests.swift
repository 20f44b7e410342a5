import CommitLog
import Foundation
import Records
import TestSupport
import Testing

/// Bytes that Apache Kafka wrote, and Kafka's own tool on bytes of ours.
@Suite struct VectorTests {
    /// Copies a partition directory of the test data beside a `meta.properties` of nobody.
    private func adopt(_ vectors: String, as name: String) throws -> MemoryDisk {
        let memory = MemoryDisk()
        try memory.disk.makeDirectory("/d")
        try memory.disk.makeDirectory("/d/\(name)")
        for file in Shared.names(in: vectors) {
            try memory.disk.open("/d/\(name)/\(file)", .create).write(Shared.bytes("\(vectors)/\(file)"), at: 0)
        }
        return memory
    }

    private func strings(_ value: [UInt8]?) -> String { value.map { String(decoding: $0, as: UTF8.self) } ?? "null" }

    @Test(
        "a partition directory that Kafka wrote is adopted, serves Kafka's records, and is left as it is",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)))
    func partitionDirectory() throws {
        let vectors = "vectors/partition-dir/t1-0"
        let memory = try adopt(vectors, as: "t1-0")
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.recovery.adopted == ["t1"])
        #expect(directory.recovery.cuts.isEmpty)
        let topic = try #require(directory.topic(named: "t1"))
        #expect(topic.id.description == "ERERESIiMzNERFVVVVVVVQ")
        let partition = topic.partitions[0]
        #expect((partition.logStart, partition.highWatermark) == (0, 45))
        let records = try partition.allRecords()
        #expect(records.map(\.offset) == Array(0..<45))
        for file in Shared.names(in: vectors) {
            #expect(memory.bytes(of: "/d/t1-0/\(file)") == (try Shared.bytes("\(vectors)/\(file)")), "\(file)")
        }
        // Every batch is lent as Kafka wrote it.
        var bytes: [UInt8] = []
        var next: Offset = 0
        while next < 45 {
            let slice = try partition.read(from: next, maxBytes: 500, minOneMessage: true)
            for span in slice.spans { bytes += try span.source.read(position: span.position, length: span.length) }
            next = slice.nextOffset
        }
        let logs = Shared.names(in: vectors).filter { $0.hasSuffix(".log") }
        #expect(bytes == (try logs.flatMap { try Shared.bytes("\(vectors)/\($0)") }))
        // Leader epochs and producers as Kafka left them; our own epoch lies above Kafka's.
        #expect(partition.epochEnd(for: 0) == (0, 36))
        #expect(partition.epochEnd(for: 1) == (1, 45))
        #expect(directory.leaderEpoch >= 1)
        #expect(partition.lastSequence(producerId: 4242) != nil)
        #expect(partition.lastSequence(producerId: 9999) != nil)

        _ = try directory.append(Make.batch(["ours"]), to: partition)
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.recovery.adopted.isEmpty)
        let again = try #require(directory.topic(id: topic.id)).partitions[0]
        #expect(try again.allRecords().count == 46)
    }

    @Test(
        "the indexes of Kafka's segments are what we make for the same log",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)))
    func sameIndex() throws {
        let vectors = "vectors/partition-dir/t1-0"
        // Which interval that directory was written with is not told: one of these gives Kafka's index everywhere.
        var matching: [Int64] = []
        for interval in stride(from: Int64(0), through: 400, by: 10) {
            let memory = try adopt(vectors, as: "t1-0")
            for file in Shared.names(in: vectors) where file.hasSuffix("index") && !file.hasSuffix(".txnindex") {
                try memory.disk.removeFile("/d/t1-0/\(file)")
            }
            var options = LogOptions()
            options.topicDefaults.indexIntervalBytes = interval
            let directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
            try directory.close()
            let indexes = Shared.names(in: vectors).filter { $0.hasSuffix(".index") || $0.hasSuffix(".timeindex") }
            let isSame = try indexes.allSatisfy {
                memory.bytes(of: "/d/t1-0/\($0)") == (try Shared.bytes("\(vectors)/\($0)"))
            }
            if isSame { matching.append(interval) }
        }
        #expect(!matching.isEmpty)
    }

    @Test(
        "a compacted log with holes and an empty batch is adopted whole and read to its end",
        .enabled(if: Shared.directory != nil, Comment(rawValue: Shared.missing)),
        arguments: ["before", "after-first", "after-horizon"])
    func compacted(state: String) throws {
        for isClean in [true, false] {
            let memory = try adopt("vectors/compaction/\(state)", as: "c-0")
            let before = Shared.names(in: "vectors/compaction/\(state)").map { memory.bytes(of: "/d/c-0/\($0)") }
            var directory = try DataDirectory.open("/d", disk: memory.disk)
            if isClean { try directory.close() }
            memory.kill()
            directory = try DataDirectory.open("/d", disk: memory.disk)
            let partition = try #require(directory.topic(named: "c")).partitions[0]
            #expect(directory.recovery.cuts.isEmpty)
            let offsets = try partition.allRecords().map(\.offset)
            #expect(offsets == offsets.sorted() && Set(offsets).count == offsets.count)
            #expect(!offsets.isEmpty)
            let after = Shared.names(in: "vectors/compaction/\(state)").map { memory.bytes(of: "/d/c-0/\($0)") }
            #expect(before == after)
        }
    }

    @Test(
        "Kafka's own tool finds every batch, record and index entry of ours in order",
        .enabled(if: DumpLog.tool != nil, "no Kafka kit or no java"))
    func dumpLog() throws {
        try Make.withDirectory { path in
            let directory = try DataDirectory.open(path)
            let topic = try directory.createTopic("t", partitions: 1, configuration: Make.tiny)
            for number in 0..<12 {
                _ = try directory.append(
                    Make.batch(["client \(number)", "again"], codec: number % 2 == 0 ? .none : .lz4),
                    to: topic.partitions[0])
                _ = try directory.append(
                    directory.round(
                        "p", [(topic.partitions[0], [["round \(number)"]])],
                        positions: [Make.position(Int64(number))]))
            }
            let records = try topic.partitions[0].allRecords()
            try directory.close()
            let names = try FileManager.default.contentsOfDirectory(atPath: path + "/t-0").sorted()
            let logs = names.filter { $0.hasSuffix(".log") }.map { path + "/t-0/" + $0 }
            #expect(logs.count > 2)
            let dump = try DumpLog.run(logs + [path + "/__penstock_positions-0/00000000000000000000.log"])
            for record in records {
                #expect(dump.contains("offset: \(record.offset) "), "no record \(record.offset)")
                #expect(dump.contains("payload: \(strings(record.value))"))
            }
            #expect(dump.components(separatedBy: "isvalid: true").count - 1 == 24 + 12)
            #expect(!dump.contains("isvalid: false"))
            let indexes = logs.flatMap { [String($0.dropLast(4)) + ".index", String($0.dropLast(4)) + ".timeindex"] }
            for check in [[], ["--index-sanity-check"], ["--verify-index-only"]] {
                let checked = try DumpLog.run(indexes, check)
                if check.isEmpty { #expect(checked.contains("offset: ") && checked.contains("timestamp: ")) }
                for complaint in ["ismatch", "isordered", "out of order", "orrupt", "rror", "Exception"] {
                    #expect(!checked.contains(complaint), "\(checked)")
                }
            }
        }
    }
}

/// `dump-log` of the Kafka kit.
enum DumpLog {
    static let tool: String? = {
        guard let directory = Shared.directory else { return nil }
        let tool = directory + "/peers/kafka/kafka"
        let java = ["/usr/bin/java", "/usr/local/bin/java"].first { FileManager.default.isExecutableFile(atPath: $0) }
        return java != nil && FileManager.default.isExecutableFile(atPath: tool) ? tool : nil
    }()

    /// - Parameter check: how indexes are looked at; empty prints everything.
    static func run(_ files: [String], _ check: [String] = []) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(tool))
        process.arguments = [
            "dump-log", "--files", files.joined(separator: ","), "--deep-iteration", "--print-data-log",
        ]
        if !check.isEmpty { process.arguments = ["dump-log", "--files", files.joined(separator: ",")] + check }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: output, as: UTF8.self)
        #expect(process.terminationStatus == 0, "\(text)")
        return text
    }
}
