import Foundation
import Records
import TestSupport

/// The batches that other implementations wrote, and what is in them.
enum Vectors {
    /// A batch, or an entry of an old message set.
    struct Batch: Decodable {
        var size: Int
        var magic: Int
        var offset: Int64?
        var messageSize: Int32?
        var crc32: String?
        var timestamp: Int64?
        var baseOffset: Int64?
        var length: Int32?
        var partitionLeaderEpoch: Int32?
        var crc32c: String?
        var attributes: Int16?
        var lastOffsetDelta: Int32?
        var baseTimestamp: Int64?
        var maxTimestamp: Int64?
        var producerId: Int64?
        var producerEpoch: Int16?
        var baseSequence: Int32?
        var recordCount: Int32?
        var records: [Entry]?
    }

    struct Entry: Decodable {
        var offset: Int64
        var timestamp: Int64?
        var key: String?
        var value: String?
        var headers: [[String?]]?

        var record: Record {
            Record(
                offset: offset, timestamp: timestamp ?? -1, key: key.map(Vectors.bytes),
                value: value.map(Vectors.bytes),
                headers: (headers ?? []).map { Header(name: ($0[0] ?? ""), value: $0[1].map(Vectors.bytes)) })
        }
    }

    /// Paths of single batches, and of logs: every file that holds batches of magic 2.
    static let files: [String] = expected.keys.filter { path in
        expected[path]?.allSatisfy { $0.magic == 2 } ?? false
    }.sorted()

    /// Every file that holds old message sets.
    static let old = expected.keys.filter { $0.hasPrefix("legacy/") }.sorted()

    static let single = files.filter { $0.hasPrefix("batches/") }

    static let expected: [String: [Batch]] = {
        guard let bytes = try? Shared.bytes("vectors/expected-batches.json") else { return [:] }
        return (try? JSONDecoder().decode([String: [Batch]].self, from: Data(bytes))) ?? [:]
    }()

    static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
        }
    }

    static func file(_ path: String) throws -> [UInt8] { try Shared.bytes("vectors/" + path) }
}
