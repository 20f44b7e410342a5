import CommitLog
import Foundation
import Platform
import Records
import TestSupport
import Testing

@Suite struct DataDirectoryTests {
    @Test("what was appended is read back after a clean stop, on the machine's own disk")
    func roundTrip() throws {
        try Make.withDirectory { path in
            do {
                let directory = try DataDirectory.open(path)
                #expect(directory.recovery.isNew)
                let topic = try directory.createTopic("t", partitions: 2)
                let result = try directory.append(Make.batch(["a", "b"]), to: topic.partitions[0])
                guard case .appended(base: 0, _) = result else {
                    Issue.record("\(result)")
                    return
                }
                try directory.close()
            }
            let directory = try DataDirectory.open(path)
            #expect(directory.recovery.wasClean)
            #expect(directory.leaderEpoch == 0)
            let topic = try #require(directory.topic(named: "t"))
            #expect(try topic.partitions[0].allValues() == ["a", "b"])
            #expect(try topic.partitions[1].allValues() == [])
        }
    }

    @Test("a data directory is made with those above it, whatever slashes its path has")
    func nestedPath() throws {
        try Make.withDirectory { path in
            try DataDirectory.open(path + "/a/b//").close()
            let directory = try DataDirectory.open(path + "/a/b")
            #expect(directory.path == path + "/a/b")
            #expect(!directory.recovery.isNew)
        }
    }

    @Test("directories are for their owner alone, and so are files")
    func modes() throws {
        try Make.withDirectory { path in
            let directory = try DataDirectory.open(path)
            _ = try directory.createTopic("t", partitions: 1)
            func mode(_ name: String) throws -> Int {
                let attributes = try FileManager.default.attributesOfItem(atPath: path + name)
                return try #require(attributes[.posixPermissions] as? Int)
            }
            #expect(try mode("") == 0o700)
            #expect(try mode("/t-0") == 0o700)
            #expect(try mode("/t-0/00000000000000000000.log") == 0o600)
            #expect(try mode("/meta.properties") == 0o600)
        }
    }

    @Test("the socket that a killed process left is no stranger's")
    func killedSocket() throws {
        let memory = MemoryDisk()
        _ = try DataDirectory.open("/d", disk: memory.disk)
        for name in [DataDirectory.controlSocketName, "control.socks"] {
            _ = try memory.disk.open("/d/\(name)", .create)
        }
        memory.kill()
        let ignored = try DataDirectory.open("/d", disk: memory.disk).recovery.ignored
        #expect(ignored.count == 1 && ignored[0].contains("/d/control.socks"), "\(ignored)")
    }

    @Test(
        "what an opening cannot do is said with the file and with what to do, and nothing of what it would do if it had",
        arguments: [
            (28, "make room"), (122, "quota"), (5, "the system's log"), (13, "chown -R"), (30, "mount it for writing"),
            (24, "ulimit -n"),
        ] as [(Int32, String)])
    func unopened(code: Int32, wayOut: String) throws {
        let memory = MemoryDisk()
        _ = try DataDirectory.open("/d", disk: memory.disk)
        memory.kill()
        let file = "/d/log-start-offset-checkpoint"
        memory.fail { call in call.path.hasPrefix(file) ? .fails(code) : nil }
        let error = #expect(throws: StorageError.self) { _ = try DataDirectory.open("/d", disk: memory.disk) }
        let text = "\(try #require(error))"
        #expect(text.contains("cannot open the data directory /d: ") && text.contains(file), "\(text)")
        #expect(text.contains(wayOut) && text.contains("start again"), "\(text)")
        #expect(!text.contains("writing goes on") && !text.contains("is served"), "\(text)")
        #expect(error?.isFull == [28, 122].contains(code))
    }

    @Test("a directory that is open cannot be opened again: the error names the process")
    func locked() throws {
        try Make.withDirectory { path in
            let first = try DataDirectory.open(path)
            let error = #expect(throws: StorageError.self) { _ = try DataDirectory.open(path) }
            #expect(error?.cause == .locked(process: Int(ProcessInfo.processInfo.processIdentifier)))
            try first.close()
            _ = try DataDirectory.open(path)
        }
    }

