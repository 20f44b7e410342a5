package import Records

/// The body of a request or a response.
package protocol Message: WireStruct {
    static var api: APIKey { get }
}

/// What a client sends. Files of `Messages/` hold a request and its response each, and what the versions changed.
package protocol RequestMessage: Message {
    associatedtype Response: ResponseMessage
}

/// What the broker answers.
package protocol ResponseMessage: Message {}

extension Message {
    /// The versions whose layout is written down here: see ``APIKey/versions``.
    package static var versions: ClosedRange<Int16> { api.versions }

    fileprivate static func require(_ version: Int16) throws(WireError) {
        guard versions.contains(version) else { throw .unsupportedVersion(api, version) }
    }
}

extension RequestMessage {
    /// Reads the body of a request, as ``RequestHeader/parse(_:)`` returned it.
    ///
    /// Bytes after the last field are ignored, as Kafka does: librdkafka's Metadata request leaves three.
    /// - Parameter elementLimit: array elements taken in the whole message; each costs up to some 150 bytes of memory.
    package init(
        decoding body: ArraySlice<UInt8>, version: Int16, elementLimit: Int = FieldReader.defaultElementLimit
    ) throws(WireError) {
        try Self.require(version)
        self.init()
        var reader = FieldReader(
            body, version: version, isFlexible: version >= Self.api.flexibleFrom, elementLimit: elementLimit)
        try reader.walk(&self)
    }

    /// The whole frame of the request, its size in front.
    package func frame(version: Int16, correlationId: Int32, clientId: String?) throws(WireError) -> [UInt8] {
        try Self.require(version)
        var writer = FieldWriter(version: version, isFlexible: version >= Self.api.flexibleFrom)
        let header = RequestHeader(
            apiKey: Self.api.rawValue, apiVersion: version, correlationId: correlationId, clientId: clientId)
        try header.write(to: &writer)
        var body = self
        try writer.walk(&body)
        return try writer.frame().reduce(into: []) { frame, piece in
            // A request is never served from a file.
            if case .bytes(let bytes) = piece { frame.append(contentsOf: bytes) }
        }
    }
}

extension ResponseMessage {
    /// Reads a response from a frame without its size.
    package static func decode(
        frame: ArraySlice<UInt8>, version: Int16, elementLimit: Int = FieldReader.defaultElementLimit
    ) throws(WireError) -> (correlationId: Int32, response: Self) {
        try require(version)
        var reader = FieldReader(
            frame, version: version, isFlexible: version >= api.flexibleFrom, elementLimit: elementLimit)
        var header = ResponseHeader()
        try header.walk(&reader, api: api)
        var response = Self()
        try reader.walk(&response)
        return (header.correlationId, response)
    }

    /// The whole frame of the response, its size in front; spans of files pass through as they are.
    package func frame(version: Int16, correlationId: Int32) throws(WireError) -> [OutputPiece] {
        try Self.require(version)
        var writer = FieldWriter(version: version, isFlexible: version >= Self.api.flexibleFrom)
        var header = ResponseHeader(correlationId: correlationId)
        try header.walk(&writer, api: Self.api)
        var body = self
        try writer.walk(&body)
        return try writer.frame()
    }
}
