import Records
import TestSupport
import Testing

@testable import CommitLog

/// In a compacted partition segments begin behind their names, and that is right.
@Suite struct CompactedNamesTests {
    enum Ending: CaseIterable { case stop, kill, lostCheckpoint, lostCheckpointAndMark, copy }

    /// A segment that has anything in it.
    private struct Log: Equatable {
        var base: Offset
        var bytes: [UInt8]
        var first: Offset { get throws { try BatchHeader(parsing: bytes.rawSpan).baseOffset } }
    }

    private func logs(_ memory: MemoryDisk) -> [Log] {
        memory.files.filter { $0.hasPrefix("/d/c-0/") && $0.hasSuffix(".log") }.compactMap { path in
            guard let bytes = memory.bytes(of: path), !bytes.isEmpty else { return nil }
            return Log(base: Offset(path.dropFirst("/d/c-0/".count).prefix(20)) ?? -1, bytes: bytes)
        }
    }

    private func path(_ base: Offset) -> String { Segment.stem("/d/c-0", base) + ".log" }

    /// A partition of which most is compacted away, with offsets missing before and behind segments.
    private func compacted() throws -> CompactionScene {
        let scene = try CompactionScene()
        for round in 0..<12 {
            for key in 0..<6 where (key + round) % 4 != 0 {
                try scene.put([("\(key)", "\(round) \(String(repeating: "x", count: 90 + 40 * key))")])
            }
            try scene.put([("own \(round)", "x"), ("filler", String(repeating: "x", count: 300))])
            if round % 4 == 3 { try scene.clean() }
        }
        for number in 0..<8 { try scene.put([("end", "\(number) \(String(repeating: "x", count: 200))")]) }
        #expect(try logs(scene.memory).filter { try $0.first > $0.base }.count > 1)
        return scene
    }

    /// Reads from each offset. What is served must be what comes first of what is there.
    /// - Returns: what readers were told.
    private func look(_ partition: Partition, _ there: [Offset]) throws -> [String] {
        var told: [String] = []
        for offset in partition.logStart..<partition.logEnd {
            do {
                let slice = try partition.read(from: offset, maxBytes: 1, minOneMessage: true)
                let bytes = try slice.spans.first.map { try $0.source.read(position: $0.position, length: $0.length) }
                let span = bytes ?? []
                let found = span.isEmpty ? [] : try RecordBatch.decode(span.rawSpan, limit: 1 << 20).1.map(\.offset)
                let next = there.first { $0 >= offset } ?? partition.logEnd
                // A batch may have lost the records at its end.
                let isNext = found.first { $0 >= offset }.map { $0 == next } ?? (slice.nextOffset <= next)
                #expect(isNext, "offset \(next) was passed over from \(offset)")
            } catch let error as StorageError {
                told.append("\(error)")
            }
        }
        return told
    }

    @Test("no file is renamed and no reader refused, however the log is opened", arguments: Ending.allCases)
    func untouched(ending: Ending) throws {
        let scene = try compacted()
        let values = try scene.batches().flatMap(\.records).map(\.offset)
        if ending != .kill { try scene.directory.close() }
        scene.memory.syncAll()
        scene.memory.kill()
        var memory = scene.memory
        switch ending {
        case .stop, .kill: break
        case .lostCheckpointAndMark: try memory.disk.removeFile("/d/.kafka_cleanshutdown"); fallthrough
        case .lostCheckpoint: try memory.disk.removeFile("/d/recovery-point-offset-checkpoint")
        case .copy:
            memory = MemoryDisk()
            try DataDirectory.open("/d", disk: memory.disk).close()
            memory.kill()
            try memory.disk.makeDirectory("/d/c-0")
            for path in scene.memory.files where path.hasPrefix("/d/c-0/") && !path.contains("checkpoint") {
                try memory.disk.open(path, .create).write(scene.memory.bytes(of: path) ?? [], at: 0)
            }
        }
        let before = logs(memory)
        let directory = try DataDirectory.open("/d", options: scene.options, disk: memory.disk)
        let report = directory.recovery
        #expect(report.cuts.isEmpty && report.damage.isEmpty && report.renamed.isEmpty && report.offline.isEmpty)
        #expect(!memory.files.contains { $0.hasSuffix(".misnamed") })
        #expect(logs(memory) == before)
        let partition = try #require(directory.topic(named: "c")).partitions[0]
        #expect(try look(partition, values) == [])
    }

    @Test("what is missing in one under a wrong name is told to who reads there, also between what was compacted away")
    func told() throws {
        for place in 1..<4 {
            let scene = try compacted()
            let values = try scene.batches().flatMap(\.records).map(\.offset)
            try scene.directory.close()
            scene.memory.kill()
            let all = logs(scene.memory)
            // Behind the beginning of the one before.
            let wrong = path(all[place - 1].base + 1)
            try scene.memory.disk.rename(path(all[place].base), wrong)
            try scene.reopen()
            let told = try look(scene.partition, values)
            #expect(told.contains { $0.contains(wrong) && $0.contains("name") }, "\(told)")
        }
    }

    @Test("a cleaning that meets a segment under a wrong name says so, and leaves it as it is")
    func cleaning() throws {
        for place in 1..<4 {
            let scene = try CompactionScene()
            for number in 0..<40 {
                try scene.put([("\(number % 7)", "\(number) \(String(repeating: "x", count: 90))")])
            }
            try scene.directory.close()
            scene.memory.kill()
            let all = logs(scene.memory)
            let wrong = all[place - 1].base + 1
            try scene.memory.disk.rename(path(all[place].base), path(wrong))
            let before = logs(scene.memory)
            try scene.reopen()
            let objection = try scene.clean()?.objection ?? ""
            #expect(objection.contains(".log: offsets ") && objection.contains("`penstock log repair`"), "\(objection)")
            // What comes before may be cleaned.
            #expect(logs(scene.memory).filter { $0.base >= wrong } == before.filter { $0.base >= wrong })
            scene.memory.kill()
            try scene.memory.disk.rename(path(wrong), path(all[place].base))
            try scene.reopen()
            try scene.check("under its own name")
        }
    }
}
