import Records

/// Why bytes from a connection are not the message they claim to be, or a message cannot be written as asked.
///
/// Kafka's answer to all of these is to close the connection: what follows on it cannot be trusted.
package enum WireError: Error, Equatable, Sendable {
    /// The message ends inside a field.
    case truncated(needed: Int, remaining: Int)
    /// A value no field may have: what it is, in words.
    case invalid(String)
    /// A frame announces more bytes than are taken, or a negative number of them.
    case frameSize(Int, limit: Int)
    /// An API key that is not in ``APIKey``.
    case unknownAPI(Int16)
    case unsupportedVersion(APIKey, Int16)
    /// The arrays of one message have more elements together than are taken.
    case tooManyElements(limit: Int)
}

extension WireError {
    /// From the cursor below.
    init(_ error: RecordError) {
        switch error {
        case .truncated(let needed, let remaining): self = .truncated(needed: needed, remaining: remaining)
        case .corrupt, .crcMismatch, .unsupportedMagic, .unsupportedCodec, .tooLarge: self = .invalid("\(error)")
        }
    }
}

extension WireError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .truncated(let needed, let remaining):
            "the message ends too early: \(needed) more bytes needed, \(remaining) there"
        case .invalid(let what):
            "the message is not valid: \(what)"
        case .frameSize(let size, let limit):
            "the frame announces \(size) bytes, at most \(limit) are taken"
        case .unknownAPI(let key):
            "API key \(key) is not known"
        case .unsupportedVersion(let api, let version):
            "\(api.name) version \(version) is not spoken, only \(api.versions.lowerBound) to \(api.versions.upperBound)"
        case .tooManyElements(let limit):
            "the message holds more than \(limit) array elements"
        }
    }
}
