/// The records of one partition's next batch, encoded but not compressed. ``Scatter`` fills it; any thread may finish it.
@safe
package final class BatchBuilder: @unchecked Sendable {  // read only by its one owner until finished
    private var buffer: Buffer?
    private let pool: BufferPool
    /// Header and records, uncompressed. In bytes.
    package let size: Int
    /// Records in the batch: how far it moves the sequence number.
    package let count: Int
    private let baseTimestamp: Int64
    private let maxTimestamp: Int64

    init(buffer: Buffer, pool: BufferPool, size: Int, count: Int, baseTimestamp: Int64, maxTimestamp: Int64) {
        self.buffer = buffer
        self.pool = pool
        self.size = size
        self.count = count
        self.baseTimestamp = baseTimestamp
        self.maxTimestamp = maxTimestamp
    }

    deinit { if let buffer { pool.give(buffer) } }

    /// Compresses the records straight into the memory that the log writes from. To be called once.
    ///
    /// A codec that does not make the records smaller is dropped: the batch then says `none`, as librdkafka does it.
    /// - Parameter level: see ``Codec/compress(_:level:)``.
    /// - Throws: what the codec's library reports, which for memory that is there it never does.
    package func finish(
        codec: Codec, level: Int? = nil, producerId: Int64 = -1, producerEpoch: Int16 = -1, baseSequence: Int32 = -1,
        isTransactional: Bool = false
    ) throws(RecordError) -> EncodedBatch {
        guard let plain = buffer else { preconditionFailure("a batch is finished once") }
        let producer = ProducerStamp(id: producerId, epoch: producerEpoch, baseSequence: baseSequence)
        let attributes: BatchAttributes = isTransactional ? .transactional : []
        let plainSize = size - BatchHeader.size
        if codec != .none {
            let packed = pool.take(BatchHeader.size + codec.bound(plainSize))
            let packedSize = try codec.compress(
                plain.span(BatchHeader.size..<size), into: packed, from: BatchHeader.size, level: level,
                pool: pool)
            if packedSize < plainSize {
                return EncodedBatch(
                    buffer: packed, header: header(attributes.with(codec), producer, packedSize), pool: pool)
            }
            pool.give(packed)
        }
        buffer = nil
        return EncodedBatch(buffer: plain, header: header(attributes, producer, plainSize), pool: pool)
    }

    private func header(_ attributes: BatchAttributes, _ producer: ProducerStamp, _ bytes: Int) -> BatchHeader {
        BatchHeader(
            baseOffset: 0, batchLength: Int32(BatchHeader.size - BatchHeader.lengthEnd + bytes),
            partitionLeaderEpoch: -1, attributes: attributes, lastOffsetDelta: Int32(count - 1),
            baseTimestamp: baseTimestamp, maxTimestamp: maxTimestamp, producer: producer, recordsCount: Int32(count))
    }
}
