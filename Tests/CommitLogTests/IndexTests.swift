@testable import CommitLog
import Platform
import Records
import TestSupport
import Testing

/// Offset and time indexes against a list of batches that is searched from its beginning.
@Suite struct IndexTests {
    struct Model {
        var batches: [ScannedBatch] = []
        var size: Int64 = 0

        static let base: Offset = 1000

        /// Batches of a segment with random sizes, offsets and times; some offsets are missing, as compaction leaves them.
        init(_ random: inout SeededGenerator, count: Int, steps: ClosedRange<Int64> = -3000...4000, largest: Int = 300)
            throws
        {
            var time: Int64 = Make.time
            for _ in 0..<count {
                time += Int64.random(in: steps, using: &random)
                let records = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    Record(
                        timestamp: Bool.random(using: &random) ? time : time - 500,
                        value: [UInt8](repeating: 0, count: Int.random(in: 0...largest, using: &random)))
                }
                try append(records, at: end + (Int.random(in: 0..<5, using: &random) == 0 ? 3 : 0))
            }
        }

        /// A batch of one record for each time.
        init(times: [Int64]) throws {
            for time in times { try append([Record(timestamp: time, value: [0])], at: end) }
        }

        private mutating func append(_ records: [Record], at offset: Offset) throws {
            let batch = try RecordBatch.encode(records)
            batch.stamp(baseOffset: offset, leaderEpoch: 0)
            batches.append(ScannedBatch(position: size, header: batch.header))
            size += Int64(batch.size)
        }

        /// The log, as far as it is looked at: headers are right, records are nulls.
        var bytes: [UInt8] {
            batches.flatMap { batch in
                let header = batch.header.map(Self.header) ?? []
                return header + [UInt8](repeating: 0, count: batch.size - header.count)
            }
        }

        var end: Offset { batches.last?.nextOffset ?? Self.base }

        func builder(interval: Int64, upTo count: Int? = nil) -> IndexBuilder {
            var builder = IndexBuilder(base: Self.base, interval: interval)
            for batch in batches.prefix(count ?? batches.count) { builder.take(batch) }
            return builder
        }

