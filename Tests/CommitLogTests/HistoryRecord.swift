import CommitLog
import Records

/// A record as histories write it: `key=value`, a tombstone without a value; without `=` it has no key.
enum HistoryRecord {
    static func batch(_ texts: [String], _ producer: ProducerStamp = .none) throws -> EncodedBatch {
        try RecordBatch.encode(
            texts.map(record), producerId: producer.id, producerEpoch: producer.epoch,
            baseSequence: producer.baseSequence)
    }

    private static func record(_ text: String) -> Record {
        guard let key = key(text) else { return Record(timestamp: Make.time, value: Array(text.utf8)) }
        let value = text.utf8.dropFirst(key.utf8.count + 1)
        return Record(timestamp: Make.time, key: Array(key.utf8), value: value.isEmpty ? nil : Array(value))
    }

    static func key(_ text: String) -> String? {
        text.firstIndex(of: "=").map { String(text[..<$0]) }
    }

    static func isTombstone(_ text: String) -> Bool { text.hasSuffix("=") }

    fileprivate static func text(_ record: Record) -> String {
        let value = String(decoding: record.value ?? [], as: UTF8.self)
        return record.key.map { String(decoding: $0, as: UTF8.self) + "=" + value } ?? value
    }

    struct Unreadable: Error {
        var what: String
    }
}

extension Partition {
    /// Every record that can be read, in order.
    func texts() throws -> [(offset: Offset, text: String)] {
        var found: [(offset: Offset, text: String)] = []
        var next = logStart
        while next < highWatermark {
            let slice = try read(from: next, maxBytes: 1 << 16, minOneMessage: true)
            for span in slice.spans {
                let bytes = try span.source.read(position: span.position, length: span.length)
                var place = 0
                while place < bytes.count {
                    let header = try BatchHeader(parsing: bytes.rawSpan.extracting(droppingFirst: place))
                    let batch = Array(bytes[place..<place + header.size])
                    place += header.size
                    for record in try RecordBatch.decode(batch.rawSpan, limit: 1 << 20).1 where record.offset >= next {
                        found.append((record.offset, HistoryRecord.text(record)))
                    }
                }
            }
            guard slice.nextOffset > next else {
                throw HistoryRecord.Unreadable(what: "a read from \(next) ends there")
            }
            next = slice.nextOffset
        }
        return found
    }
}
