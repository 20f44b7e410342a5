/// One whole record batch of magic 2, contiguous, as it lies in a log.
///
/// Bytes from 21 on never change after the batch has been handed over; ``stamp(baseOffset:leaderEpoch:)`` is for the one
/// partition writer that owns the batch at that time.
@safe
package final class EncodedBatch: @unchecked Sendable {  // one owner at a time may stamp: see above
    private let buffer: Buffer
    /// The buffer's own, kept here: Swift 6.3's optimiser cannot compile a span that is lent through two objects.
    private let base: UnsafeMutableRawPointer
    private let pool: BufferPool?
    package private(set) var header: BatchHeader

    /// Copies one batch that came from outside.
    ///
    /// Checks magic, header and that the length is exactly that of `bytes`; neither CRC nor records: see
    /// ``RecordBatch/validate(_:limit:)``.
    package convenience init(copying bytes: ArraySlice<UInt8>) throws(RecordError) {
        try self.init(copying: bytes.rawSpan)
    }

    /// As ``init(copying:)-(ArraySlice<UInt8>)``.
    package init(copying bytes: RawSpan) throws(RecordError) {
        header = try BatchHeader(parsing: bytes)
        guard header.size <= bytes.byteCount else {
            throw .truncated(needed: header.size, remaining: bytes.byteCount)
        }
        guard header.size == bytes.byteCount else {
            throw .corrupt("\(bytes.byteCount - header.size) bytes after the batch")
        }
        buffer = Buffer(copying: bytes)
        // Safety: `buffer` owns it, and lives as long as this batch.
        unsafe base = buffer.base
        pool = nil
    }

    /// Takes over a buffer whose records stand at 61 already, and writes the header before them.
    /// - Parameter pool: gets the buffer when the batch is gone.
    init(buffer: Buffer, header: BatchHeader, pool: BufferPool?) {
        self.buffer = buffer
        // Safety: `buffer` owns it, and lives as long as this batch.
        unsafe base = buffer.base
        self.header = header
        self.pool = pool
        store()
        sign()
    }

    deinit { pool?.give(buffer) }

    /// Records in the batch.
    package var count: Int { Int(header.recordsCount) }

    /// Bytes of the whole batch.
    package var size: Int { header.size }

    package var bytes: RawSpan {
        @_lifetime(borrow self)
        borrowing get {
            // Safety: `size` bytes of the buffer are initialised, and `self` keeps it alive.
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: header.size)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Sets what the log decides and the CRC does not cover.
    package func stamp(baseOffset: Offset, leaderEpoch: Int32) {
        header.baseOffset = baseOffset
        header.partitionLeaderEpoch = leaderEpoch
        buffer.store(baseOffset, at: 0)
        buffer.store(leaderEpoch, at: 12)
    }

    /// Sets timestamp type and largest timestamp, and the CRC anew: before the batch is handed over only.
    package func retime(_ type: TimestampType, maxTimestamp: Int64) {
        switch type {
        case .createTime: header.attributes.remove(.logAppendTime)
        case .logAppendTime: header.attributes.insert(.logAppendTime)
        }
        header.maxTimestamp = maxTimestamp
        buffer.store(header.attributes.rawValue, at: 21)
        buffer.store(maxTimestamp, at: 35)
        sign()
    }

    /// Lends the bytes, for `pwritev`. The pointer must not leave `body`.
    package func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Safety: `size` bytes of the buffer are initialised, and `self` keeps it alive.
        try unsafe body(UnsafeRawBufferPointer(start: buffer.base, count: header.size))
    }

    private func store() {
        buffer.store(header.baseOffset, at: 0)
        buffer.store(header.batchLength, at: 8)
        buffer.store(header.partitionLeaderEpoch, at: 12)
        buffer.store(header.magic, at: 16)
        buffer.store(header.attributes.rawValue, at: 21)
        buffer.store(header.lastOffsetDelta, at: 23)
        buffer.store(header.baseTimestamp, at: 27)
        buffer.store(header.maxTimestamp, at: 35)
        buffer.store(header.producerId, at: 43)
        buffer.store(header.producerEpoch, at: 51)
        buffer.store(header.baseSequence, at: 53)
        buffer.store(header.recordsCount, at: 57)
    }

    private func sign() {
        let buffer = buffer
        header.crc = crc32c(buffer.span(BatchHeader.checked..<header.size))
        buffer.store(header.crc, at: 17)
    }
}
