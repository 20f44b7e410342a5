/// What precedes the body of every request.
///
/// | version | fields | used by |
/// |---|---|---|
/// | 1 | apiKey i16, apiVersion i16, correlationId i32, clientId nullable string | versions before `flexibleFrom` |
/// | 2 | the same, **clientId in its old form**, tagged fields | flexible versions |
package struct RequestHeader: Equatable, Sendable {
    /// As sent: it need not be a key of ``APIKey``.
    package var apiKey: Int16 = 0
    package var apiVersion: Int16 = 0
    package var correlationId: Int32 = 0
    package var clientId: String?

    package init(apiKey: Int16 = 0, apiVersion: Int16 = 0, correlationId: Int32 = 0, clientId: String? = nil) {
        self.apiKey = apiKey
        self.apiVersion = apiVersion
        self.correlationId = correlationId
        self.clientId = clientId
    }

    /// nil for a key that is not spoken.
    package var api: APIKey? { APIKey(rawValue: apiKey) }

    /// Whether the body can be decoded. If not, Kafka closes the connection, except for ApiVersions, which is answered
    /// in version 0 with UNSUPPORTED_VERSION and the range, its body unread.
    package var isSpoken: Bool { api?.versions.contains(apiVersion) ?? false }

    /// Reads the header of a request from a frame without its size.
    ///
    /// A header whose API or version is not spoken is read as far as its clientId, and says so in ``isSpoken``; its body
    /// is then of no use.
    package static func parse(
        _ frame: ArraySlice<UInt8>
    ) throws(WireError) -> (header: RequestHeader, body: ArraySlice<UInt8>) {
        var reader = FieldReader(frame, version: 1, isFlexible: false)
        var header = RequestHeader()
        try header.walk(&reader)
        if header.isSpoken, let api = header.api, header.apiVersion >= api.flexibleFrom { try reader.skipTags() }
        return (header, reader.rest)
    }

    func write(to writer: inout FieldWriter) throws(WireError) {
        var plain = FieldWriter(version: 1, isFlexible: false)
        var header = self
        try header.walk(&plain)
        writer.append(plain)
        if writer.isFlexible { writer.appendNoTags() }
    }

    private mutating func walk(_ fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&apiKey)
        try fields.walk(&apiVersion)
        try fields.walk(&correlationId)
        try fields.walk(&clientId)
    }
}

/// What precedes the body of every response: the correlation id, and tagged fields in flexible versions. ApiVersions
/// never has the latter, so that a client which does not know the broker yet can read it.
struct ResponseHeader: WireStruct {
    var correlationId: Int32 = 0

    init() {}

    init(correlationId: Int32) { self.correlationId = correlationId }

    mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError) { try fields.walk(&correlationId) }

    mutating func walk(_ fields: inout some FieldWalker, api: APIKey) throws(WireError) {
        try walkFields(&fields)
        if api != .apiVersions { try fields.walkTagged(&self) }
    }
}
