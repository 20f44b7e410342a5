/// A record's number in its partition. Never a place in a file.
package typealias Offset = Int64

/// What a topic is, whatever it is called: 16 random bytes, shown as 22 characters of URL-safe base64 without padding.
/// Zero means "no id". (KIP-516)
package struct TopicID: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static let zero = TopicID(high: 0, low: 0)
}

/// Bytes of a file that can be sent as they are, without reading them into memory first.
package struct FileSpan: Sendable {
    package var source: any FileSpanSource
    /// In bytes from the beginning of the file.
    package var position: Int64
    package var length: Int

    package init(source: any FileSpanSource, position: Int64, length: Int) {
        self.source = source
        self.position = position
        self.length = length
    }
}

/// Keeps a file readable while a ``FileSpan`` of it is about, even if its name is gone.
package protocol FileSpanSource: AnyObject, Sendable {
    /// For `sendfile`; nil where there is none (a disk in memory): then ``read(position:length:)`` is used.
    var descriptor: Int32? { get }
    /// Reads exactly `length` bytes, or fewer at the end of the file.
    func read(position: Int64, length: Int) throws -> [UInt8]
}

/// What is written to a connection: bytes in memory, or bytes of a file. In order.
package enum OutputPiece: Sendable {
    case bytes([UInt8])
    case file(FileSpan)

    package var length: Int {
        switch self {
        case .bytes(let bytes): bytes.count
        case .file(let span): span.length
        }
    }
}
