import CommitLog
import Records
import TestSupport

/// The parsers of ``Records``, each by itself.
enum FuzzBatches {
    private static let limit = 1 << 20

    /// ```
    /// u8   odd: length and checksum are made right first, as if whoever wrote the bytes had meant them
    ///      a record batch
    /// ```
    static func batch(_ bytes: inout ByteReader) throws -> String? {
        let isSigned = try bytes.byte() % 2 == 1
        let batch = isSigned ? signed(batch: bytes.rest()) : bytes.rest()
        let checked = try? RecordBatch.validate(batch.rawSpan, limit: limit).header
        let decoded = try? RecordBatch.decode(batch.rawSpan, limit: limit)
        guard checked == decoded?.0 else { return "validate and decode do not agree on a batch" }
        _ = try? RecordBatch.first(atOrAfter: 0, in: batch.rawSpan, limit: limit)
        guard let (header, records) = decoded else { return nil }
        guard records.allSatisfy({ $0.offset >= header.baseOffset && $0.offset <= header.lastOffset }) else {
            return "a record lies outside of its batch"
        }
        let whole = try EncodedBatch(copying: batch[...])
        for codec in Codec.allCases {
            let recoded = try RecordBatch.recode(whole, as: codec, limit: limit)
            guard try RecordBatch.decode(recoded.bytes, limit: limit).1 == records else {
                return "other records in \(codec)"
            }
        }
        let again = try RecordBatch.encode(records, as: header, codec: .none)
        guard try RecordBatch.decode(again.bytes, limit: limit).1 == records else { return "not the same when encoded" }
        return nil
    }

    static func signed(batch: [UInt8]) -> [UInt8] {
        guard batch.count >= BatchHeader.size else { return batch }
        var batch = batch
        put(UInt32(batch.count - 12), at: 8, of: &batch)
        batch[16] = 2
        FuzzTemplate.sign(&batch, batch.indices)
        return batch
    }

    /// ```
    /// u8   odd: length and checksum of the first entry are made right first
    ///      entries of an old message set
    /// ```
    static func messages(_ bytes: inout ByteReader) throws -> String? {
        let isSigned = try bytes.byte() % 2 == 1
        let set = isSigned ? signed(message: bytes.rest()) : bytes.rest()
        let checked = try? MessageSet.validate(set.rawSpan, limit: limit)
        let decoded = try? MessageSet.decode(set.rawSpan, limit: limit)
        guard checked?.header == decoded?.header, checked?.count == decoded?.records.count else {
            return "validate and decode do not agree on a message"
        }
        _ = try? MessageSet.first(atOrAfter: 0, in: set.rawSpan, limit: limit)
        let batches = try? MessageSet.convertUp(set.rawSpan, limit: limit)
        guard let decoded else { return nil }
        // An offset that is further from the first than a batch can say is refused.
        guard let batches else {
            let span = (decoded.records.last?.offset ?? 0) - (decoded.records.first?.offset ?? 0)
            return span > Int64(Int32.max) ? nil : "it is read, and not converted"
        }
        var converted: [Record] = []
        for batch in batches { converted += try RecordBatch.decode(batch.bytes, limit: limit * 2).1 }
        return converted == decoded.records ? nil : "other records when converted"
    }

    static func signed(message: [UInt8]) -> [UInt8] {
        guard message.count > 16 else { return message }
        var message = message
        put(UInt32(message.count - 12), at: 8, of: &message)
        // A message by its place, whatever magic the bytes claim.
        if message[16] >= 2 { message[16] &= 1 }
        FuzzTemplate.sign(&message, message.indices)
        return message
    }

    static func put(_ value: UInt32, at place: Int, of bytes: inout [UInt8]) {
        for index in 0..<4 { bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * (3 - index))) }
    }

    /// ```
    /// u8   codec
    /// u8   odd: an lz4 frame of format 0
    ///      what the codec made
    /// ```
    static func compressed(_ bytes: inout ByteReader) throws -> String? {
        let codec = try bytes.choose(Codec.allCases)
        let isOld = try bytes.byte() % 2 == 1
        let packed = bytes.rest()
        guard let plain = try? codec.decompress(packed.rawSpan, limit: limit, hasOldHeaderChecksum: isOld) else {
            return nil
        }
        guard plain.count <= limit else { return "\(plain.count) bytes come out of \(codec)" }
        let packedAgain = try codec.compress(plain.rawSpan)
        let again = try codec.decompress(packedAgain.rawSpan, limit: limit)
        return again == plain ? nil : "\(codec) does not give back what it was given"
    }

    static func position(_ bytes: inout ByteReader) -> String? {
        guard let position = try? SourcePosition(decoding: bytes.rest()) else { return nil }
        let encoded = position.encoded()
        guard let again = try? SourcePosition(decoding: encoded) else { return "it cannot be read again" }
        return again.encoded() == encoded ? nil : "not the same when encoded"
    }
}

/// Inputs to begin with.
extension FuzzBatches {
    private static let records = (Int64(0)..<3).map { number in
        Record(
            offset: number, timestamp: 1_700_000_000_000 + number, key: [UInt8(number)],
            value: Array(repeating: 0x61, count: 20), headers: [Header(name: "h", value: [1])])
    }

    static var batchSeeds: [[UInt8]] {
        Codec.allCases.compactMap { codec in
            guard let batch = try? RecordBatch.encode(records + records + records, codec: codec) else { return nil }
            return [1] + batch.withUnsafeBytes { Array($0) }
        }
    }

    static var messageSeeds: [[UInt8]] {
        (Int8(0)...1).flatMap { magic -> [[UInt8]] in
            let wrapped = [Codec.gzip, .snappy, .lz4].compactMap {
                try? OldMessages.wrapper(magic: magic, records, codec: $0)
            }
            return (wrapped + [OldMessages.message(magic: magic, records[0])]).map { [1] + $0 }
        }
    }

    static var compressedSeeds: [[UInt8]] {
        let plain = [UInt8](repeating: 0x61, count: 300)
        return Codec.allCases.compactMap { codec in
            (try? codec.compress(plain.rawSpan)).map { [codec.rawValue, 0] + $0 }
        }
    }

    static var positionSeeds: [[UInt8]] {
        var position = SourcePosition()
        position.path = "/var/log/x"
        position.state = [1, 2, 3]
        return [position.encoded()]
    }
}
