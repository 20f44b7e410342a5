@testable import CommitLog
import Records
import TestSupport
import Testing

/// Walks over batches and old messages.
@Suite struct BatchScannerTests {
    /// Entries of all formats, of many sizes, each with the bytes it takes.
    private func entries(seed: UInt64) throws -> [[UInt8]] {
        var random = SeededGenerator(seed: seed)
        var next: Offset = 0
        return try (0..<Int.random(in: 1...40, using: &random)).map { _ in
            let largest = Int.random(in: 0..<8, using: &random) == 0 ? 700_000 : 3000
            let letter = UInt8.random(in: UInt8(ascii: "a")...UInt8(ascii: "c"), using: &random)
            let value = [UInt8](repeating: letter, count: Int.random(in: 0...largest, using: &random))
            let magic = Int8.random(in: 0...2, using: &random)
            defer { next += 1 }
            guard magic == 2 else { return OldMessages.message(magic: magic, offset: next, key: nil, value: value) }
            let batch = try RecordBatch.encode([Record(timestamp: 0, value: value)])
            batch.stamp(baseOffset: next, leaderEpoch: 0)
            return batch.withUnsafeBytes { Array($0) }
        }
    }

    private func file(_ bytes: [UInt8]) throws -> any DiskFile {
        let file = try MemoryDisk().disk.open("/log", .create)
        try file.write(bytes, at: 0)
        return file
    }

    /// What a walk finds: where each entry lies, and how the walk ended.
    private func walk(
        _ bytes: [UInt8], checksCRC: Bool
    ) throws -> (found: [Range<Int>], offsets: [Offset], end: BatchScanner.Step) {
        var scanner = BatchScanner(try file(bytes), to: Int64(bytes.count), checksCRC: checksCRC)
        var found: [Range<Int>] = []
        var offsets: [Offset] = []
        while true {
            let step = try scanner.next()
            guard case .batch(let batch) = step else { return (found, offsets, step) }
            found.append(Int(batch.position)..<Int(batch.position) + batch.size)
            offsets.append(batch.lastOffset)
        }
    }

    @Test("every entry of every format is found where it lies", arguments: Seeds.some(20), [false, true])
    func finds(seed: UInt64, checksCRC: Bool) throws {
        let entries = try entries(seed: seed)
        let (found, offsets, end) = try walk(entries.flatMap { $0 }, checksCRC: checksCRC)
        #expect(found.map(\.count) == entries.map(\.count))
        #expect(offsets == Array(0..<Int64(entries.count)))
        #expect(end == .end)
    }

    @Test("a flipped bit of an old message ends the walk before it", arguments: [Int8(0), 1])
    func flippedBits(magic: Int8) throws {
        let first = OldMessages.message(magic: magic, offset: 0, timestamp: 5, key: [1], value: [2, 3])
        let second = OldMessages.message(magic: magic, offset: 1, timestamp: 5, key: [1], value: [2, 3])
        for position in first.count + 8..<first.count + second.count {
            var bytes = first + second
            bytes[position] ^= 1
            let (found, _, end) = try walk(bytes, checksCRC: true)
            #expect(found.count == 1, "byte \(position)")
            guard case .bad = end else {
                Issue.record("byte \(position): \(end)")
                continue
            }
        }
    }

    @Test("a file that is cut during a walk ends it after whole entries", arguments: Seeds.some(30), [true, false])
    func cutMeanwhile(seed: UInt64, checksCRC: Bool) throws {
        var random = SeededGenerator(seed: seed)
        // Together more than is read ahead, with and without checksums.
        let entries = try (0..<20).map { number in
            let value = [UInt8](repeating: 7, count: number % 4 == 0 ? 90_000 : 30)
            let batch = try RecordBatch.encode([Record(timestamp: 0, value: value)])
            return batch.withUnsafeBytes { Array($0) }
        }
        let bytes = entries.flatMap { $0 }
        let file = try file(bytes)
        let steps = Int.random(in: 1..<entries.count, using: &random)
        let told = entries[..<steps].reduce(0) { $0 + $1.count }
        let cut = Int.random(in: told..<min(bytes.count, told + 300_000), using: &random)
        var scanner = BatchScanner(file, to: Int64(bytes.count), checksCRC: checksCRC)
        var found: [Int] = []
        func walk() throws {
            while found.count <= entries.count, case .batch(let batch) = try scanner.next() {
                found.append(batch.size)
                if found.count == steps { try file.truncate(to: Int64(cut)) }
            }
        }
        // What was read ahead may be told. Twice: what was read of the shorter file is still there.
        for _ in 0..<2 { _ = try? walk() }
        #expect(found == entries.prefix(found.count).map(\.count))
    }

    @Test("an old message has its own time", arguments: [(Int8(0), Int64(-1)), (1, 77)])
    func time(magic: Int8, time: Int64) throws {
        let bytes = OldMessages.message(magic: magic, offset: 3, timestamp: 77, key: nil, value: nil)
        var scanner = BatchScanner(try file(bytes), to: Int64(bytes.count), checksCRC: true)
        guard case .batch(let batch) = try scanner.next() else {
            Issue.record("no message was found")
            return
        }
        #expect(batch.maxTimestamp == time)
        #expect((batch.baseOffset, batch.lastOffset) == (3, 3))
    }
}
