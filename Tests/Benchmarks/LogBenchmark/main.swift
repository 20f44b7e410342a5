import CommitLog
import Glibc
import Platform
import Records
import TestSupport

/// Drives the log alone, for `make bench`. Not part of what is shipped.
///
/// append DIR MEGABYTES      64 KiB batches into one partition, synced once; ends without a clean stop
/// open DIR                  opens and closes
/// partitions DIR COUNT      makes topics of 1,000 partitions with a batch in each, and stops cleanly
/// lookup DIR COUNT          reads from random offsets
///
/// Each prints one line of `NAME=NUMBER`; times are in seconds.
enum LogBenchmark {
    static func run(_ arguments: [String]) throws {
        guard arguments.count >= 3 else { fail("usage: LogBenchmark append|open|partitions|lookup DIR [COUNT]") }
        let count = arguments.count > 3 ? Int(arguments[3]) ?? 0 : 0
        switch arguments[1] {
        case "append": try append(arguments[2], megabytes: count)
        case "open": try open(arguments[2])
        case "scan": try scan(arguments[2])
        case "partitions": try partitions(arguments[2], count: count)
        case "lookup": try lookup(arguments[2], count: count)
        default: fail("no benchmark is called \(arguments[1])")
        }
    }

    static func fail(_ text: String) -> Never {
        print(text)
        exit(2)
    }

    static func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = Clock.system.now()
        try body()
        return Double((Clock.system.now() - start).wholeNanoseconds) / 1e9
    }

    /// 64 records of about 1 KiB that do not compress.
    private static func batch() throws -> EncodedBatch {
        var random = SystemRandomNumberGenerator()
        let records = (0..<64).map { _ in
            Record(
                timestamp: Clock.system.wallMilliseconds(),
                value: (0..<1010).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        return try RecordBatch.encode(records)
    }

    private static func append(_ path: String, megabytes: Int) throws {
        let directory = try DataDirectory.open(path)
        let partition = try directory.createTopic("bench", partitions: 1).partitions[0]
        let batch = try batch()
        let rounds = megabytes << 20 / batch.size
        let time = try seconds {
            for _ in 0..<rounds {
                guard case .appended = try directory.append(batch, to: partition) else { fail("not appended") }
            }
            try directory.sync()
        }
        print("seconds=\(time) bytes=\(rounds * batch.size) batches=\(rounds)")
        // As a kill: the next opening recovers.
        exit(0)
    }

    private static func open(_ path: String) throws {
        // The code that opening runs is in memory before: it is not the partitions'.
        let other = path + "-warm"
        for _ in 0..<2 {
            let directory = try DataDirectory.open(other)
            if directory.topics().count < 3 { _ = try directory.createTopic("warm", partitions: 10) }
            try directory.close()
        }
        let before = residentBytes()
        var found: DataDirectory?
        let time = try seconds { found = try DataDirectory.open(path) }
        guard let directory = found else { return }
        let partitions = directory.topics().reduce(0) { $0 + $1.partitions.count }
        let resident = residentBytes() - before
        print(
            "seconds=\(time) partitions=\(partitions) read=\(directory.recovery.scannedBytes) "
                + "clean=\(directory.recovery.wasClean ? 1 : 0) resident=\(resident) "
                + "each=\(partitions == 0 ? 0 : resident / partitions)")
        try directory.close()
    }

    /// Opens it as it would after a kill, but writes nothing of the log again and syncs nothing.
    private static func scan(_ path: String) throws {
        let disk = Disk.real.hooked { (call) throws(DiskError) in
            switch call.operation {
            // What recovery writes again it may leave where there is no room for it.
            case .write where call.path.hasSuffix(".log") && !call.path.contains("/__"):
                throw DiskError(operation: "write", path: call.path, code: ENOSPC)
            case .sync, .syncDirectory: return .skipped
            default: return .goes
            }
        }
        var read: Int64 = 0
        let time = try seconds { read = try DataDirectory.open(path, disk: disk).recovery.scannedBytes }
        print("seconds=\(time) read=\(read)")
        // As a kill.
        exit(0)
    }

    private static func partitions(_ path: String, count: Int) throws {
        let directory = try DataDirectory.open(path)
        let batch = try RecordBatch.encode([Record(timestamp: 1, value: Array("a line".utf8))])
        var made = 0
        while made < count {
            let topic = try directory.createTopic("bench-\(made)", partitions: min(1000, count - made))
            for partition in topic.partitions { _ = try directory.append(batch, to: partition) }
            made += topic.partitions.count
        }
        let time = try seconds { try directory.close() }
        print("seconds=\(time) partitions=\(made)")
    }

    private static func lookup(_ path: String, count: Int) throws {
        let directory = try DataDirectory.open(path)
        guard let partition = directory.topic(named: "bench")?.partitions[0] else { fail("no topic bench") }
        // Chosen before: asking the system for random numbers takes as long as a part of the lookup.
        let range = partition.logStart..<partition.highWatermark
        let offsets = (0..<count).map { _ in Int64.random(in: range) }
        var bytes = 0
        func round() throws {
            for offset in offsets {
                bytes += try partition.read(from: offset, maxBytes: 1, minOneMessage: true).spans.count
            }
        }
        try round()
        let time = try seconds(round)
        print("seconds=\(time) lookups=\(count) microseconds=\(time / Double(count) * 1e6) spans=\(bytes)")
    }

    /// What the process holds in memory: the second field of /proc/self/statm, in pages.
    private static func residentBytes() -> Int {
        guard let file = fopen("/proc/self/statm", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 200)
        guard fgets(&line, 200, file) != nil else { return 0 }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let fields = text.split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE)) : 0
    }
}

do { try LogBenchmark.run(CommandLine.arguments) } catch { LogBenchmark.fail("\(error)") }
