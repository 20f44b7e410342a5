import CommitLog
import Records

/// What a fuzzer's bytes do: they stand in the place of a file of a small data directory, or change that file, and the
/// directory is opened and read. So every parser of bytes from disk is met where it is used.
///
/// ```
/// u8   which file, by its place among all; beyond the last: the bytes are decoded as a record batch
/// u8   even: the rest is the file; odd: the rest is a list of { u16 place, u8 value }, where value 0 cuts the file there
/// ```
package enum FuzzEntry {
    /// One data directory that was stopped cleanly, so that everything that only a clean stop trusts is read.
    private static let template: MemoryDisk? = try? make()

    /// The files that can be replaced, by their numbers in an input.
    package static let files: [String] = (template?.files ?? []).filter { !$0.hasSuffix("/.lock") }

    private static var options: LogOptions {
        var options = LogOptions()
        options.topicDefaults.segmentBytes = 500
        options.topicDefaults.indexIntervalBytes = 100
        options.reserveBytes = 0
        return options
    }

    private static func make() throws -> MemoryDisk {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/data", options: options, disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 2)
        let producer = try directory.producer(pipeline: "p")
        for number in 0..<8 {
            let records = [Record(timestamp: Int64(number), key: [1], value: Array("value \(number)".utf8))]
            _ = try directory.append(
                try RecordBatch.encode(records, producerId: 7, producerEpoch: 0, baseSequence: Int32(number)),
                to: topic.partitions[0])
            var position = SourcePosition()
            position.path = "/var/log/x"
            position.offset = Int64(number)
            var round = Round(
                pipeline: "p", positions: [PositionUpdate(source: "tail", position: position)])
            round.parts = [
                (
                    topic.partitions[1],
                    [
                        try RecordBatch.encode(
                            records, producerId: producer.id, producerEpoch: producer.epoch,
                            baseSequence: Int32(number))
                    ]
                )
            ]
            _ = try directory.append(round)
        }
        try directory.close()
        memory.kill()
        return memory
    }

    /// Must return, whatever the bytes are.
    package static func run(_ input: [UInt8]) {
        guard let template, input.count >= 2 else { return }
        let rest = Array(input.dropFirst(2))
        let file = Int(input[0])
        guard file < files.count else {
            _ = try? RecordBatch.decode(rest.rawSpan, limit: 1 << 20)
            return
        }
        let memory = MemoryDisk(copying: template)
        let old = memory.bytes(of: files[file]) ?? []
        memory.setBytes(of: files[file], to: input[1] % 2 == 0 ? rest : edited(old, rest))
        guard let directory = try? DataDirectory.open("/data", options: options, disk: memory.disk) else { return }
        for topic in directory.topics() {
            for partition in topic.partitions { read(partition) }
        }
        _ = directory.positions(pipeline: "p")
        try? directory.close()
    }

    private static func edited(_ bytes: [UInt8], _ edits: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var place = 0
        while place + 3 <= edits.count && !bytes.isEmpty {
            let at = (Int(edits[place]) << 8 | Int(edits[place + 1])) % bytes.count
            if edits[place + 2] == 0 { bytes.removeLast(bytes.count - at) } else { bytes[at] ^= edits[place + 2] }
            place += 3
        }
        return bytes
    }

    private static func read(_ partition: Partition) {
        var next = partition.logStart
        // Each read goes on, so a partition of this size ends within so many.
        for _ in 0..<1000 where next < partition.highWatermark {
            guard let slice = try? partition.read(from: next, maxBytes: 300, minOneMessage: true),
                slice.nextOffset > next
            else { return }
            for span in slice.spans {
                guard let bytes = try? span.source.read(position: span.position, length: span.length) else { return }
                _ = try? RecordBatch.decode(bytes.rawSpan, limit: 1 << 20)
            }
            next = slice.nextOffset
        }
    }
}
