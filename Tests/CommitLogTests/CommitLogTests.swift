import CommitLog
import Foundation
import Records
import Testing

@Suite struct DataDirectoryTests {
    func path() -> String { NSTemporaryDirectory() + "penstock-log-\(UUID().uuidString)" }

    func batch(_ values: [String]) throws -> EncodedBatch {
        try RecordBatch.encode(values.map { Record(timestamp: 1_700_000_000_000, value: Array($0.utf8)) })
    }

    @Test("what was appended is read back after a clean stop")
    func roundTrip() throws {
        let path = path()
        defer { try? FileManager.default.removeItem(atPath: path) }
        do {
            let directory = try DataDirectory.open(path)
            let topic = try directory.createTopic("t", partitions: 2)
            guard case .appended(let base, _) = try directory.append(batch(["a", "b"]), to: topic.partitions[0]) else {
                Issue.record("not appended")
                return
            }
            #expect(base == 0)
            try directory.sync()
            try directory.close()
        }
        let directory = try DataDirectory.open(path)
        #expect(directory.recovery.wasClean)
        let partition = try #require(directory.topic(named: "t")).partitions[0]
        #expect(partition.highWatermark == 2)
        let slice = try partition.read(from: 1, maxBytes: 1000, minOneMessage: true)
        #expect(slice.nextOffset == 2)
        let bytes = try slice.spans[0].source.read(position: slice.spans[0].position, length: slice.spans[0].length)
        let (_, records) = try RecordBatch.decode(bytes.rawSpan, limit: 1000)
        #expect(records.map { String(decoding: $0.value ?? [], as: UTF8.self) } == ["a", "b"])
    }
}
