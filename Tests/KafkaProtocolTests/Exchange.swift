import Foundation
import KafkaProtocol
import Records
import TestSupport
import Testing

/// A request and its answer as real clients exchanged them: a line of `vectors/wire`.
struct Exchange: Sendable, CustomTestStringConvertible {
    let name: String
    let api: APIKey
    let version: Int16
    let clientId: String?
    /// With their sizes in front.
    let requestFrame: [UInt8]
    let responseFrame: [UInt8]
    /// The decoded forms, as JSON.
    let request: Data
    let response: Data

    var testDescription: String { name }

    /// Those whose API and version are spoken here.
    static let all: [Exchange] = {
        Shared.names(in: "vectors/wire").flatMap { file -> [Exchange] in
            let text = (try? Shared.bytes("vectors/wire/" + file)) ?? []
            return text.split(separator: UInt8(ascii: "\n")).compactMap { Exchange($0, file: file) }
        }
    }()

    init?(_ line: some Sequence<UInt8>, file: String) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line)) as? [String: Any],
            let key = object["key"] as? Int, let api = APIKey(rawValue: Int16(key)),
            let version = object["version"] as? Int, api.versions.contains(Int16(version)),
            let request = object["request_frame"] as? String, let response = object["response_frame"] as? String
        else { return nil }
        self.name = "\(file): \(api.name) \(version)"
        self.api = api
        self.version = Int16(version)
        self.clientId = object["client_id"] as? String
        self.requestFrame = bytes(request)
        self.responseFrame = bytes(response)
        self.request = (try? JSONSerialization.data(withJSONObject: object["request"] as Any)) ?? Data()
        self.response = (try? JSONSerialization.data(withJSONObject: object["response"] as Any)) ?? Data()
    }
}

extension APIKey {
    var response: any ResponseMessage.Type { Self.response(of: request) }

    private static func response<R: RequestMessage>(of: R.Type) -> any ResponseMessage.Type { R.Response.self }
}

extension ResponseMessage {
    /// The frame in one piece, without its size.
    func whole(version: Int16, correlationId: Int32) throws -> [UInt8] {
        let whole = try frame(version: version, correlationId: correlationId).reduce(into: [UInt8]()) { whole, piece in
            if case .bytes(let bytes) = piece { whole += bytes }
        }
        return Array(whole.dropFirst(4))
    }

    /// Reads a response and writes it again.
    static func again(_ frame: ArraySlice<UInt8>, version: Int16) throws -> [UInt8] {
        let (correlationId, response) = try decode(frame: frame, version: version)
        return try response.whole(version: version, correlationId: correlationId)
    }
}
