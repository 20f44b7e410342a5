import CommitLog
import Platform
import Records
import TestSupport
import Testing

/// Looking at a log in few words.
enum Inspection {
    /// Everything that a dump tells of a place.
    static func dump(
        _ path: String, _ disk: Disk, options: LogDump.Options = LogDump.Options()
    ) throws -> [InspectedItem] {
        var items: [InspectedItem] = []
        var dump = LogDump(options, disk: disk) { items.append($0) }
        try dump.tell(InspectedPlace.at(path, disk: disk))
        #expect(dump.damaged == items.count { $0.kind == .damage })
        return items
    }

    /// Everything that a verification finds, in the order of paths and places.
    static func findings(_ path: String, _ disk: Disk, isDeep: Bool = true, threads: Int = 2) throws -> [LogFinding] {
        try verify(path, disk, isDeep: isDeep, threads: threads).findings
    }

    static func verify(
        _ path: String, _ disk: Disk, isDeep: Bool = true, threads: Int = 2,
        _ change: (inout LogVerification.Options) -> Void = { _ in }
    ) throws -> (findings: [LogFinding], summary: LogVerification.Summary) {
        let found = Lock<[LogFinding]>([])
        var options = LogVerification.Options()
        options.isDeep = isDeep
        options.threads = threads
        change(&options)
        let verification = LogVerification(try InspectedPlace.at(path, disk: disk), options, disk: disk) { finding in
            found.withLock { $0.append(finding) }
        }
        let summary = try verification.run()
        let findings = found.withLock { $0 }
        #expect(summary.findings >= findings.count - 1)
        #expect(findings.isEmpty == (summary.findings == 0))
        return (findings.sorted { ($0.path, $0.position ?? -1) < ($1.path, $1.position ?? -1) }, summary)
    }

    /// A batch of a log written anew, with a checksum that is right again.
    static func rewrite(
        _ batch: Range<Int>, in bytes: inout [UInt8], _ change: (inout [UInt8]) -> Void
    ) {
        var changed = Array(bytes[batch])
        change(&changed)
        let covered = changed[21...]
        var writer = ByteWriter()
        writer.bytes = changed
        writer.patch(crc32c(covered.rawSpan), at: 17)
        bytes.replaceSubrange(batch, with: writer.bytes)
    }

    /// A directory of the test data as a partition directory of a disk in memory.
    static func copy(_ vectors: String, to path: String, on memory: MemoryDisk) throws {
        var made = ""
        for part in path.split(separator: "/") {
            made += "/\(part)"
            if try !memory.disk.exists(made) { try memory.disk.makeDirectory(made) }
        }
        for file in Shared.names(in: vectors) {
            try memory.disk.open("\(path)/\(file)", .create).write(Shared.bytes("\(vectors)/\(file)"), at: 0)
        }
    }
}

extension InspectedItem {
    func integer(_ name: String) -> Int64? {
        if case .integer(let value)? = self[name] { value } else { nil }
    }

    func text(_ name: String) -> String? {
        switch self[name] {
        case .text(let text)?: text
        case .bytes(let bytes)?: String(decoding: bytes, as: UTF8.self)
        case .null?, .flag?, .integer?, .list?, .fields?, nil: nil
        }
    }
}
