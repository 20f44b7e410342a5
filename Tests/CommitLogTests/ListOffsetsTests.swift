import CommitLog
import Records
import TestSupport
import Testing

@Suite struct ListOffsetsTests {
    @Test(
        "the record with the largest time is the first such that can be read, wherever the log starts",
        arguments: Seeds.some(60))
    func maxTimestamp(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let directory = try DataDirectory.open("/d", disk: MemoryDisk().disk)
        let bytes = ["400", "1000000"].randomElement(using: &random) ?? ""
        let topic = try directory.createTopic(
            "t", partitions: 1,
            configuration: ["segment.bytes": bytes, "index.interval.bytes": "100", "segment.ms": "100000000"])
        let partition = topic.partitions[0]
        var times: [Int64] = []
        for _ in 0..<12 {
            let batch = (0..<Int.random(in: 1...4, using: &random)).map { _ in Int64.random(in: 0...30, using: &random)
            }
            _ = try directory.append(
                RecordBatch.encode(batch.map { Record(timestamp: $0, value: [1]) }), to: partition)
            times += batch
        }
        for _ in 0..<6 {
            let start = Offset.random(in: partition.logStart...partition.logEnd, using: &random)
            _ = try directory.deleteRecords([(partition, before: start)])
            let left = Array(times.enumerated().dropFirst(Int(start)))
            let largest = left.map(\.element).max()
            let expected = left.first { $0.element == largest }.map { Offset($0.offset) }
            #expect(try partition.offsetOfMaxTimestamp()?.offset == expected, "seed \(seed), from \(start): \(times)")
        }
    }
}
