import CommitLog
import Records
import TestSupport
import Testing

/// Leader epochs that changed: they stand outside of what a batch's checksum covers.
@Suite struct RepairedEpochTests {
    private static let checkpoint = "/d/t-0/leader-epoch-checkpoint"

    /// A stopped log with one batch a record: three of epoch 0, one of epoch 1, the rest of epoch 2.
    private func stopped(last: Int = 4) throws -> MemoryDisk {
        let memory = MemoryDisk()
        for (life, batches) in [3, 1, last].enumerated() {
            let directory = try DataDirectory.open("/d", disk: memory.disk)
            let topic =
                try directory.topic(named: "t")
                ?? directory.createTopic("t", partitions: 1, configuration: Make.tiny)
            for _ in 0..<batches {
                _ = try directory.append(Make.batch([String(repeating: "x", count: 200)]), to: topic.partitions[0])
            }
            if life == 2 { try directory.close() } else { try directory.checkpoint() }
            memory.syncAll()
            memory.kill()
        }
        #expect(try Inspection.findings("/d", memory.disk).isEmpty)
        #expect(try epochs(memory) == [0, 0, 0, 1] + Array(repeating: 2, count: last))
        return memory
    }

    private func logs(_ memory: MemoryDisk) throws -> [String] {
        try memory.disk.list("/d/t-0").filter { $0.hasSuffix(".log") }.sorted().map { "/d/t-0/\($0)" }
    }

    /// Where the batches lie.
    private func batches(_ memory: MemoryDisk) throws -> [(path: String, position: Int)] {
        try logs(memory).flatMap { path in
            try Make.batches(in: memory.bytes(of: path) ?? []).map { (path, $0.lowerBound) }
        }
    }

    private func epochs(_ memory: MemoryDisk) throws -> [Int32] {
        try batches(memory).map { batch in
            let bytes = Array((memory.bytes(of: batch.path) ?? [])[batch.position...])
            return try BatchHeader(parsing: bytes.rawSpan).partitionLeaderEpoch
        }
    }

    private func repair(_ memory: MemoryDisk, isDry: Bool = false) throws -> [LogRepair.Action] {
        var options = LogRepair.Options()
        options.isDry = isDry
        var actions: [LogRepair.Action] = []
        let place = try InspectedPlace.at("/d", disk: memory.disk)
        let repair = LogRepair(place, options, disk: memory.disk) { actions.append($0) }
        #expect(try repair.run() == actions.count)
        return actions
    }

    @Test("each changed byte of each batch's epoch is mended, with a copy of what was there", arguments: 12...15)
    func each(byte: Int) throws {
        let right = try epochs(stopped())
        for number in right.indices {
            for change: UInt8 in [1, 2, 9, 0x80] {
                let memory = try stopped()
                let (path, position) = try batches(memory)[number]
                var bytes = try #require(memory.bytes(of: path))
                bytes[position + byte] ^= change
                let rotten = Array(bytes[position + 12..<position + 16])
                memory.setBytes(of: path, to: bytes)
                let comment = "batch \(number), byte \(byte), changed by \(change)"
                guard try !Inspection.findings("/d", memory.disk).isEmpty else {
                    Issue.record("\(comment) is not found")
                    continue
                }
                let before = memory.bytes(of: path)
                #expect(try !repair(memory, isDry: true).isEmpty)
                #expect(memory.bytes(of: path) == before, "a dry run changed something")
                let done = try repair(memory)
                #expect(try Inspection.findings("/d", memory.disk) == [], "\(comment): \(done)")
                #expect(try repair(memory).isEmpty, "\(comment): a second repair finds more to do")
                // Whether the only batch of an epoch or the checkpoint is right nobody knows.
                if right[number] == 1 { continue }
                #expect(try epochs(memory) == right, "\(comment): \(done)")
                let copy = try #require(done.first { $0.path == path }?.copy, "\(comment): \(done)")
                #expect(memory.bytes(of: copy) == rotten)
                #expect(done.first { $0.path == path }?.description.contains("became \(right[number])") == true)
            }
        }
    }

