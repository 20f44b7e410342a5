import CommitLog
import Records
import TestSupport
import Testing

/// Bytes that rot where no opening looks: who reads them is told, and who reads on behind them is not kept from it.
@Suite struct RotTests {
    /// Records by offset, as a reader that checks each batch sees them.
    private struct Sight: Equatable {
        var offset: Offset
        var value: String
    }

    private static let batches = 24

    /// A partition without holes, of several segments and batches of one to three records, after a clean stop.
    private func stopped() throws -> (memory: MemoryDisk, written: [Sight]) {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 1, configuration: Make.tiny)
        var written: [Sight] = []
        for number in 0..<Self.batches {
            let values = (0...number % 3).map { "v\(number).\($0)" }
            for value in values { written.append(Sight(offset: Offset(written.count), value: value)) }
            _ = try directory.append(Make.batch(values), to: topic.partitions[0])
        }
        try directory.close()
        memory.kill()
        return (memory, written)
    }

    /// Reads once from an offset.
    /// - Returns: what was lent, of which every batch was checked; an error's text if something was refused.
    private func read(_ partition: Partition, _ offset: Offset, _ maxBytes: Int) -> (seen: [Sight], error: String?) {
        var seen: [Sight] = []
        do {
            let slice = try partition.read(from: offset, maxBytes: maxBytes, minOneMessage: true)
            for span in slice.spans {
                var rest = try span.source.read(position: span.position, length: span.length)[...]
                while !rest.isEmpty {
                    let header = try BatchHeader(parsing: rest.rawSpan)
                    let batch = Array(rest.prefix(header.size))
                    for record in try RecordBatch.decode(batch.rawSpan, limit: 1 << 20).1 where record.offset >= offset
                    {
                        seen.append(
                            Sight(offset: record.offset, value: String(decoding: record.value ?? [], as: UTF8.self)))
                    }
                    rest = rest.dropFirst(header.size)
                }
            }
            guard slice.nextOffset > offset else { return (seen, "it does not go on behind \(offset)") }
            return (seen, nil)
        } catch { return (seen, "\(error)") }
    }

    /// - Returns: what is wrong with what readers get: another record, or none where there is one.
    private func problems(_ memory: MemoryDisk, _ written: [Sight]) throws -> (wrong: [String], told: [String]) {
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        // The last headers are looked at by an opening: what it could not read it has said.
        let gone = directory.recovery.damage.map(\.offsets)
        let left = written.filter { one in !gone.contains { $0.contains(one.offset) } }
        var wrong: [String] = []
        var told: [String] = []
        for offset in partition.logStart..<partition.logEnd {
            for maxBytes in [1, 1 << 20] {
                let (seen, error) = read(partition, offset, maxBytes)
                let expected = left.filter { $0.offset >= offset }
                if seen != Array(expected.prefix(seen.count)) {
                    wrong.append("from \(offset) with \(maxBytes): \(seen.map(\.offset))")
                }
                if let error {
                    told.append(error)
                } else if seen.isEmpty && !gone.contains(where: { $0.contains(offset) }) {
                    wrong.append("nothing at \(offset)")
                }
            }
        }
        return (wrong, told)
    }

    private func logs(_ memory: MemoryDisk) -> [String] {
        memory.files.filter { $0.hasPrefix("/d/t-0/") && $0.hasSuffix(".log") }.sorted()
    }

    @Test(
        "a base offset that changed is found by readers, whichever batch it is of, and by log verify", arguments: 0..<8)
    func baseOffsets(byte: Int) throws {
        let (memory, written) = try stopped()
        var count = 0
        for path in logs(memory) {
            let bytes = try #require(memory.bytes(of: path))
            for start in try Make.batches(in: bytes).map(\.lowerBound) {
                for mask in byte == 7 ? [1, 2, 3, 4, 8, 64, 255] as [UInt8] : [1, 128] {
                    let copy = MemoryDisk(copying: memory)
                    var changed = bytes
                    changed[start + byte] ^= mask
                    copy.setBytes(of: path, to: changed)
                    #expect(try !Inspection.findings("/d", copy.disk).isEmpty, "byte \(start + byte) of \(path)")
                    let (wrong, _) = try problems(copy, written)
                    #expect(wrong.isEmpty, "byte \(start + byte) of \(path), \(mask): \(wrong.prefix(3))")
                    count += 1
                }
            }
        }
        #expect(count >= Self.batches * 2)
    }

    @Test("whatever rots below the recovery point, readers are told where and what to do, or get what was written")
    func garbage() throws {
        let (memory, written) = try stopped()
        let path = logs(memory)[1]
        let bytes = try #require(memory.bytes(of: path))
        let starts = try Make.batches(in: bytes).map(\.lowerBound)
        let kinds: [(String, (inout [UInt8]) -> Void)] = [
            ("a value", { $0[starts[2] - 2] ^= 1 }),
            ("a header of nulls", { for place in starts[1]..<starts[1] + 61 { $0[place] = 0 } }),
            ("all of it", { for place in $0.indices { $0[place] = 0xff } }),
            ("nulls", { for place in $0.indices { $0[place] = 0 } }),
            ("a length", { $0[starts[1] + 9] ^= 1 }),
            ("a magic", { $0[starts[1] + 16] = 1 }),
        ]
        for (name, change) in kinds {
            let copy = MemoryDisk(copying: memory)
            var changed = bytes
            change(&changed)
            copy.setBytes(of: path, to: changed)
            let (wrong, told) = try problems(copy, written)
            #expect(wrong.isEmpty, "\(name): \(wrong.prefix(3))")
            #expect(!told.isEmpty, "\(name)")
            for text in told {
                let isPlain = text.contains(path) && text.contains("penstock log repair")
                #expect(isPlain || text.contains("checksum mismatch"), "\(name): \(text)")
            }
            try repaired(copy, written, name)
        }
    }

    /// The tool takes it out, and everything else is there.
    private func repaired(_ memory: MemoryDisk, _ written: [Sight], _ name: String) throws {
        memory.kill()
        let repair = LogRepair(try InspectedPlace.at("/d", disk: memory.disk), disk: memory.disk) { _ in }
        #expect(try repair.run() > 0, "\(name)")
        #expect(try Inspection.findings("/d", memory.disk).isEmpty, "\(name)")
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        let left = try partition.allRecords().map {
            Sight(offset: $0.offset, value: String(decoding: $0.value ?? [], as: UTF8.self))
        }
        #expect(left.allSatisfy(written.contains), "\(name)")
        #expect(left.count < written.count && left.count > written.count / 2 && left.last == written.last, "\(name)")
    }
}
