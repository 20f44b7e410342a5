import CommitLog
import KafkaProtocol
import Records

/// Checks what a client wants appended, as Kafka does, and makes it ready for the log.
///
/// | batch sent | answer |
/// |---|---|
/// | none, truncated, of an older format, or two of them | INVALID_RECORD |
/// | base offset, counts, framing that do not agree; control bit; producer without sequence | INVALID_RECORD |
/// | checksum | CORRUPT_MESSAGE |
/// | larger than max.message.bytes (before it is decompressed, and as it is stored); decompresses to more than we allow | MESSAGE_TOO_LARGE |
/// | larger than segment.bytes | RECORD_LIST_TOO_LARGE |
/// | compressed, after others of the request decompressed to more than a request may | REQUEST_TIMED_OUT: come again |
/// | zstd before version 7 | UNSUPPORTED_COMPRESSION_TYPE |
/// | codec 5, 6, 7 | UNKNOWN_SERVER_ERROR |
/// | timestamp too far off; append time claimed on a topic that has it | INVALID_TIMESTAMP |
/// | null key on a compacted topic | INVALID_RECORD, with the records concerned |
/// | producer id that belongs to pipelines | INVALID_PRODUCER_ID_MAPPING |
/// | transactional | TRANSACTIONAL_ID_AUTHORIZATION_FAILED: transactions are not spoken |
struct ClientBatch {
    struct Refusal: Error {
        var code: ErrorCode
        var message: String
        /// Indexes of the records that are wrong, where single ones are.
        var records: [Int32] = []

        init(code: ErrorCode, message: String, records: [Int32] = []) {
            (self.code, self.message, self.records) = (code, message, records)
        }

        init(_ error: RecordError) {
            code =
                switch error {
                case .crcMismatch: .corruptMessage
                case .tooLarge: .messageTooLarge
                case .unsupportedCodec: .unknownServerError
                case .truncated, .corrupt, .unsupportedMagic: .invalidRecord
                }
            message = "\(error)"
        }
    }

    let batch: EncodedBatch
    /// For the answer: -1 unless the log sets the time.
    let appendTime: Int64

    /// What the check depends on besides the bytes.
    struct Circumstances {
        var settings: TopicSettings
        /// Of the Produce request.
        var version: Int16
        /// Milliseconds since 1970.
        var now: Int64

        var usesAppendTime: Bool { settings.timestampType == .logAppendTime }
        var isCompacted: Bool { settings.cleanupPolicy.contains(.compact) }
    }

    /// - Parameter budget: charged once for the batch, however often its check must look into it.
    init(
        checking records: ArraySlice<UInt8>?, _ circumstances: Circumstances, _ budget: inout DecompressionBudget
    ) throws(Refusal) {
        guard let records, !records.isEmpty else { throw Refusal(code: .invalidRecord, message: "no records") }
        let batch = try Self.whole(records, circumstances)
        try Self.check(batch.header, circumstances)
        let found = try Self.validated(batch, circumstances, &budget)
        if circumstances.usesAppendTime {
            guard batch.header.timestampType == .createTime else {
                throw Refusal(code: .invalidTimestamp, message: "only the log sets append times")
            }
            appendTime = circumstances.now
            batch.retime(.logAppendTime, maxTimestamp: appendTime)
        } else {
            appendTime = -1
            try Self.check(latest: found.maxTimestamp, earliest: found.earliest, circumstances)
            if batch.header.timestampType != .createTime || batch.header.maxTimestamp != found.maxTimestamp {
                batch.retime(.createTime, maxTimestamp: found.maxTimestamp)
            }
        }
        if circumstances.isCompacted { try Self.checkKeys(batch, limit: budget.perBatch) }
        self.batch = try Self.stored(batch, circumstances.settings, limit: budget.perBatch)
    }

    private static func whole(
        _ records: ArraySlice<UInt8>, _ circumstances: Circumstances
    ) throws(Refusal) -> EncodedBatch {
        let limit = circumstances.settings.maxMessageBytes
        guard records.count <= limit else {
            throw Refusal(
                code: .messageTooLarge, message: "\(records.count) bytes are more than max.message.bytes, \(limit)")
        }
        do throws(RecordError) { return try EncodedBatch(copying: records) } catch {
            if case .unsupportedCodec = error { throw Refusal(code: .unknownServerError, message: "\(error)") }
            throw Refusal(code: .invalidRecord, message: "\(error)")
        }
    }

