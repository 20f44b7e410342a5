@testable import CommitLog
import Platform
import Records
import TestSupport
import Testing

/// Readers on a log whose segments roll, are deleted and are replaced beneath them, with hardly any room to keep files open.
@Suite struct ReaderThreadTests {
    struct Trace {
        var problems: [String] = []
        var replaced = 0
        var trimmed = 0
        var read = 0
    }

    @Test(
        "readers find every record at its offset and time while segments roll, are deleted and are replaced",
        arguments: Seeds.some(3))
    func readers(seed: UInt64) throws {
        try Make.withDirectory(inMemory: true) { path in
            var options = LogOptions()
            options.openFiles = 4
            options.mappedBytes = 100
            let directory = try DataDirectory.open(path, options: options)
            let topic = try directory.createTopic("t", partitions: 1, configuration: Make.tiny)
            let partition = topic.partitions[0]
            let trace = Lock(Trace())
            var end: Offset = 0
            func append(_ count: Int) throws {
                for _ in 0..<count {
                    _ = try directory.append(Make.batch(["v\(end)"], timestamp: Make.time + end), to: partition)
                    end += 1
                }
            }
            try append(200)
            var threads = (0..<2).map { number in
                Thread(name: "reader \(number)") {
                    var random = SeededGenerator(seed: seed &* 7 &+ UInt64(number))
                    Self.repeatedly(200, trace) { try Self.read(partition, &random, trace) }
                }
            }
            // Deleting and replacing take turns, as the log's own do; nobody else waits for either.
            threads.append(
                Thread(name: "replacer") {
                    var random = SeededGenerator(seed: seed)
                    Self.repeatedly(100, trace) {
                        if Int.random(in: 0..<4, using: &random) == 0 {
                            try Self.trim(directory, partition, trace)
                        } else {
                            try Self.replace(directory, partition, &random, trace)
                        }
                    }
                })
            try append(500)
            for thread in threads { thread.join() }
            let counts = trace.withLock { ($0.replaced, $0.trimmed, $0.read) }
            #expect(counts.0 > 0 && counts.1 > 0 && counts.2 > 0, "\(counts)")
            #expect(trace.withLock { $0.problems } == [])
            #expect(try partition.allRecords().map(\.offset) == Array(partition.logStart..<end))
            #expect(directory.keptOpen.files <= 2)
            try directory.close()
            let reopened = try DataDirectory.open(path, options: options)
            #expect(reopened.recovery.wasClean)
            let again = try #require(reopened.topic(named: "t")).partitions[0]
            #expect(try again.allValues() == (again.logStart..<end).map { "v\($0)" })
        }
    }

    private static func repeatedly(_ count: Int, _ trace: Lock<Trace>, _ body: () throws -> Void) {
        for _ in 0..<count {
            do { try body() } catch {
                trace.withLock { $0.problems.append("\(error)") }
                return
            }
        }
    }

    private static func read(_ partition: Partition, _ random: inout SeededGenerator, _ trace: Lock<Trace>) throws {
        let start = partition.logStart
        let end = partition.highWatermark
        guard start < end else { return }
        let offset = Offset.random(in: start..<end, using: &random)
        do {
            let slice = try partition.read(
                from: offset, maxBytes: Int.random(in: 1...2000, using: &random), minOneMessage: true)
            var problems: [String] = []
            var next = offset
            for span in slice.spans {
                var rest = try span.source.read(position: span.position, length: span.length)[...]
                while !rest.isEmpty {
                    let header = try BatchHeader(parsing: rest.rawSpan)
                    let records = try RecordBatch.decode(Array(rest.prefix(header.size)).rawSpan, limit: 1 << 20).1
                    let value = records.first?.value.map { String(decoding: $0, as: UTF8.self) }
                    if header.baseOffset != next || value != "v\(next)" {
                        problems.append("\(value ?? "-") at \(header.baseOffset), not \(next)")
                    }
                    next = header.nextOffset
                    rest = rest.dropFirst(header.size)
                }
            }
            if next != slice.nextOffset || next == offset { problems.append("\(offset) to \(slice.nextOffset)") }
            let found = try partition.offset(atOrAfter: Make.time + offset)
            let isDeleted = offset < partition.logStart
            if found?.offset != offset && !isDeleted {
                problems.append("the time of \(offset) was found at \(found?.offset ?? -1)")
            }
            let result = problems
            trace.withLock { state in
                state.read += 1
                state.problems += result
            }
        } catch let error as StorageError {
            // Deleted since.
            guard case .outOfRange = error.cause, offset < partition.logStart else { throw error }
        }
    }

    /// Deletes the oldest segments, when there are many.
    private static func trim(_ directory: DataDirectory, _ partition: Partition, _ trace: Lock<Trace>) throws {
        try directory.sync()
        guard partition.view.withLock({ $0.segments.count }) > 10 else { return }
        var surplus = partition.view.withLock { $0.segments.count } - 8
        let old = try partition.writer.withLock { (writer) throws(DiskError) in
            try writer.trim { _, _, _ in
                defer { surplus -= 1 }
                return surplus > 0
            }
        }
        for segment in old {
            for suffix in Segment.suffixes { try directory.disk.removeIfThere(segment.stem + suffix) }
        }
        trace.withLock { $0.trimmed += old.count }
    }

    /// Makes one segment of two or three neighbours, as compaction does.
    private static func replace(
        _ directory: DataDirectory, _ partition: Partition, _ random: inout SeededGenerator, _ trace: Lock<Trace>
    ) throws {
        let disk = directory.disk
        let closed = partition.view.withLock { $0.segments }.dropLast()
        guard closed.count > 3 else { return }
        let first = Int.random(in: 0..<closed.count - 3, using: &random)
        let old = Array(closed[first..<first + Int.random(in: 1...3, using: &random)])
        guard old.reduce(0, { $0 + $1.size }) < 10_000 else { return }
        var bytes: [UInt8] = []
        for segment in old { bytes += try segment.file().readBytes(at: 0, count: Int(segment.size)) }
        let base = old[0].base
        let stem = Segment.stem(partition.directory, base)
        try disk.open(stem + ".log.swap", .create).write(bytes, at: 0)
        var builder = IndexBuilder(base: base, interval: 100)
        var scanner = BatchScanner(try disk.open(stem + ".log.swap", .read), to: Int64(bytes.count), checksCRC: true)
        while case .batch(let batch) = try scanner.next() { builder.take(batch) }
        builder.finish()
        try disk.open(stem + ".index.swap", .create).write(OffsetIndex.encode(builder.offsets), at: 0)
        try disk.open(stem + ".timeindex.swap", .create).write(TimeIndex.encode(builder.times), at: 0)
        let new = Segment(
            closed: base, in: partition.directory, size: Int64(bytes.count), nextOffset: old[old.count - 1].nextOffset,
            indexInterval: 100, files: directory.files, suffix: ".swap")
        try new.hold()
        guard partition.writer.withLock({ $0.replace(old, with: [new]) }) else {
            trace.withLock { $0.problems.append("not replaced") }
            return
        }
        for segment in old {
            for suffix in [".log", ".index", ".timeindex"] { try disk.removeIfThere(segment.stem + suffix) }
        }
        for suffix in [".log", ".index", ".timeindex"] { try disk.rename(stem + suffix + ".swap", stem + suffix) }
        new.settle()
        trace.withLock { $0.replaced += 1 }
    }
}