        /// The header of a batch, as it stands in a file.
        private static func header(_ header: BatchHeader) -> [UInt8] {
            var writer = ByteWriter(reserving: BatchHeader.size)
            writer.write(header.baseOffset)
            writer.write(header.batchLength)
            writer.write(header.partitionLeaderEpoch)
            writer.write(header.magic)
            writer.write(header.crc)
            writer.write(header.attributes.rawValue)
            writer.write(header.lastOffsetDelta)
            writer.write(header.baseTimestamp)
            writer.write(header.maxTimestamp)
            writer.write(header.producerId)
            writer.write(header.producerEpoch)
            writer.write(header.baseSequence)
            writer.write(header.recordsCount)
            return writer.bytes
        }
    }

    /// A segment over a model, with its log and, as a process that ran for a while leaves them, its indexes.
    struct Site {
        let memory = MemoryDisk()
        let model: Model
        let interval: Int64
        let segment: Segment
        let files: FileCache
        static let stem = Segment.stem("/s", Model.base)

        /// - Parameter isClosed: else some of the entries are in the files and some are not.
        init(
            _ random: inout SeededGenerator, isClosed: Bool, mappedBytes: Int = 1 << 20,
            steps: ClosedRange<Int64> = -3000...4000, largest: Int = 300
        ) throws {
            try self.init(
                Model(&random, count: 60, steps: steps, largest: largest), &random, isClosed: isClosed,
                mappedBytes: mappedBytes)
        }

        init(
            _ model: Model, _ random: inout SeededGenerator, isClosed: Bool, mappedBytes: Int = 1 << 20
        ) throws {
            self.model = model
            let count = model.batches.count
            interval = [0, 1, 200, 1000, 100_000].randomElement(using: &random) ?? 0
            try memory.disk.makeDirectory("/s")
            try memory.disk.open(Self.stem + ".log", .create).write(model.bytes, at: 0)
            files = FileCache(disk: memory.disk, openFiles: 4, mappedBytes: mappedBytes)
            let written = isClosed ? count : Int.random(in: 0...count, using: &random)
            var builder = model.builder(interval: interval, upTo: written)
            if isClosed { builder.finish() }
            _ = try Segment.writeIndexes(builder, stem: Self.stem, disk: memory.disk)
            if isClosed {
                segment = Segment(
                    closed: Model.base, in: "/s", size: model.size, nextOffset: model.end, indexInterval: interval,
                    files: files)
            } else {
                builder.markWritten(IndexBuilder.Counts(offsets: builder.offsets.count, times: builder.times.count))
                for batch in model.batches[written...] { builder.take(batch) }
                segment = Segment(growing: builder, in: "/s", size: model.size, nextOffset: model.end, files: files)
            }
        }

        /// Compares what the segment finds with what a walk from the beginning finds.
        func check(_ random: inout SeededGenerator, _ comment: Comment) throws {
            let (batches, size) = (model.batches, model.size)
            for offset in Model.base..<model.end + 3 {
                let found = try segment.batch(reaching: offset, limit: size)
                #expect(found == batches.first { $0.lastOffset >= offset }, comment)
            }
            for time in stride(from: Make.time - 4000, through: Make.time + 120_000, by: 397) {
                let found = try segment.batch(atOrAfter: time, from: 0, limit: size)
                #expect(found == batches.first { $0.maxTimestamp >= time }, comment)
                let first = Offset.random(in: Model.base...model.end, using: &random)
                let next = try segment.batch(atOrAfter: time, from: first, limit: size)
                #expect(next == batches.first { $0.maxTimestamp >= time && $0.lastOffset >= first }, comment)
            }
            let largest = batches.map(\.maxTimestamp).max() ?? -1
            let first = batches.first { $0.maxTimestamp == largest }
            #expect(try segment.largest().timestamp == largest, comment)
            #expect(try Int64(segment.largest().relativeOffset) == (first?.lastOffset ?? 0) - Model.base, comment)
            for visible in [0, 1, 7, 31, 59] {
                let limit = batches[visible].position
                let seen = batches[..<visible]
                #expect(
                    try segment.largestTimestamp(below: batches[visible].baseOffset, limit: limit)
                        == seen.map(\.maxTimestamp).max() ?? -1, comment)
                for time in stride(from: Make.time - 4000, through: Make.time + 120_000, by: 1997) {
                    #expect(
                        try segment.batch(atOrAfter: time, from: 0, limit: limit)
                            == seen.first { $0.maxTimestamp >= time },
                        comment)
                }
            }
            for _ in 0..<60 {
                let place = Int.random(in: 0..<batches.count, using: &random)
                let target = Int64.random(in: batches[place].position...size, using: &random)
                let extent = try segment.extent(from: batches[place], upTo: target, limit: size)
                let last = batches.lastIndex { $0.position + Int64($0.size) <= target } ?? -1
                #expect(
                    extent.end == batches[max(last, place)].position + Int64(batches[max(last, place)].size), comment)
                #expect(extent.nextOffset > batches[max(last, place)].lastOffset, comment)
                #expect(
                    extent.nextOffset
                        <= (max(last, place) + 1 < 60 ? batches[max(last, place) + 1].baseOffset : model.end), comment)
            }
        }
    }

    @Test(
        "a segment finds by offset, by time and by size what a walk from its beginning finds",
        arguments: Seeds.some(16),
        [300, 20_000])
    func lookups(seed: UInt64, largest: Int) throws {
        var random = SeededGenerator(seed: seed)
        for isClosed in [true, false] {
            // With too little room for mappings nothing is kept, and all is found the same.
            for room in [1 << 20, 0] {
                let site = try Site(&random, isClosed: isClosed, mappedBytes: room, largest: largest)
                let before = Segment.IndexKind.allCases.map { site.memory.bytes(of: Site.stem + $0.suffix) }
                try site.check(&random, "closed \(isClosed), room \(room)")
                #expect(Segment.IndexKind.allCases.map { site.memory.bytes(of: Site.stem + $0.suffix) } == before)
                #expect(site.files.kept.mappedBytes <= room)
            }
        }
    }

    @Test(
        "an index that was lost, torn, mixed up or made for another log is found out, and made again as it was",
        arguments: Seeds.some(40), [300, 20_000])
    func wrongIndexes(seed: UInt64, largest: Int) throws {
        var random = SeededGenerator(seed: seed)
        for isClosed in [true, false] {
            let site = try Site(&random, isClosed: isClosed, largest: largest)
            let kind: Segment.IndexKind = Bool.random(using: &random) ? .offsets : .times
            let path = Site.stem + kind.suffix
            let right = try #require(site.memory.bytes(of: path))
            guard !right.isEmpty else { continue }
            let (wrong, how) = Self.spoil(right, kind.entrySize, &random)
            if let wrong { site.memory.setBytes(of: path, to: wrong) } else { try site.memory.disk.removeFile(path) }
            try site.check(&random, "closed \(isClosed), \(kind) \(how)")
            // Not every wrong byte is met, and what a segment that grows has made anew is written at the next chance.
            if !isClosed { _ = try site.segment.writeIndexes(isLast: false) }
            if wrong == nil || site.segment.state.withLock({ $0.repairs > 0 }) {
                #expect(site.memory.bytes(of: path)?.starts(with: right) ?? false, "closed \(isClosed), \(kind) \(how)")
            }
        }
    }

    @Test(
        "a segment whose last time entry is missing is not taken for older than its newest record",
        arguments: Seeds.some(10))
    func lastEntry(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let site = try Site(&random, isClosed: true, steps: 600...900)
        let path = Site.stem + Segment.timeIndexSuffix
        let right = try #require(site.memory.bytes(of: path))
        site.memory.setBytes(of: path, to: right.dropLast(TimeIndex.entrySize))
        #expect(try site.segment.largest().timestamp == site.model.batches.map(\.maxTimestamp).max())
        #expect(site.memory.bytes(of: path) == right)
    }

    /// What may become of an index file.
    private static func spoil(
        _ right: [UInt8], _ entrySize: Int, _ random: inout SeededGenerator
    ) -> (bytes: [UInt8]?, how: String) {
        var bytes = right
        let count = right.count / entrySize
        let entry = Int.random(in: 0..<count, using: &random) * entrySize
        switch Int.random(in: 0..<7, using: &random) {
        case 0: return (nil, "gone")
        case 1: return (Array(right.dropLast(Int.random(in: 1..<entrySize, using: &random))), "cut within an entry")
        case 2:
            // A time entry that is missing without a trace is found where it matters most: see the next test.
            guard entrySize == OffsetIndex.entrySize else { return (nil, "gone") }
            return (Array(right.dropLast(entrySize)), "without its last entry")
        case 3:
            for place in entry..<right.count { bytes[place] = 0 }
            return (bytes, "nulls from \(entry)")
        case 4:
            bytes[entry + Int.random(in: 0..<entrySize, using: &random)] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            return (bytes, "one bit of \(entry)")
        case 5:
            bytes.replaceSubrange(entry..<entry + entrySize, with: random.bytes(entrySize))
            return (bytes, "another entry at \(entry)")
        default: return (random.bytes(right.count), "other bytes")
        }
    }

    @Test(
        "indexes that were written in pieces, and resumed after any of them, are those written at once",
        arguments: Seeds.some(20))
    func resumed(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let disk = MemoryDisk().disk
        let model = try Model(&random, count: 40)
        try disk.open("/s.log", .create).write(model.bytes, at: 0)
        let interval = Int64.random(in: 0...1500, using: &random)
        let whole = model.builder(interval: interval)
        var builder = IndexBuilder(base: Model.base, interval: interval)
        var next = 0
        while next < model.batches.count {
            let count = Int.random(in: 1...8, using: &random)
            for batch in model.batches[next..<min(next + count, model.batches.count)] { builder.take(batch) }
            next = min(next + count, model.batches.count)
            _ = try Segment.writeIndexes(builder, stem: "/s", disk: disk)
            builder.markWritten(IndexBuilder.Counts(offsets: builder.offsets.count, times: builder.times.count))
            // A crash, and only what lies below a batch border was known to be durable.
            guard Bool.random(using: &random) else { continue }
            next = Int.random(in: 0...next, using: &random)
            let known = next == 0 ? Model.base : model.batches[next - 1].nextOffset
            let found = try #require(
                try IndexBuilder.resume(
                    stem: "/s", base: Model.base, below: known, size: model.size, interval: interval, disk: disk))
            builder = found.builder
            for batch in model.batches[..<next] where batch.position >= found.position { builder.take(batch) }
            #expect(builder.offsets.isEmpty && builder.times.isEmpty)
        }
        #expect(try disk.readFile("/s.index", limit: 1 << 20) == OffsetIndex.encode(whole.offsets))
        #expect(try disk.readFile("/s.timeindex", limit: 1 << 20) == TimeIndex.encode(whole.times))
        #expect(builder.largest == whole.largest)
    }

    @Test("indexes made anew tell the largest time, whatever those before said and whatever came meanwhile")
    func largestAnew() {
        for (last, largest) in [
            (5, TimeIndex.Entry(timestamp: 7, relativeOffset: 5)), (120, .init(timestamp: 120, relativeOffset: 8)),
        ] {
            var builder = IndexBuilder(
                base: 0, interval: 100, written: IndexBuilder.Counts(offsets: 0, times: 1),
                lastTime: TimeIndex.Entry(timestamp: 99, relativeOffset: 3))
            builder.take(position: 10, size: 10, lastOffset: 8, maxTimestamp: Int64(last))
            var remade = IndexBuilder(base: 0, interval: 100)
            remade.take(position: 0, size: 10, lastOffset: 5, maxTimestamp: 7)
            builder.replaceWritten(by: remade, upTo: 10, next: 6)
            #expect(builder.largest == largest)
        }
    }
}
