/// The first 61 bytes of a record batch of magic 2, all integers big-endian:
/// ```
/// offset  0, size 8, baseOffset            overwritten by the log
/// offset  8, size 4, batchLength           bytes after this field, at least 49
/// offset 12, size 4, partitionLeaderEpoch  overwritten by the log
/// offset 16, size 1, magic                 2
/// offset 17, size 4, crc                   CRC-32C of everything from attributes on
/// offset 21, size 2, attributes            see ``BatchAttributes``
/// offset 23, size 4, lastOffsetDelta       last offset - baseOffset; kept by compaction
/// offset 27, size 8, baseTimestamp         of the first record; the delete horizon if its bit is set; -1 if emptied
/// offset 35, size 8, maxTimestamp          the largest record timestamp, or the append time
/// offset 43, size 8, producerId            -1 if none
/// offset 51, size 2, producerEpoch         -1 if none
/// offset 53, size 4, baseSequence          -1 if none
/// offset 57, size 4, recordsCount
/// offset 61        , the records, as one compressed stream or as they are
/// ```
package struct BatchHeader: Hashable, Sendable {
    package static let size = 61
    /// Bytes before the batch's own length takes over: base offset and length.
    static let lengthEnd = 12
    /// Where the part that the CRC covers begins.
    static let checked = 21
    static let magic: Int8 = 2

    package var baseOffset: Offset
    package internal(set) var batchLength: Int32
    package var partitionLeaderEpoch: Int32
    package var magic: Int8 { Self.magic }
    package internal(set) var crc: UInt32
    package internal(set) var attributes: BatchAttributes
    package internal(set) var lastOffsetDelta: Int32
    package internal(set) var baseTimestamp: Int64
    package internal(set) var maxTimestamp: Int64
    package internal(set) var producerId: Int64
    package internal(set) var producerEpoch: Int16
    package internal(set) var baseSequence: Int32
    package internal(set) var recordsCount: Int32

    /// Reads the header at the beginning of `bytes`; what follows it is not looked at, and need not be there.
    ///
    /// What it returns is consistent in itself: magic 2, a length of at least the header, a known codec, offsets that do
    /// not overflow, no more records than offsets. Nothing is said about the CRC.
    package init(parsing bytes: RawSpan) throws(RecordError) {
        guard bytes.byteCount > 16 else { throw .truncated(needed: Self.size, remaining: bytes.byteCount) }
        let magic: Int8 = bytes.integer(16)
        guard magic == Self.magic else { throw .unsupportedMagic(magic) }
        guard bytes.byteCount >= Self.size else { throw .truncated(needed: Self.size, remaining: bytes.byteCount) }
        baseOffset = bytes.integer(0)
        batchLength = bytes.integer(8)
        partitionLeaderEpoch = bytes.integer(12)
        crc = bytes.integer(17)
        attributes = BatchAttributes(rawValue: bytes.integer(21))
        lastOffsetDelta = bytes.integer(23)
        baseTimestamp = bytes.integer(27)
        maxTimestamp = bytes.integer(35)
        producerId = bytes.integer(43)
        producerEpoch = bytes.integer(51)
        baseSequence = bytes.integer(53)
        recordsCount = bytes.integer(57)
        try check()
    }

    init(
        baseOffset: Offset, batchLength: Int32, partitionLeaderEpoch: Int32, attributes: BatchAttributes,
        lastOffsetDelta: Int32, baseTimestamp: Int64, maxTimestamp: Int64, producer: ProducerStamp,
        recordsCount: Int32
    ) {
        self.baseOffset = baseOffset
        self.batchLength = batchLength
        self.partitionLeaderEpoch = partitionLeaderEpoch
        crc = 0
        self.attributes = attributes
        self.lastOffsetDelta = lastOffsetDelta
        self.baseTimestamp = baseTimestamp
        self.maxTimestamp = maxTimestamp
        producerId = producer.id
        producerEpoch = producer.epoch
        baseSequence = producer.baseSequence
        self.recordsCount = recordsCount
    }

    private func check() throws(RecordError) {
        guard batchLength >= Self.size - Self.lengthEnd else { throw .corrupt("batch length \(batchLength)") }
        guard attributes.codecNumber <= 4 else { throw .unsupportedCodec(attributes.codecNumber) }
        guard lastOffsetDelta >= 0 else { throw .corrupt("last offset delta \(lastOffsetDelta)") }
        guard baseOffset >= 0, baseOffset < .max - Int64(lastOffsetDelta) else {
            throw .corrupt("base offset \(baseOffset)")
        }
        guard recordsCount >= 0, Int64(recordsCount) <= Int64(lastOffsetDelta) + 1 else {
            throw .corrupt("\(recordsCount) records for \(Int64(lastOffsetDelta) + 1) offsets")
        }
    }

    /// Bytes of the whole batch, header included.
    package var size: Int { Int(batchLength) + Self.lengthEnd }
    package var lastOffset: Offset { baseOffset + Int64(lastOffsetDelta) }
    /// The offset after the batch, which is where a reader goes on even if compaction took its last records.
    package var nextOffset: Offset { lastOffset + 1 }
    package var codec: Codec { Codec(rawValue: attributes.codecNumber) ?? .none }
    package var timestampType: TimestampType { attributes.contains(.logAppendTime) ? .logAppendTime : .createTime }
    package var isTransactional: Bool { attributes.contains(.transactional) }
    package var isControl: Bool { attributes.contains(.control) }
    package var hasProducer: Bool { producerId >= 0 }
    /// The sequence number of the last record: it wraps from 2147483647 to 0. -1 without sequence.
    package var lastSequence: Int32 {
        guard baseSequence >= 0 else { return -1 }
        return Int32(truncatingIfNeeded: (Int64(baseSequence) + Int64(lastOffsetDelta)) & 0x7fff_ffff)
    }
}