    @Test(
        "an epoch out of order is not written into the checkpoint, whether that is there or not",
        arguments: [true, false])
    func checkpointIsLost(isThere: Bool) throws {
        let memory = try stopped()
        let right = try #require(memory.bytes(of: Self.checkpoint))
        let (path, position) = try batches(memory)[5]
        var bytes = try #require(memory.bytes(of: path))
        bytes[position + 15] = 9
        memory.setBytes(of: path, to: bytes)
        if isThere {
            memory.setBytes(of: Self.checkpoint, to: Array("0\n1\nwhat\n".utf8))
        } else {
            try memory.disk.removeFile(Self.checkpoint)
        }
        _ = try repair(memory)
        #expect(try epochs(memory) == [0, 0, 0, 1, 2, 2, 2, 2])
        #expect(try Inspection.findings("/d", memory.disk).isEmpty)
        if isThere { #expect(memory.bytes(of: Self.checkpoint) == right) }
    }

    @Test("a checkpoint that most batches contradict is made again, and no batch is changed")
    func checkpointIsWrong() throws {
        for text in ["0\n2\n0 0\n7 2\n", "0\n1\n0 0\n", "0\n3\n0 0\n1 1\n2 4\n", "0\n3\n0 0\n1 3\n2 6\n"] {
            let memory = try stopped()
            let right = try #require(memory.bytes(of: Self.checkpoint))
            let before = try logs(memory).map { memory.bytes(of: $0) }
            memory.setBytes(of: Self.checkpoint, to: Array(text.utf8))
            #expect(try repair(memory).map(\.path) == [Self.checkpoint], "\(text)")
            #expect(memory.bytes(of: Self.checkpoint) == right, "\(text)")
            #expect(try logs(memory).map { memory.bytes(of: $0) } == before, "\(text)")
        }
    }

    @Test("an epoch is mended however many other places of its file are told")
    func untold() throws {
        let memory = try stopped()
        let right = try epochs(memory)
        let all = try batches(memory)
        // Two of one segment.
        let second = try #require(all.indices.last { $0 > 0 && all[$0].path == all[$0 - 1].path })
        let path = all[second].path
        var bytes = try #require(memory.bytes(of: path))
        let first = try Make.batches(in: bytes)[0]
        Inspection.rewrite(first, in: &bytes) { $0[BatchHeader.size] = 0xff }
        bytes[all[second].position + 15] = 0
        memory.setBytes(of: path, to: bytes)
        var options = LogRepair.Options()
        options.verification.isDeep = true
        options.verification.findingsPerFile = 1
        var left: [LogFinding] = []
        let place = try InspectedPlace.at("/d", disk: memory.disk)
        let repair = LogRepair(place, options, disk: memory.disk, leave: { left.append($0) }) { _ in }
        #expect(try repair.run() == 1)
        #expect(try epochs(memory) == right)
        #expect(left.map(\.path) == [path], "\(left)")
    }

    @Test("the epoch of an empty batch that stands for what was lost becomes none again")
    func bridge() throws {
        let memory = try stopped()
        let (path, position) = try batches(memory)[5]
        var bytes = try #require(memory.bytes(of: path))
        bytes[position + 100] ^= 1
        memory.setBytes(of: path, to: bytes)
        _ = try repair(memory)
        let right = try epochs(memory)
        #expect(right == [0, 0, 0, 1, 2, -1, 2, 2])
        for byte in 12...15 {
            let (path, position) = try batches(memory)[5]
            var bytes = try #require(memory.bytes(of: path))
            bytes[position + byte] ^= 0x80
            memory.setBytes(of: path, to: bytes)
            #expect(try repair(memory).map(\.path) == [path])
            #expect(try epochs(memory) == right)
            #expect(try Inspection.findings("/d", memory.disk).isEmpty)
        }
    }
}
