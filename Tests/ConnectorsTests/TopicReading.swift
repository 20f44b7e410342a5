import CommitLog
import Foundation
import Records
import Testing

extension Workbench {
    /// All records of a topic, by partition.
    func records(of name: String) throws -> [[Record]] {
        let topic = try #require(directory.topic(named: name))
        return try topic.partitions.map { try Self.records(of: $0) }
    }

    private static func records(of partition: Partition) throws -> [Record] {
        var records: [Record] = []
        var offset = partition.logStart
        while offset < partition.highWatermark {
            let slice = try partition.read(from: offset, maxBytes: 8 << 20, minOneMessage: true)
            var bytes: [UInt8] = []
            for span in slice.spans { bytes += try span.source.read(position: span.position, length: span.length) }
            var rest = bytes[...]
            while rest.count >= BatchHeader.size {
                let header = try BatchHeader(parsing: rest.rawSpan)
                guard rest.count >= header.size else { break }
                let whole = Array(rest.prefix(header.size))
                let (_, decoded) = try RecordBatch.decode(whole.rawSpan, limit: 128 << 20)
                #expect(decoded.first?.offset == Int64(records.count), "offsets have a gap")
                records += decoded
                rest = rest.dropFirst(header.size)
                offset = header.nextOffset
            }
        }
        return records
    }

    /// Values as text, over all partitions.
    func values(of name: String) throws -> [String] {
        try records(of: name).flatMap { $0.map { String(decoding: $0.value ?? [], as: UTF8.self) } }
    }

    /// Values as text by key, in the order of their partition.
    func valuesByKey(of name: String) throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        for records in try records(of: name) {
            for record in records {
                let key = String(decoding: record.key ?? [], as: UTF8.self)
                found[key, default: []].append(String(decoding: record.value ?? [], as: UTF8.self))
            }
        }
        return found
    }
}