    @Test("a directory of a newer version is refused, and not touched")
    func newerVersion() throws {
        let memory = MemoryDisk()
        try DataDirectory.open("/d", disk: memory.disk).close()
        let text = String(decoding: try #require(memory.bytes(of: "/d/meta.properties")), as: UTF8.self)
        #expect(text.contains("\npenstock.format=1\n"))
        let newer = text.replacing("penstock.format=1", with: "penstock.format=2")
        memory.setBytes(of: "/d/meta.properties", to: Array(newer.utf8))
        let error = #expect(throws: StorageError.self) { _ = try DataDirectory.open("/d", disk: memory.disk) }
        #expect(error?.cause == .newerVersion(found: 2, known: 1))
        #expect(memory.bytes(of: "/d/meta.properties") == Array(newer.utf8))
    }

    @Test("a Kafka broker's directory is opened only when it is to be adopted")
    func foreign() throws {
        let memory = MemoryDisk()
        try memory.disk.makeDirectory("/d")
        let file = try memory.disk.open("/d/meta.properties", .create)
        try file.write(
            Array("#\n#Sat Nov 21\ncluster.id=abc\nversion=1\ndirectory.id=xyz\nnode.id=3\n".utf8), at: 0)
        let error = #expect(throws: StorageError.self) { _ = try DataDirectory.open("/d", disk: memory.disk) }
        #expect(error?.cause == .foreign(clusterID: "abc"))
        var options = LogOptions()
        options.adopt = true
        let directory = try DataDirectory.open("/d", options: options, disk: memory.disk)
        #expect(directory.clusterId == "abc")
        try directory.close()
        #expect(try DataDirectory.open("/d", disk: memory.disk).clusterId == "abc")
    }

    @Test("each unclean stop begins a new leader epoch, and tells where the old one ended")
    func epochs() throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1)
        _ = try directory.append(Make.batch(["a", "b"]), to: topic.partitions[0])
        try directory.close()
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.leaderEpoch == 0)
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.leaderEpoch == 1)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        _ = try directory.append(Make.batch(["c"]), to: partition)
        #expect(partition.epochEnd(for: 0) == (0, 2))
        #expect(partition.epochEnd(for: 1) == (1, 3))
        #expect(partition.epochEnd(for: 2) == (-1, -1))
        try directory.checkpoint()
        let checkpoint = try #require(memory.bytes(of: "/d/t-0/leader-epoch-checkpoint"))
        #expect(String(decoding: checkpoint, as: UTF8.self) == "0\n2\n0 0\n1 2\n")
        memory.losePower(&Self.fixed)
        #expect(try DataDirectory.open("/d", disk: memory.disk).leaderEpoch == 2)
    }

    nonisolated(unsafe) private static var fixed = SeededGenerator(seed: 1)

    @Test(
        "topic names that Kafka refuses are refused",
        arguments: ["", ".", "..", "a/b", "ü", String(repeating: "x", count: 250)])
    func names(name: String) throws {
        let directory = try DataDirectory.open("/d", disk: MemoryDisk().disk)
        let error = #expect(throws: StorageError.self) { _ = try directory.createTopic(name, partitions: 1) }
        guard case .invalidTopic? = error?.cause else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a setting that cannot be meant is refused by name")
    func settings() throws {
        let directory = try DataDirectory.open("/d", disk: MemoryDisk().disk)
        let error = #expect(throws: StorageError.self) {
            _ = try directory.createTopic("t", partitions: 1, configuration: ["retention.bytes": "much"])
        }
        #expect(error?.description.contains("retention.bytes: expected a whole number in -1...") == true)
        #expect(directory.topic(named: "t") == nil)
    }

    @Test("a deleted topic is gone for good, also when its files were left; a new one of its name starts empty")
    func deletion() throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1)
        _ = try directory.append(Make.batch(["a"]), to: topic.partitions[0])
        let slice = try topic.partitions[0].read(from: 0, maxBytes: 100, minOneMessage: true)
        // The process dies after the tombstone is synced, before a file is touched.
        memory.fail { call in call.operation == .rename && call.path.hasSuffix("/t-0") ? .fails(5) : nil }
        #expect(throws: StorageError.self) { try directory.deleteTopic("t") }
        #expect(memory.bytes(of: "/d/t-0/00000000000000000000.log")?.isEmpty == false)
        #expect(try slice.spans[0].source.read(position: 0, length: 10).count == 10)
        memory.kill()
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(directory.topic(named: "t") == nil)
        #expect(memory.bytes(of: "/d/t-0/00000000000000000000.log") == nil)
        let again = try directory.createTopic("t", partitions: 1)
        #expect(again.id != topic.id)
        #expect(try again.partitions[0].allValues() == [])
        try directory.deleteTopic("t")
        let error = #expect(throws: StorageError.self) {
            _ = try directory.append(Make.batch(["b"]), to: again.partitions[0])
        }
        #expect(error?.cause == .deleted(topic: "t"))
        #expect(memory.files.allSatisfy { !$0.hasPrefix("/d/t-0") })
    }

    @Test("pipelines keep their producer id, and clients never get one of theirs")
    func producers() throws {
        let memory = MemoryDisk()
        var directory = try DataDirectory.open("/d", disk: memory.disk)
        let first = try directory.producer(pipeline: "a")
        // The registry's first record is the leader epoch; ids come from the offset of their own record.
        #expect(first.id == 1 << 62 + 1)
        #expect(try directory.producer(pipeline: "b").id == 1 << 62 + 2)
        #expect(try directory.nextProducerIdBlock() == 1 << 40 + 3000..<1 << 40 + 4000)
        var random = SeededGenerator(seed: 7)
        memory.losePower(&random)
        directory = try DataDirectory.open("/d", disk: memory.disk)
        #expect(try directory.producer(pipeline: "a") == first)
        #expect(try directory.producer(pipeline: "c").id == 1 << 62 + 5)
        #expect(try directory.nextProducerIdBlock() == 1 << 40 + 6000..<1 << 40 + 7000)
        let topic = try directory.createTopic("t", partitions: 1)
        let stamp = ProducerStamp(id: first.id, epoch: 0, baseSequence: 0)
        #expect(
            try directory.append(Make.batch(["x"], producer: stamp), to: topic.partitions[0])
                == .rejected(.reservedProducer(first.id)))
    }

    @Test("the observer hears of every partition whose high watermark moved")
    func observer() throws {
        let directory = try DataDirectory.open("/d", disk: MemoryDisk().disk)
        let topic = try directory.createTopic("t", partitions: 3)
        let heard = Lock<[String]>([])
        directory.observer = { partition in
            let line = "\(partition.topicName)-\(partition.index) \(partition.highWatermark)"
            heard.withLock { $0.append(line) }
        }
        let round = try directory.round(
            "p", [(topic.partitions[2], [["a", "b"]]), (topic.partitions[0], [["c"]])], positions: [])
        heard.withLock { $0 = [] }
        _ = try directory.append(round)
        #expect(
            heard.withLock { Set($0) } == ["t-0 1", "t-2 2", "__penstock_positions-0 1"])
    }
}
