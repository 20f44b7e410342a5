package import KafkaProtocol

/// Names of topics that mean something here.
package enum TopicName {
    /// Topics of this program, which only it makes and writes.
    static let reservedPrefix = "__penstock_"
    /// What groups have committed.
    package static let offsets = "__consumer_offsets"

    /// A name for a text about it, no longer than a topic's can be.
    static func cut(_ name: String) -> String {
        name.utf8.count <= 249 ? name : String(decoding: name.utf8.prefix(249), as: UTF8.self)
    }

    /// Names with the same fingerprint collide: Kafka's metrics cannot tell `.` from `_`.
    static func fingerprint(_ name: String) -> [UInt8] {
        name.utf8.map { $0 == UInt8(ascii: ".") ? UInt8(ascii: "_") : $0 }
    }
}

/// Why a topic could not be made or deleted.
package struct TopicFailure: Error, Hashable, CustomStringConvertible {
    package var code: ErrorCode
    package var message: String

    package var description: String { message }
}
