import KafkaProtocol
import Records

/// A request that is worked on, and its answer once there is one. Belongs to the loop's thread.
final class Exchange: @unchecked Sendable {  // handed through the broker's callback, touched on the loop's thread only
    let api: APIKey?
    let name: String
    /// Bytes of the request.
    let size: Int
    var reply: Reply?

    init(_ header: RequestHeader, size: Int) {
        api = header.api
        name = "\(header.api?.name ?? "request \(header.apiKey)") version \(header.apiVersion)"
        self.size = size
    }

    /// Whether it may wait for others for long: who has gone does not get its answer.
    var mayLast: Bool {
        switch api {
        case .fetch, .joinGroup, .syncGroup: true
        default: false
        }
    }
}

/// What goes back for a request.
enum Reply: Sendable {
    case frame([OutputPiece])
    /// Produce with `acks=0`.
    case nothing
    case close(reason: String)
}
