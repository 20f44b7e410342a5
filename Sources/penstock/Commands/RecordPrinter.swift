import KafkaClient
import Records

/// Writes records to stdout.
struct RecordPrinter {
    let topic: String
    let asJSON: Bool
    /// How many more may be printed; nil for any number.
    private(set) var limit: Int?
    private(set) var printed = 0

    init(topic: String, asJSON: Bool, limit: Int?) {
        self.topic = topic
        self.asJSON = asJSON
        self.limit = limit
    }

    var isFull: Bool { limit == 0 }

    /// Prints records of one partition, as many as the limit allows.
    /// - Returns: how many were printed; nil if nobody reads stdout any more.
    mutating func print(_ records: some Collection<Record>, of partition: Int32) -> Int? {
        let chosen = records.prefix(limit ?? .max)
        var bytes: [UInt8] = []
        for record in chosen {
            if asJSON { bytes += json(record, partition).text.utf8 } else { bytes += record.value ?? [] }
            bytes.append(UInt8(ascii: "\n"))
        }
        guard Console.out.write(bytes) else { return nil }
        printed += chosen.count
        limit = limit.map { $0 - chosen.count }
        return chosen.count
    }

    private func json(_ record: Record, _ partition: Int32) -> JSON {
        var entries: [(String, JSON)] = [
            ("topic", .string(topic)), ("partition", .integer(Int64(partition))), ("offset", .integer(record.offset)),
            ("timestamp", .integer(record.timestamp)),
        ]
        entries += Self.entries("key", record.key) + Self.entries("value", record.value)
        if !record.headers.isEmpty {
            let headers = record.headers.map {
                JSON.object([("name", .string($0.name))] + Self.entries("value", $0.value))
            }
            entries.append(("headers", .array(headers)))
        }
        return .object(entries)
    }

    /// Text as it is; what is not UTF-8 as `NAME_base64`.
    static func entries(_ name: String, _ bytes: [UInt8]?) -> [(String, JSON)] {
        guard let bytes else { return [(name, .null)] }
        if let text = String(validating: bytes, as: UTF8.self) { return [(name, .string(text))] }
        return [(name, .null), (name + "_base64", .string(base64(bytes)))]
    }

    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            for place in 0..<4 {
                text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
