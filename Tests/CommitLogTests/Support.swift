import CommitLog
import Foundation
import Records
import TestSupport
import Testing

/// Topics, batches and rounds in few words.
enum Make {
    static let time: Int64 = 1_700_000_000_000

    static func batch(
        _ values: [String], producer: ProducerStamp = .none, timestamp: Int64 = time, codec: Codec = .none,
        isTransactional: Bool = false
    ) throws -> EncodedBatch {
        try RecordBatch.encode(
            values.map { Record(timestamp: timestamp, value: Array($0.utf8)) }, codec: codec,
            producerId: producer.id, producerEpoch: producer.epoch, baseSequence: producer.baseSequence,
            isTransactional: isTransactional)
    }

    /// The header of a batch of `count` records that was appended at an offset.
    static func header(
        _ producer: ProducerStamp, at offset: Offset, count: Int = 1, isTransactional: Bool = false,
        timestamp: Int64 = time
    ) throws -> BatchHeader {
        let batch = try self.batch(
            Array(repeating: "", count: count), producer: producer, timestamp: timestamp,
            isTransactional: isTransactional)
        batch.stamp(baseOffset: offset, leaderEpoch: 0)
        return batch.header
    }

    /// Where the batches lie in the bytes of a log.
    static func batches(in bytes: [UInt8]) throws -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        while start < bytes.count {
            let size = try BatchHeader(parsing: bytes.rawSpan.extracting(droppingFirst: start)).size
            ranges.append(start..<start + size)
            start += size
        }
        return ranges
    }

    static func position(_ offset: Int64, inode: UInt64 = 1) -> PositionUpdate {
        var position = SourcePosition()
        position.path = "/var/log/x"
        position.device = 1
        position.inode = inode
        position.offset = offset
        return PositionUpdate(source: "tail", position: position)
    }

    /// A fresh directory of the machine's, removed by ``withDirectory(_:)``.
    /// - Parameter inMemory: on a file system in memory, where the machine has one: for very many files.
    static func withDirectory<Result>(inMemory: Bool = false, _ body: (String) throws -> Result) throws -> Result {
        let memory = "/dev/shm/"
        let hasMemory = inMemory && FileManager.default.isWritableFile(atPath: memory)
        let path = (hasMemory ? memory : NSTemporaryDirectory()) + "penstock-log-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    /// Tiny segments, and an index entry for nearly every batch.
    static let tiny = ["segment.bytes": "700", "index.interval.bytes": "100", "retention.bytes": "-1"]
}

/// How to go on when all writing has stopped, as whoever runs the process is told.
enum WayOut {
    static let words = ["the system's log", "stop this process", "`penstock run`", "/d"]
}

extension Partition {
    /// Every record that can be read, in order.
    func allRecords(maxBytes: Int = 300) throws -> [Record] {
        var records: [Record] = []
        var next = logStart
        while next < highWatermark {
            let slice = try read(from: next, maxBytes: maxBytes, minOneMessage: true)
            for span in slice.spans {
                var rest = try span.source.read(position: span.position, length: span.length)[...]
                while !rest.isEmpty {
                    let header = try BatchHeader(parsing: rest.rawSpan)
                    let batch = Array(rest.prefix(header.size))
                    records += try RecordBatch.decode(batch.rawSpan, limit: 1 << 20).1.filter { $0.offset >= next }
                    rest = rest.dropFirst(header.size)
                }
            }
            guard slice.nextOffset > next else {
                Issue.record("a read from \(next) does not go on")
                break
            }
            next = slice.nextOffset
        }
        return records
    }

    func allValues(maxBytes: Int = 300) throws -> [String] {
        try allRecords(maxBytes: maxBytes).map { String(decoding: $0.value ?? [], as: UTF8.self) }
    }
}

extension DataDirectory {
    /// A round of one batch in each of the partitions, under the pipeline's identity.
    func round(
        _ pipeline: String, _ values: [(Partition, [[String]])], positions: [PositionUpdate]
    ) throws -> Round {
        let producer = try producer(pipeline: pipeline)
        var round = Round(pipeline: pipeline, positions: positions)
        for (partition, batches) in values {
            var sequence = partition.nextSequence(producerId: producer.id, epoch: producer.epoch)
            var encoded: [EncodedBatch] = []
            for batch in batches {
                encoded.append(
                    try Make.batch(
                        batch,
                        producer: ProducerStamp(id: producer.id, epoch: producer.epoch, baseSequence: sequence)))
                sequence += Int32(batch.count)
            }
            round.parts.append((partition, encoded))
        }
        return round
    }
}
