import KafkaProtocol
import Records

/// What comes over a connection, and what groups keep in `__consumer_offsets`.
enum FuzzWire {
    private static let frameLimit = 1 << 16

    /// The bytes of a connection: frames with their sizes in front, as the server cuts and parses them.
    static func requests(_ bytes: inout ByteReader) throws -> String? {
        var decoder = FrameDecoder(limit: frameLimit)
        decoder.feed(bytes.rest())
        while let frame = try? decoder.next() {
            guard let (header, body) = try? RequestHeader.parse(frame), header.isSpoken, let api = header.api else {
                continue
            }
            if let complaint = try request(api.request, header, body) {
                return "\(api) \(header.apiVersion): \(complaint)"
            }
        }
        return nil
    }

    /// What was read can be written, and comes out of that as it is.
    private static func request<Request: RequestMessage>(
        _: Request.Type, _ header: RequestHeader, _ body: ArraySlice<UInt8>
    ) throws -> String? {
        guard let request = try? Request(decoding: body, version: header.apiVersion) else { return nil }
        func write(_ request: Request) throws -> [UInt8] {
            try request.frame(
                version: header.apiVersion, correlationId: header.correlationId, clientId: header.clientId)
        }
        let once = try write(request)
        let (_, written) = try RequestHeader.parse(once[4...])
        let twice = try write(Request(decoding: written, version: header.apiVersion))
        return once == twice ? nil : "not the same when written again"
    }

    /// ```
    /// u8   which request it answers, u8 version
    ///      a frame without its size
    /// ```
    static func response(_ bytes: inout ByteReader) throws -> String? {
        let api = try bytes.choose(APIKey.allCases)
        let version = try bytes.choose(Array(api.versions))
        return try answer(to: api.request, version, bytes.rest()).map { "\(api) \(version): \($0)" }
    }

    private static func answer<Request: RequestMessage>(
        to _: Request.Type, _ version: Int16, _ frame: [UInt8]
    ) throws -> String? {
        guard let (id, answer) = try? Request.Response.decode(frame: frame[...], version: version) else { return nil }
        let once = try whole(answer, version, id)
        let (_, again) = try Request.Response.decode(frame: once[4...], version: version)
        return try whole(again, version, id) == once ? nil : "not the same when written again"
    }

    private static func whole(_ answer: some ResponseMessage, _ version: Int16, _ id: Int32) throws -> [UInt8] {
        try answer.frame(version: version, correlationId: id).reduce(into: []) { whole, piece in
            if case .bytes(let bytes) = piece { whole += bytes }
        }
    }

    /// ```
    /// u8   which kind of value
    ///      the value, behind its version
    /// ```
    static func value(_ bytes: inout ByteReader) throws -> String? {
        let kind = try bytes.byte() % 5
        let value = bytes.rest()
        switch kind {
        case 0:
            guard let key = try? OffsetsKey.decode(value[...]) else { return nil }
            return try OffsetsKey.decode(key.encode()[...]) == key ? nil : "another key when written again"
        case 1: return try again(OffsetCommitValue.self, value)
        case 2: return try again(GroupMetadataValue.self, value)
        case 3: return try again(ConsumerSubscription.self, value)
        default: return try again(ConsumerAssignment.self, value)
        }
    }

    private static func again<Value: VersionedValue & Equatable>(_: Value.Type, _ bytes: [UInt8]) throws -> String? {
        guard let value = try? Value(decoding: bytes[...]) else { return nil }
        let version = min(Int16(bytes[0]) << 8 | Int16(bytes[1]), Value.versions.upperBound)
        let written = try value.encode(version: version)
        return try Value(decoding: written[...]) == value ? nil : "another \(Value.self) when written again"
    }
}

/// Inputs to begin with.
extension FuzzWire {
    static var requestSeeds: [[UInt8]] {
        APIKey.allCases.flatMap { api in api.versions.compactMap { empty(api.request, $0) } }
    }

    private static func empty<Request: RequestMessage>(_: Request.Type, _ version: Int16) -> [UInt8]? {
        try? Request().frame(version: version, correlationId: 1, clientId: "c")
    }

    static var responseSeeds: [[UInt8]] {
        APIKey.allCases.enumerated().flatMap { place, api in
            api.versions.enumerated().compactMap { number, version in
                emptyAnswer(to: api.request, version).map { [UInt8(place), UInt8(number)] + $0 }
            }
        }
    }

    private static func emptyAnswer<Request: RequestMessage>(to _: Request.Type, _ version: Int16) -> [UInt8]? {
        (try? whole(Request.Response(), version, 1)).map { Array($0.dropFirst(4)) }
    }

    static var valueSeeds: [[UInt8]] {
        let key = OffsetsKey.offset(group: "g", topic: "t", partition: 1)
        var values: [[UInt8]] = [key, .group("g")].compactMap { try? $0.encode() }.map { [0] + $0 }
        for version in OffsetCommitValue.versions {
            values += [(try? OffsetCommitValue().encode(version: version)).map { [1] + $0 }].compactMap(\.self)
        }
        for version in GroupMetadataValue.versions {
            values += [(try? GroupMetadataValue().encode(version: version)).map { [2] + $0 }].compactMap(\.self)
        }
        for version in ConsumerSubscription.versions {
            values += [(try? ConsumerSubscription().encode(version: version)).map { [3] + $0 }].compactMap(\.self)
            values += [(try? ConsumerAssignment().encode(version: version)).map { [4] + $0 }].compactMap(\.self)
        }
        return values
    }
}
