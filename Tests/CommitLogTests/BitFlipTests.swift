import CommitLog
import Foundation
import Records
import TestSupport
import Testing

/// Every byte of a small data directory is changed once: readers never get altered records, and the start never fails
/// because of one partition.
@Suite struct BitFlipTests {
    /// `PENSTOCK_EVERY_BYTE` changes every byte; else every eleventh, beginning at another one for each seed.
    private static let step = ProcessInfo.processInfo.environment["PENSTOCK_EVERY_BYTE"] == nil ? 11 : 1
    private static let first = Int(truncatingIfNeeded: Seeds.some(1)[0] >> 1)

    /// A record as it was written. Its offset is left out: a batch's base offset stands outside of what its CRC covers, in
    /// Kafka's format, and a changed one can be told from a hole only where there can be no holes.
    private struct Written: Hashable {
        var topic: String
        var partition: Int32
        var value: String
    }

    /// What a reader that checks each batch gets of a directory: everything up to the first that it refuses.
    private func read(_ directory: DataDirectory) -> Set<Written> {
        var found: Set<Written> = []
        for topic in directory.topics() where !topic.isInternal {
            for partition in topic.partitions {
                for record in (try? partition.allRecords()) ?? [] {
                    found.insert(
                        Written(
                            topic: topic.name, partition: partition.index,
                            value: String(decoding: record.value ?? [], as: UTF8.self)))
                }
            }
        }
        return found
    }

    private func site(isClosed: Bool) throws -> (MemoryDisk, Set<Written>) {
        var run = HistoryRun(options: SmallHistory.options)
        try run.open()
        for step in SmallHistory.beginning { try run.apply(step) }
        guard let directory = run.directory else { throw HistoryRun.Unexpected(what: "it does not open") }
        let written = read(directory)
        if isClosed { try directory.close() }
        run.memory.kill()
        return (run.memory, written)
    }

    /// - Returns: what a reader got that was never written.
    private func flip(_ memory: MemoryDisk, _ path: String, _ place: Int, _ written: Set<Written>) throws -> String? {
        let disk = MemoryDisk(copying: memory)
        guard var bytes = disk.bytes(of: path) else { return "no \(path)" }
        // Another bit each time, and sometimes all of them.
        bytes[place] ^= place % 9 == 8 ? 0xff : 1 << UInt8(place % 9)
        disk.setBytes(of: path, to: bytes)
        let directory: DataDirectory
        do {
            directory = try DataDirectory.open("/data", options: SmallHistory.options, disk: disk.disk)
        } catch {
            // Only what says whose directory it is may keep it shut, and it says so.
            return path.hasSuffix("/meta.properties") && "\(error)".contains("/data") ? nil : "\(error)"
        }
        let altered = read(directory).subtracting(written)
        return altered.isEmpty ? nil : "readers get \(altered.first.map { "\($0)" } ?? "")"
    }

    @Test(
        "whichever byte changes, readers get no altered record, and the directory opens",
        .timeLimit(.minutes(10)), arguments: [true, false])
    func everyByte(isClosed: Bool) throws {
        let (memory, written) = try site(isClosed: isClosed)
        #expect(written.count > 10)
        var problems: [String] = []
        for path in memory.files where !path.hasSuffix("/.lock") {
            // What only a clean stop trusts is changed after one.
            if !isClosed && !path.hasSuffix(".log") && !path.hasSuffix("checkpoint") { continue }
            for place in stride(from: Self.first % Self.step, to: memory.bytes(of: path)?.count ?? 0, by: Self.step) {
                if let problem = try flip(memory, path, place, written) {
                    problems.append("byte \(place) of \(path): \(problem)")
                }
            }
        }
        #expect(problems.isEmpty, "\(problems.count): \(problems.prefix(8).joined(separator: "\n"))")
    }
}
