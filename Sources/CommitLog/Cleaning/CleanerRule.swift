import Records

/// What stays of each batch of a log, as Kafka's cleaner has it; batches come in the order of their offsets.
///
/// - A record stays if no later one below ``mapped`` has its key. From ``mapped`` on everything stays.
/// - Records without key go, and all of an aborted transaction.
/// - A tombstone stays until the delete horizon that its batch got when a cleaning first met it, and so does the marker of
///   a transaction of which no batch is left.
/// - A batch without records stays, as its header, if it is the last of a producer that is still remembered, so that its
///   sequence is, or if the cleaning ends with it, so that the log's end is.
struct CleanerRule {
    /// The last place of each key.
    let map: CleanerMap
    /// The map knows all keys below this offset, back to where it begins.
    let mapped: Offset
    /// Where the cleaning ends.
    let end: Offset
    /// Of the producers that are remembered.
    let producers: [Int64: ActiveProducer]
    /// Milliseconds since 1970.
    let now: Int64
    let deleteRetention: Int64
    /// Bytes that a batch may have when decompressed.
    let limit: Int
    var transactions = CleanedTransactions()

    /// What of a producer's batches must stay.
    struct ActiveProducer: Hashable {
        /// The end of its last batch of records; nil after a marker that raised its epoch.
        var lastOffset: Offset?
        var epoch: Int16
    }

    enum Verdict {
        /// The bytes as they are.
        case copy
        case replace(EncodedBatch)
        case drop
    }

    mutating func judge(_ header: BatchHeader, _ bytes: RawSpan) throws(RecordError) -> Verdict {
        let isNeedless =
            if header.isControl {
                transactions.isNeedless(header, try Self.outcome(of: header, bytes, limit))
            } else {
                transactions.isAborted(header)
            }
        // Its offset may be the only trace of it that a reader of the map has; above that nothing is known of it.
        if header.baseOffset >= mapped { return .copy }
        let thinned = try thin(header, bytes, isNeedless)
        switch thinned {
        case .whole: return .copy
        case .changed(let batch): return .replace(batch)
        case .none:
            guard staysEmpty(header) else { return .drop }
            return header.recordsCount == 0 ? .copy : .replace(RecordBatch.emptied(header))
        }
    }

    private func thin(
        _ header: BatchHeader, _ bytes: RawSpan, _ isNeedless: Bool
    ) throws(RecordError) -> RecordBatch.Thinned {
        let (sum, overflow) = now.addingReportingOverflow(deleteRetention)
        let horizon = overflow ? Int64.max : sum
        let isPast = header.attributes.contains(.deleteHorizon) && header.baseTimestamp <= now
        if header.isControl {
            if isNeedless && isPast { return .none }
            return try RecordBatch.thin(
                bytes, header, limit: limit, horizon: isNeedless ? horizon : nil, setsHorizon: true
            ) {
                _, _, _ in true
            }
        }
        if isNeedless { return .none }
        return try RecordBatch.thin(bytes, header, limit: limit, horizon: horizon) { span, fields, offset in
            if offset >= mapped { return true }
            guard let range = fields.key else { return false }
            let key = span.extracting(range)
            // What the map can never take is never outdated.
            if key.byteCount > map.keyLimit { return true }
            if let last = map.offset(of: key), offset < last { return false }
            return fields.value != nil || !isPast
        }
    }

    private func staysEmpty(_ header: BatchHeader) -> Bool {
        if header.nextOffset == end { return true }
        guard header.hasProducer, let producer = producers[header.producerId] else { return false }
        if let last = producer.lastOffset { return header.lastOffset == last }
        return header.isControl && header.producerEpoch == producer.epoch
    }

    static func outcome(
        of header: BatchHeader, _ bytes: RawSpan, _ limit: Int
    ) throws(RecordError) -> TransactionMarker.Outcome? {
        guard header.recordsCount > 0, header.size <= TransactionMarker.sizeLimit else { return nil }
        guard let record = try RecordBatch.decode(bytes, limit: limit).1.first, let key = record.key,
            let value = record.value
        else { return nil }
        return TransactionMarker(key: key, value: value)?.outcome
    }
}

extension ProducerTable {
    /// What compaction must leave of each producer.
    var active: [Int64: CleanerRule.ActiveProducer] {
        entries.mapValues { entry in
            CleanerRule.ActiveProducer(lastOffset: entry.batches.last?.lastOffset, epoch: entry.epoch)
        }
    }
}
