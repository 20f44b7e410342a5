/// The headers of a batch's events, encoded once as they stand at the end of each record.
struct RecordHeaders {
    /// Marks each later part of a line that was split.
    static let continuation = Header(name: "penstock.continuation", value: [0x31])

    let source: [Header]
    private let plain: [UInt8]
    private let continued: [UInt8]

    init(_ headers: [Header]) {
        source = headers
        plain = Self.encode(headers)
        continued = Self.encode(headers + [Self.continuation])
    }

    /// Bytes of the longer form.
    var largest: Int { continued.count }

    /// Lends the bytes for ordinary events and for those that continue a line. Neither is empty.
    func withUnsafeBytes<Result>(
        _ body: (_ plain: UnsafeRawBufferPointer, _ continued: UnsafeRawBufferPointer) -> Result
    ) -> Result {
        // Safety: both arrays outlive the call.
        unsafe plain.withUnsafeBytes { plain in
            unsafe continued.withUnsafeBytes { continued in unsafe body(plain, continued) }
        }
    }

    private static func encode(_ headers: [Header]) -> [UInt8] {
        var writer = ByteWriter()
        RecordBatch.appendHeaders(headers, to: &writer)
        return writer.bytes
    }
}
