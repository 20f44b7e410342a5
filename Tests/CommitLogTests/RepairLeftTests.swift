@testable import CommitLog
import Records
import TestSupport
import Testing

/// What a repair does not mend is told, with what to do about it.
@Suite struct RepairLeftTests {
    private func stopped() throws -> MemoryDisk {
        let log = try GeneratedLog(seed: 1)
        try log.directory.close()
        return log.memory
    }

    private func repair(
        _ path: String, _ memory: MemoryDisk, isDry: Bool = false, isDeep: Bool = false
    ) throws -> (done: [LogRepair.Action], left: [LogFinding]) {
        var options = LogRepair.Options()
        options.isDry = isDry
        options.verification.isDeep = isDeep
        var done: [LogRepair.Action] = []
        var left: [LogFinding] = []
        let place = try InspectedPlace.at(path, disk: memory.disk)
        let repair = LogRepair(place, options, disk: memory.disk, leave: { left.append($0) }) { done.append($0) }
        _ = try repair.run()
        return (done, left)
    }

    /// A change of one file in `/d`, and what must be said about it.
    struct Trouble: CustomTestStringConvertible, Sendable {
        let file: String
        /// nil removes the file.
        let content: String?
        let says: String

        var testDescription: String { "\(file): \(says)" }
    }

    static let troubles = [
        Trouble(file: "t-0/partition.metadata", content: nil, says: "the next start of Penstock writes it again"),
        Trouble(file: "t-0/partition.metadata", content: "what?", says: "the next start of Penstock writes it again"),
        Trouble(
            file: "t-0/partition.metadata", content: "version: 0\ntopic_id: ERERESIiMzNERFVVVVVVVQ",
            says: "the next start gives the directory another name"),
        Trouble(
            file: "recovery-point-offset-checkpoint", content: "0\n1\nt 0 5000\n",
            says: "if a part of that log is missing, put it back; else correct the line"),
        Trouble(
            file: "log-start-offset-checkpoint", content: "what?",
            says: "put it back from a copy, or remove it"),
        Trouble(file: "penstock-sync-failed", content: "why\n", says: "the next start of Penstock writes"),
        Trouble(file: "penstock-positions-damaged", content: "why\n", says: "`penstock log repair --positions`"),
        Trouble(
            file: "t-0/00000000000000000010.log.unreadable", content: "what?",
            says: "take the ending .unreadable off the names of its files; else remove them"),
        Trouble(file: "t-0/00000000000000000777.log.misnamed", content: "what?", says: "an opening set it aside"),
    ]

    @Test("is told", arguments: troubles)
    func told(trouble: Trouble) throws {
        let memory = try stopped()
        let path = "/d/\(trouble.file)"
        if let content = trouble.content {
            memory.setBytes(of: path, to: Array(content.utf8))
            if memory.bytes(of: path) == nil {
                try memory.disk.open(path, .create).write(Array(content.utf8), at: 0)
            }
        } else {
            try memory.disk.removeFile(path)
        }
        #expect(try Inspection.findings("/d", memory.disk).map(\.path) == [path])
        for isDry in [true, false] {
            let (done, left) = try repair("/d", memory, isDry: isDry)
            #expect(done.isEmpty)
            #expect(left.map(\.path) == [path], "\(left)")
            #expect(left.first?.reason.contains(trouble.says) == true, "\(left)")
        }
    }

    @Test("a partition that is missing is told, and so is one without segments")
    func missing() throws {
        for isEmpty in [true, false] {
            let memory = try stopped()
            for file in try memory.disk.list("/d/t-0") where !isEmpty || file != "partition.metadata" {
                try memory.disk.removeFile("/d/t-0/\(file)")
            }
            if !isEmpty { try memory.disk.removeDirectory("/d/t-0") }
            let left = try repair("/d", memory).left
            #expect(left.contains { $0.path == "/d/t-0" && $0.reason.contains("from a copy") }, "\(left)")
        }
    }

