package import Records

/// One thing that stands in a file of a data directory, for people and programs to look at: what it is, and its fields in
/// the order in which they are told.
package struct InspectedItem: Hashable, Sendable {
    package enum Kind: String, CaseIterable, Sendable {
        /// What follows stands in this file.
        case file
        /// A record batch of magic 2, or an entry of an old message set.
        case batch
        case record
        /// Entries of the three indexes.
        case offset, time, aborted
        /// Of a producer snapshot.
        case producer
        /// A line of a checkpoint, of the leader epochs, of a properties file.
        case checkpoint, epoch, property
        /// Bytes of an index that a Kafka broker had ready for entries to come.
        case room
        /// A place that does not say what it should, and why.
        case damage
    }

    package var kind: Kind
    package var fields: [InspectedField]

    package init(_ kind: Kind, _ fields: [InspectedField]) {
        self.kind = kind
        self.fields = fields
    }

    package subscript(_ name: String) -> InspectedValue? { fields.first { $0.name == name }?.value }
}

package struct InspectedField: Hashable, Sendable {
    package var name: String
    package var value: InspectedValue

    package init(_ name: String, _ value: InspectedValue) {
        self.name = name
        self.value = value
    }

    package init(_ name: String, _ value: some BinaryInteger) {
        // Device numbers and the like have 64 bits without sign.
        self.init(name, Int64(exactly: value).map { .integer($0) } ?? .text("\(value)"))
    }

    package init(_ name: String, _ value: String) { self.init(name, .text(value)) }
    package init(_ name: String, _ value: TopicID) { self.init(name, .text("\(value)")) }
    package init(_ name: String, _ value: Bool) { self.init(name, .flag(value)) }
    package init(_ name: String, _ value: [UInt8]?) { self.init(name, value.map { .bytes($0) } ?? .null) }

    /// Eight digits, as checksums are compared.
    package init(_ name: String, hexadecimal value: UInt32) {
        let digits = String(value, radix: 16)
        self.init(name, .text(String(repeating: "0", count: 8 - digits.utf8.count) + digits))
    }
}

package indirect enum InspectedValue: Hashable, Sendable {
    case null
    case flag(Bool)
    case integer(Int64)
    case text(String)
    /// A key or a value: text, most likely.
    case bytes([UInt8])
    case list([InspectedValue])
    case fields([InspectedField])
}
