package import Records

/// What ends a producer's transaction in a partition: the one record of a control batch.
/// ```
/// key     i16 version 0, i16 type: 0 abort, 1 commit
/// value   i16 version 0, i32 epoch of the transaction coordinator
/// ```
package struct TransactionMarker: Hashable, Sendable {
    package enum Outcome: Int16, Sendable { case abort = 0, commit = 1 }

    package var outcome: Outcome
    /// A marker of a lower one than the last is an old coordinator's, and refused.
    package var coordinatorEpoch: Int32

    package init(_ outcome: Outcome, coordinatorEpoch: Int32) {
        self.outcome = outcome
        self.coordinatorEpoch = coordinatorEpoch
    }

    /// Reads the records of a control batch, which are never compressed.
    /// - Returns: nil for control batches that end no transaction: other types, and those that compaction emptied.
    init?(records: ArraySlice<UInt8>) {
        var reader = ByteReader(records)
        // Length, attributes, timestamp and offset of the record.
        guard (try? reader.readVarint()) != nil, (try? reader.skip(1)) != nil, (try? reader.readVarlong()) != nil,
            (try? reader.readVarint()) != nil, let keyLength = try? reader.readVarint(), keyLength >= 4,
            let keyVersion: Int16 = try? reader.read(), keyVersion >= 0, let type: Int16 = try? reader.read(),
            let outcome = Outcome(rawValue: type), (try? reader.skip(Int(keyLength) - 4)) != nil,
            let valueLength = try? reader.readVarint(), valueLength >= 6, let version: Int16 = try? reader.read(),
            version >= 0, let epoch: Int32 = try? reader.read()
        else { return nil }
        self.init(outcome, coordinatorEpoch: epoch)
    }

    /// The marker that a batch is, if it is one.
    init?(_ batch: EncodedBatch) {
        guard batch.header.isControl, let records = try? RecordBatch.decode(batch.bytes, limit: Self.sizeLimit).1,
            let record = records.first
        else { return nil }
        self.init(record)
    }

    /// The marker that the record of a control batch is, if it is one.
    package init?(_ record: Record) {
        guard let key = record.key, let value = record.value else { return nil }
        self.init(key: key, value: value)
    }

    init?(key: [UInt8], value: [UInt8]) {
        var reader = ByteReader(key)
        guard let keyVersion: Int16 = try? reader.read(), keyVersion >= 0, let type: Int16 = try? reader.read(),
            let outcome = Outcome(rawValue: type)
        else { return nil }
        reader = ByteReader(value)
        guard let version: Int16 = try? reader.read(), version >= 0, let epoch: Int32 = try? reader.read() else {
            return nil
        }
        self.init(outcome, coordinatorEpoch: epoch)
    }

    /// Bytes of a control batch that are looked at: markers have 78.
    static let sizeLimit = 512

    /// The control batch that says this.
    /// - Parameter timestamp: milliseconds since 1970.
    func batch(producer: Int64, epoch: Int16, timestamp: Int64) throws(RecordError) -> EncodedBatch {
        var key = ByteWriter(reserving: 4)
        key.write(Int16(0))
        key.write(outcome.rawValue)
        var value = ByteWriter(reserving: 6)
        value.write(Int16(0))
        value.write(coordinatorEpoch)
        return try RecordBatch.encode(
            [Record(timestamp: timestamp, key: key.bytes, value: value.bytes)], producerId: producer,
            producerEpoch: epoch, isTransactional: true, isControl: true)
    }
}
