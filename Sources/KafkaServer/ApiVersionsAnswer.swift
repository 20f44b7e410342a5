import KafkaProtocol

/// Answers ApiVersions, which the server can do alone.
enum ApiVersionsAnswer {
    /// - Throws: when the body of a version that is spoken cannot be read.
    static func frame(to header: RequestHeader, _ body: ArraySlice<UInt8>) throws(WireError) -> Reply {
        var response = ApiVersionsResponse()
        guard header.isSpoken else {
            // The body is not to be read, and the client knows version 0 for certain (KIP-511).
            response.errorCode = .unsupportedVersion
            response.apiKeys = [entry(.apiVersions)]
            return .frame(try response.frame(version: 0, correlationId: header.correlationId))
        }
        let request = try ApiVersionsRequest(decoding: body, version: header.apiVersion)
        if header.apiVersion >= 3, !isName(request.clientSoftwareName) || !isName(request.clientSoftwareVersion) {
            response.errorCode = .invalidRequest
        } else {
            response.apiKeys = APIKey.allCases.map(entry)
        }
        return .frame(try response.frame(version: header.apiVersion, correlationId: header.correlationId))
    }

    private static func entry(_ api: APIKey) -> ApiVersionsResponse.ApiKeys {
        var entry = ApiVersionsResponse.ApiKeys()
        entry.apiKey = api.rawValue
        entry.minVersion = api.advertisedVersions.lowerBound
        entry.maxVersion = api.advertisedVersions.upperBound
        return entry
    }

    /// Kafka's rule: `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
    static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last else { return false }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
