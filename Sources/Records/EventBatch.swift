/// A range of bytes in the block of its batch.
package struct Slice: Hashable, Sendable {
    package var start: UInt32
    package var length: UInt32

    package init(start: UInt32, length: UInt32) {
        self.start = start
        self.length = length
    }

    /// "There is none": a record without key.
    package static let none = Slice(start: 0, length: .max)

    package var isNone: Bool { length == .max }
}

/// One line, or whatever a source takes for one event: slices into the block of its batch, no reference of its own.
package struct Event: Hashable, Sendable {
    package var value: Slice
    package var key: Slice
    /// Milliseconds since 1970, UTC.
    package var timestamp: Int64
    package var flags: Flags

    package struct Flags: OptionSet, Hashable, Sendable {
        package var rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// The event goes on where the one before it was cut at the longest line; encoded as a header.
        package static let continuation = Flags(rawValue: 1)
    }

    package init(value: Slice, key: Slice = .none, timestamp: Int64, flags: Flags = []) {
        self.value = value
        self.key = key
        self.timestamp = timestamp
        self.flags = flags
    }
}

/// A record header: constant for a batch, or decoded from a record.
package struct Header: Hashable, Sendable {
    package var name: String
    /// nil is a header without value, which Kafka tells from an empty one.
    package var value: [UInt8]?

    package init(name: String, value: [UInt8]?) {
        self.name = name
        self.value = value
    }
}

/// The unit of work between source and sink: one shared, read-only buffer and a flat table of slices into it.
package struct EventBatch: Sendable {
    package let block: Block
    package var events: [Event]
    /// On every event of the batch.
    package var headers: [Header]

    package init(block: Block, events: [Event] = [], headers: [Header] = []) {
        self.block = block
        self.events = events
        self.headers = headers
    }
}