    private static func check(_ header: BatchHeader, _ circumstances: Circumstances) throws(Refusal) {
        func refuse(_ message: String) -> Refusal { Refusal(code: .invalidRecord, message: message) }
        guard header.baseOffset == 0 else { throw refuse("base offset \(header.baseOffset), a producer sends 0") }
        guard !header.isControl else { throw refuse("control batches are not taken from clients") }
        // In 64 bits: the delta may be the largest Int32, and one more of it would end the process.
        guard header.recordsCount > 0, Int64(header.recordsCount) == Int64(header.lastOffsetDelta) + 1 else {
            throw refuse("\(header.recordsCount) records, but a last offset delta of \(header.lastOffsetDelta)")
        }
        if header.hasProducer {
            guard header.baseSequence >= 0, header.producerEpoch >= 0 else {
                throw refuse(
                    "producer \(header.producerId) with epoch \(header.producerEpoch), sequence \(header.baseSequence)")
            }
            guard header.producerId < PipelineProducer.firstReserved else {
                throw Refusal(
                    code: .invalidProducerIdMapping, message: "producer id \(header.producerId) belongs to a pipeline")
            }
        }
        guard !header.isTransactional else {
            throw Refusal(
                code: .transactionalIdAuthorizationFailed, message: "this broker does not speak transactions yet")
        }
        guard header.codec != .zstd || circumstances.version >= 7 else {
            throw Refusal(code: .unsupportedCompressionType, message: "zstd needs Produce version 7 or higher")
        }
    }

    private static func validated(
        _ batch: EncodedBatch, _ circumstances: Circumstances, _ budget: inout DecompressionBudget
    ) throws(Refusal) -> RecordBatch.Validated {
        let found = try budget.validate(batch)
        guard found.header.timestampType == .logAppendTime, !circumstances.usesAppendTime else { return found }
        // The bit will be cleared: then the records' own timestamps count, which only decoding shows.
        batch.retime(.createTime, maxTimestamp: found.maxTimestamp)
        do throws(RecordError) {
            return try RecordBatch.validate(batch.bytes, limit: budget.perBatch)
        } catch {
            throw Refusal(error)
        }
    }

    /// As the topic stores it.
    private static func stored(
        _ batch: EncodedBatch, _ settings: TopicSettings, limit: Int
    ) throws(Refusal) -> EncodedBatch {
        let codec = settings.compression.codec(for: batch.header.codec)
        let stored: EncodedBatch
        do throws(RecordError) {
            stored = try RecordBatch.recode(batch, as: codec, level: settings.level(of: codec), limit: limit)
        } catch {
            throw Refusal(error)
        }
        guard stored.size <= settings.maxMessageBytes else {
            throw Refusal(
                code: .messageTooLarge,
                message: """
                    stored as \(codec.name) it has \(stored.size) bytes, which are more than max.message.bytes, \
                    \(settings.maxMessageBytes)
                    """)
        }
        guard stored.size <= settings.segmentBytes else {
            throw Refusal(
                code: .recordListTooLarge,
                message: "\(stored.size) bytes are more than segment.bytes, \(settings.segmentBytes)")
        }
        return stored
    }

    /// - Parameter earliest: nil if no record has a timestamp.
    private static func check(
        latest: Int64, earliest: Int64?, _ circumstances: Circumstances
    ) throws(Refusal) {
        let (now, settings) = (circumstances.now, circumstances.settings)
        let (last, overflow) = now.addingReportingOverflow(settings.timestampAfterMilliseconds)
        guard overflow || latest <= last else {
            throw Refusal(
                code: .invalidTimestamp,
                message: "timestamp \(latest) is more than \(settings.timestampAfterMilliseconds) ms after \(now)")
        }
        let (first, underflow) = now.subtractingReportingOverflow(settings.timestampBeforeMilliseconds)
        guard let earliest, !underflow, earliest < first else { return }
        throw Refusal(
            code: .invalidTimestamp,
            message: "timestamp \(earliest) is more than \(settings.timestampBeforeMilliseconds) ms before \(now)")
    }

    private static func checkKeys(_ batch: EncodedBatch, limit: Int) throws(Refusal) {
        let records: [Record]
        do throws(RecordError) {
            records = try RecordBatch.decode(batch.bytes, limit: limit).1
        } catch {
            throw Refusal(error)
        }
        let keyless = records.filter { $0.key == nil }.map { Int32(clamping: $0.offset) }
        guard keyless.isEmpty else {
            throw Refusal(
                code: .invalidRecord, message: "a compacted topic takes no records without key", records: keyless)
        }
    }
}