/// Who wrote the timestamps of a batch.
package enum TimestampType: UInt8, Sendable {
    /// The producer, record by record.
    case createTime
    /// The log: every record reads as the batch's maxTimestamp.
    case logAppendTime
}

/// The attributes of a batch: bits 0-2 codec, then the flags below; Kafka leaves the rest alone.
package struct BatchAttributes: OptionSet, Hashable, Sendable {
    package var rawValue: Int16
    package init(rawValue: Int16) { self.rawValue = rawValue }

    package static let logAppendTime = BatchAttributes(rawValue: 1 << 3)
    package static let transactional = BatchAttributes(rawValue: 1 << 4)
    package static let control = BatchAttributes(rawValue: 1 << 5)
    /// baseTimestamp is the time at which compaction may drop the batch's tombstones.
    package static let deleteHorizon = BatchAttributes(rawValue: 1 << 6)

    /// 0 to 7; see ``Codec``.
    package var codecNumber: UInt8 { UInt8(truncatingIfNeeded: rawValue & 7) }

    func with(_ codec: Codec) -> BatchAttributes { BatchAttributes(rawValue: rawValue & ~7 | Int16(codec.rawValue)) }
}

/// Who produced a batch, for the recognition of duplicates.
package struct ProducerStamp: Hashable, Sendable {
    package var id: Int64
    package var epoch: Int16
    /// The sequence number of the batch's first record.
    package var baseSequence: Int32

    package init(id: Int64, epoch: Int16, baseSequence: Int32) {
        self.id = id
        self.epoch = epoch
        self.baseSequence = baseSequence
    }

    package static let none = ProducerStamp(id: -1, epoch: -1, baseSequence: -1)

    /// The sequence number that is `count` records behind another: 2147483647 is followed by 0.
    package static func sequence(_ sequence: Int32, movedBy count: Int) -> Int32 {
        Int32((Int64(sequence) + Int64(count)) & Int64(Int32.max))
    }
}
