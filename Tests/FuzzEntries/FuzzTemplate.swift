import CommitLog
import Records
import TestSupport

/// The data directory that ``FuzzSite`` changes: rounds, clients, transactions of which some were aborted, old message
/// sets, a log start, and several segments.
enum FuzzTemplate {
    static var options: LogOptions {
        var options = LogOptions()
        options.topicDefaults.segmentBytes = 500
        options.topicDefaults.indexIntervalBytes = 100
        options.reserveBytes = 0
        options.openingThreads = 1
        return options
    }

    private static func records(_ number: Int) -> [Record] {
        [Record(timestamp: Int64(number), key: [1], value: Array("value \(number)".utf8))]
    }

    static func make() throws -> MemoryDisk {
        let memory = MemoryDisk()
        try makeOld(memory)
        let directory = try DataDirectory.open(FuzzSite.root, options: options, disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 2)
        for number in 0..<6 {
            try appendTransaction(number, to: topic.partitions[0], directory)
            try appendRound(number, to: topic.partitions[1], directory)
        }
        _ = try directory.deleteRecords([(topic.partitions[1], 1)])
        try directory.close()
        memory.kill()
        pin(memory)
        return memory
    }

    /// Gives what is random the same value in every process, so that an input always means the same.
    private static func pin(_ memory: MemoryDisk) {
        memory.setBytes(
            of: "\(FuzzSite.root)/meta.properties",
            to: Array("version=1\ncluster.id=c\nnode.id=1\ndirectory.id=d\npenstock.format=1\n".utf8))
        let metadata = memory.files.filter { $0.hasSuffix("/partition.metadata") }
        for (number, path) in metadata.enumerated() {
            let text = String(decoding: memory.bytes(of: path) ?? [], as: UTF8.self)
            // The other partitions of its topic have it already.
            guard let id = TopicID(text: String(text.suffix(22))), id.high >> 32 != 0 else { continue }
            let fixed = TopicID(high: UInt64(number + 1), low: 1 << 63)
            for file in memory.files { replace(id, by: fixed, in: file, memory) }
        }
    }

    private static func replace(_ id: TopicID, by fixed: TopicID, in path: String, _ memory: MemoryDisk) {
        var bytes = memory.bytes(of: path) ?? []
        let old = [Array(id.description.utf8), id.bytes]
        let new = [Array(fixed.description.utf8), fixed.bytes]
        for (old, new) in zip(old, new) {
            for place in bytes.indices where bytes[place...].starts(with: old) {
                bytes.replaceSubrange(place..<place + old.count, with: new)
            }
        }
        guard bytes != memory.bytes(of: path) else { return }
        if path.hasSuffix(".log") { for range in entries(of: bytes) { sign(&bytes, range) } }
        memory.setBytes(of: path, to: bytes)
    }

    /// A partition that an old broker left, to be adopted.
    private static func makeOld(_ memory: MemoryDisk) throws {
        let records = (Int64(0)..<4).map { Record(offset: $0, timestamp: -1, value: [UInt8($0)]) }
        try memory.disk.makeDirectory(FuzzSite.root)
        try memory.disk.makeDirectory("\(FuzzSite.root)/old-0")
        let set =
            OldMessages.message(magic: 0, records[0]) + OldMessages.message(magic: 1, records[1])
            + (try OldMessages.wrapper(magic: 1, Array(records[2...]), codec: .gzip))
        try memory.disk.open("\(FuzzSite.root)/old-0/00000000000000000000.log", .create).write(set, at: 0)
    }

    private static func appendTransaction(_ number: Int, to partition: Partition, _ directory: DataDirectory) throws {
        let batch = try RecordBatch.encode(
            records(number), producerId: 7, producerEpoch: 0, baseSequence: Int32(number), isTransactional: true)
        _ = try directory.append(batch, to: partition)
        _ = try directory.append(
            TransactionMarker(number % 2 == 0 ? .abort : .commit, coordinatorEpoch: 0), producer: 7, epoch: 0,
            timestamp: Int64(number), to: partition)
    }

    private static func appendRound(_ number: Int, to partition: Partition, _ directory: DataDirectory) throws {
        let producer = try directory.producer(pipeline: "p")
        var position = SourcePosition()
        position.path = "/var/log/x"
        position.offset = Int64(number)
        var round = Round(pipeline: "p", positions: [PositionUpdate(source: "tail", position: position)])
        round.parts = [
            (
                partition,
                [
                    try RecordBatch.encode(
                        records(number), producerId: producer.id, producerEpoch: producer.epoch,
                        baseSequence: Int32(number))
                ]
            )
        ]
        _ = try directory.append(round)
    }

    // MARK: - Taking logs apart

    /// Where the whole entries of a log lie, as far as their lengths say.
    static func entries(of log: [UInt8]) -> [Range<Int>] {
        var entries: [Range<Int>] = []
        var start = 0
        while log.count - start > 16 {
            let length = log[start + 8..<start + 12].reduce(0) { $0 << 8 | Int($1) }
            let end = start + 12 + length
            guard end <= log.count, end > start + 16 else { break }
            entries.append(start..<end)
            start = end
        }
        return entries
    }

    /// Gives the entry that lies there the checksum of what it holds.
    static func sign(_ bytes: inout [UInt8], _ range: Range<Int>) {
        let isBatch = bytes[range.lowerBound + 16] >= 2
        let start = range.lowerBound + (isBatch ? 21 : 16)
        guard start < range.upperBound else { return }
        let covered = Array(bytes[start..<range.upperBound])
        let checksum = isBatch ? crc32c(covered.rawSpan) : crc32(covered.rawSpan)
        FuzzBatches.put(checksum, at: range.lowerBound + (isBatch ? 17 : 12), of: &bytes)
    }

    static func records(of log: [UInt8]) -> [Record] {
        entries(of: log).flatMap { (try? decode(Array(log[$0])))?.1 ?? [] }
    }

    private static func decode(_ batch: [UInt8]) throws -> (BatchHeader, [Record]) {
        try RecordBatch.decode(batch.rawSpan, limit: 1 << 20)
    }

    /// The log with another key and value in one of its records, and checksums that fit.
    static func replace(_ number: Int, in log: [UInt8], key: [UInt8]?, value: [UInt8]) -> [UInt8] {
        let count = max(1, records(of: log).count)
        var left = number % count
        var new: [UInt8] = []
        for range in entries(of: log) {
            guard case (let header, var records)? = try? decode(Array(log[range])) else {
                new += log[range]
                continue
            }
            if records.indices.contains(left) {
                records[left].key = key
                records[left].value = value
            }
            left -= records.count
            guard let batch = try? RecordBatch.encode(records, as: header, codec: header.codec) else { continue }
            new += batch.withUnsafeBytes { Array($0) }
        }
        return new
    }
}

extension TopicID {
    fileprivate var bytes: [UInt8] {
        [high, low].flatMap { half in (0..<8).map { UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * $0)) } }
    }
}
