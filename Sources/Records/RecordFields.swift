/// Where the parts of one encoded record stand.
/// ```
/// length varint             bytes that follow it
/// attributes, size 1        0
/// timestampDelta varlong
/// offsetDelta varint
/// keyLength varint, key     -1: null
/// valueLength varint, value -1: null
/// headerCount varint        then each: keyLength varint, key (UTF-8); valueLength varint, value (-1: null)
/// ```
package struct RecordFields {
    let timestampDelta: Int64
    package let offsetDelta: Int
    package let key: Range<Int>?
    package let value: Range<Int>?
    let headerCount: Int
    /// The bytes of the headers, to the end of the record.
    let headers: Range<Int>
    /// From the key's length to the end: what does not change when a record is moved to another batch.
    let body: Range<Int>

    /// Parses the record at `position` and moves there to its end. Headers are counted, not walked.
    init(parsing bytes: RawSpan, at position: inout Int) throws(RecordError) {
        let length = try bytes.varint(&position)
        guard length >= RecordBatch.smallestRecord - 1 else { throw .corrupt("a record of \(length) bytes") }
        guard length <= bytes.byteCount - position else {
            throw .truncated(needed: length, remaining: bytes.byteCount - position)
        }
        let end = position + length
        let record = bytes.extracting(0..<end)
        position += 1
        timestampDelta = try record.varlong(&position)
        offsetDelta = try record.varint(&position)
        body = position..<end
        key = try Self.nullable(record, &position)
        value = try Self.nullable(record, &position)
        headerCount = try record.varint(&position)
        guard headerCount >= 0, headerCount * RecordBatch.smallestHeader <= end - position else {
            throw .corrupt("\(headerCount) headers in \(end - position) bytes")
        }
        headers = position..<end
        position = end
    }

    func timestamp(in header: BatchHeader) -> Int64 {
        header.timestampType == .logAppendTime ? header.maxTimestamp : header.baseTimestamp &+ timestampDelta
    }

    func decodeHeaders(_ bytes: RawSpan) throws(RecordError) -> [Header] {
        var result: [Header] = []
        try eachHeader(bytes) { (name, value) throws(RecordError) in
            guard let text = String(validating: bytes.array(name.lowerBound, name.count), as: UTF8.self) else {
                throw .corrupt("a header's name is not UTF-8")
            }
            result.append(Header(name: text, value: value.map { bytes.array($0.lowerBound, $0.count) }))
        }
        return result
    }

    func checkHeaders(_ bytes: RawSpan) throws(RecordError) {
        if headerCount == 0 && headers.isEmpty { return }
        try eachHeader(bytes) { (name, _) throws(RecordError) in
            guard String(validating: bytes.array(name.lowerBound, name.count), as: UTF8.self) != nil else {
                throw .corrupt("a header's name is not UTF-8")
            }
        }
    }

    private func eachHeader(
        _ bytes: RawSpan, _ body: (Range<Int>, Range<Int>?) throws(RecordError) -> Void
    ) throws(RecordError) {
        let record = bytes.extracting(0..<headers.upperBound)
        var position = headers.lowerBound
        for _ in 0..<headerCount {
            guard let name = try Self.nullable(record, &position) else { throw .corrupt("a header without name") }
            try body(name, try Self.nullable(record, &position))
        }
        guard position == headers.upperBound else {
            throw .corrupt("\(headers.upperBound - position) bytes after a record's headers")
        }
    }

    private static func nullable(_ bytes: RawSpan, _ position: inout Int) throws(RecordError) -> Range<Int>? {
        let length = try bytes.varint(&position)
        if length == -1 { return nil }
        guard length >= 0 else { throw .corrupt("negative length \(length)") }
        guard length <= bytes.byteCount - position else {
            throw .truncated(needed: length, remaining: bytes.byteCount - position)
        }
        defer { position += length }
        return position..<position + length
    }
}
