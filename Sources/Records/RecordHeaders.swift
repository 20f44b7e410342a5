/// The headers of a batch's events, encoded once as they stand at the end of each record.
struct RecordHeaders {
    /// Marks each later part of a line that was split.
    static let continuation = Header(name: "penstock.continuation", value: [0x31])

    let source: [Header]
    // With the slack of a copy behind them.
    private let plain: [UInt8]
    private let continued: [UInt8]

    init(_ headers: [Header]) {
        source = headers
        plain = Self.encode(headers)
        continued = Self.encode(headers + [Self.continuation])
    }

    /// Bytes of the longer form.
    var largest: Int { continued.count - ByteScan.slack }

    /// Bytes of the form for ordinary events.
    var plainBytes: Int { plain.count - ByteScan.slack }

    /// Lends the bytes for ordinary events and for those that continue a line.
    func withUnsafeBytes<Result>(
        _ body: (_ plain: UnsafeRawPointer, _ continued: UnsafeRawPointer) -> Result
    ) -> Result {
        // Safety: both arrays outlive the call, and are never empty.
        unsafe plain.withUnsafeBytes { plain in
            unsafe continued.withUnsafeBytes { continued in
                unsafe body(plain.baseAddress!, continued.baseAddress!)
            }
        }
    }

    private static func encode(_ headers: [Header]) -> [UInt8] {
        var writer = ByteWriter()
        RecordBatch.appendHeaders(headers, to: &writer)
        return writer.bytes + [UInt8](repeating: 0, count: ByteScan.slack)
    }
}
