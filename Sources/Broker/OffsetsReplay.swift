import CommitLog
import KafkaProtocol
import Records

/// Reads one partition of `__consumer_offsets` back, batch after batch, and hands on what counts.
///
/// Offsets that were committed in a transaction count from its commit marker on, unless the same offset was committed
/// again in between. What is not known here is passed over: groups of Kafka's newer protocol, values of later versions.
struct OffsetsReplay {
    /// nil is a tombstone.
    typealias Value = ArraySlice<UInt8>?

    private struct Pending {
        let key: OffsetsKey
        let value: Value
        let offset: Offset
    }

    /// Of transactions that are open at this place of the log, by producer.
    private var pending: [Int64: [Pending]] = [:]
    /// Where keys were last written outside of transactions while some were open.
    private var written: [OffsetsKey: Offset] = [:]

    /// What was passed over, and how often.
    private(set) var passedOver: [String: Int] = [:]
    /// Different sentences in ``passedOver``; what comes on top is counted under one more.
    private static let reasonsLimit = 20

    /// - Parameters:
    ///   - batch: one whole batch.
    ///   - limit: bytes that its records may take when decompressed.
    ///   - body: gets what counts from here on, in order.
    mutating func take(
        _ batch: ArraySlice<UInt8>, limit: Int, _ body: (OffsetsKey, Value) throws(WireError) -> Void
    ) {
        let header: BatchHeader
        let records: [Record]
        do throws(RecordError) { (header, records) = try RecordBatch.decode(batch.rawSpan, limit: limit) } catch {
            passOver("a batch: \(error)")
            return
        }
        if header.isControl {
            guard let record = records.first, let marker = TransactionMarker(record) else { return }
            end(header.producerId, marker, body)
            return
        }
        for record in records {
            guard let key = key(of: record) else { continue }
            let value = record.value?[...]
            if header.isTransactional {
                pending[header.producerId, default: []].append(Pending(key: key, value: value, offset: record.offset))
            } else {
                if !pending.isEmpty { written[key] = record.offset }
                apply(key, value, body)
            }
        }
    }

    private mutating func end(
        _ producer: Int64, _ marker: TransactionMarker, _ body: (OffsetsKey, Value) throws(WireError) -> Void
    ) {
        let ended = pending.removeValue(forKey: producer) ?? []
        if marker.outcome == .commit {
            for one in ended where written[one.key] ?? -1 < one.offset {
                // Another transaction may have committed the same before, and have written it later.
                if !pending.isEmpty { written[one.key] = one.offset }
                apply(one.key, one.value, body)
            }
        }
        if pending.isEmpty { written = [:] }
    }

    private mutating func key(of record: Record) -> OffsetsKey? {
        guard let bytes = record.key else {
            passOver("a record without a key")
            return nil
        }
        do throws(WireError) {
            if let key = try OffsetsKey.decode(bytes[...]) { return key }
            let kind = bytes.prefix(2).reduce(0) { $0 << 8 | Int($1) }
            passOver("a record of kind \(kind), which belongs to groups of Kafka's newer protocol")
        } catch {
            passOver("a key: \(error)")
        }
        return nil
    }

    private mutating func apply(
        _ key: OffsetsKey, _ value: Value, _ body: (OffsetsKey, Value) throws(WireError) -> Void
    ) {
        do throws(WireError) { try body(key, value) } catch { passOver("a value: \(error)") }
    }

    private mutating func passOver(_ what: String) {
        let isKnown = passedOver[what] != nil || passedOver.count < Self.reasonsLimit
        passedOver[isKnown ? what : "others", default: 0] += 1
    }
}