    @Test("a record that cannot be decoded is told if records are looked at, and nothing that a repair mended is")
    func deep() throws {
        let memory = try stopped()
        // A batch whose checksum is right and whose records are none.
        let path = "/d/t-0/00000000000000000010.log"
        var bytes = try #require(memory.bytes(of: path))
        let first = try Make.batches(in: bytes)[0]
        Inspection.rewrite(first, in: &bytes) { batch in
            for place in BatchHeader.size..<batch.count { batch[place] = 0xff }
        }
        memory.setBytes(of: path, to: bytes)
        try memory.disk.removeFile("/d/t-0/00000000000000000010.index")
        let (done, left) = try repair("/d", memory, isDeep: true)
        #expect(done.map(\.path) == ["/d/t-0/00000000000000000010.index"])
        #expect(left.map(\.path) == [path])
        #expect(left.first?.reason.contains("its checksum is right, so it was written like this") == true, "\(left)")
        #expect(try repair("/d", memory).left.isEmpty)
    }

    @Test("what is called like a file of a log and is none is told, and nothing is put in its place")
    func noFile() throws {
        let memory = try stopped()
        let stem = "/d/t-0/00000000000000000010"
        try memory.disk.removeFile("\(stem).index")
        let directories = ["\(stem).index", "/d/t-0/00000000000000000777.snapshot"]
        for path in directories { try memory.disk.makeDirectory(path) }
        let findings = try Inspection.findings("/d", memory.disk)
        #expect(findings.filter { $0.reason == "it is no file; move it away" }.map(\.path) == directories)
        #expect(findings.allSatisfy { directories.contains($0.path) }, "\(findings)")
        for isDry in [true, false] {
            let (done, left) = try repair("/d", memory, isDry: isDry)
            #expect(done.isEmpty, "\(done)")
            let told = left.filter { $0.reason.contains("it is no file; move it away") }
            #expect(told.map(\.path).sorted() == directories, "\(left)")
        }
        for path in directories { #expect(try memory.disk.status(path).kind == .directory) }
    }

    @Test("while something else is called like a segment, what belongs to its partition is not touched")
    func noSegment() throws {
        let memory = try stopped()
        let path = "/d/t-0/00000000000000000777.log"
        try memory.disk.makeDirectory(path)
        try memory.disk.removeFile("/d/t-0/00000000000000000010.index")
        let findings = try Inspection.findings("/d", memory.disk)
        #expect(findings.contains(LogFinding(path: path, reason: "it is no file; move it away")), "\(findings)")
        let before = try memory.disk.list("/d/t-0")
        for isDry in [true, false] {
            let error = #expect(throws: StorageError.self) { _ = try repair("/d", memory, isDry: isDry) }
            #expect(error?.description.contains("what should be a segment's file, \(path)") == true)
        }
        #expect(try memory.disk.list("/d/t-0") == before)
    }

    @Test("what an opening set aside is dumped, and what holds no log is refused")
    func dumped() throws {
        let memory = try stopped()
        let log = try #require(memory.bytes(of: "/d/t-0/00000000000000000010.log"))
        for (ending, why) in [("unreadable", "the disk did not give it"), ("misnamed", "its name was another's")] {
            let path = "/d/t-0/00000000000000000010.log.\(ending)"
            try memory.disk.open(path, .create).write(log, at: 0)
            let items = try Inspection.dump(path, memory.disk)
            #expect(items.first?.text("state") == "set aside: \(why)")
            #expect(items.contains { $0.kind == .record })
        }
        try memory.disk.makeDirectory("/etc")
        try memory.disk.open("/etc/passwd", .create).write([1], at: 0)
        #expect(throws: StorageError.self) { try Inspection.dump("/etc", memory.disk) }
        try memory.disk.makeDirectory("/cut")
        try memory.disk.open("/cut/t-0.10.4.log", .create).write(log, at: 0)
        #expect(try Inspection.dump("/cut", memory.disk).contains { $0.kind == .record })
    }
}
