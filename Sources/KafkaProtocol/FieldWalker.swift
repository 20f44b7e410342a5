package import Records

/// Goes over the fields of a message in the order of the wire: ``FieldReader`` fills them, ``FieldWriter`` writes them.
/// So each layout stands once, and a reader and a writer cannot disagree.
///
/// Old versions put a 2-byte length before a string and a 4-byte one before bytes and arrays, -1 for null; flexible
/// versions an unsigned varint of the length plus one, 0 for null (kafka-format: "Frames, headers, types").
package protocol FieldWalker {
    /// Of the message that is walked; layouts ask it which fields are there.
    var version: Int16 { get }

    mutating func walk(_ value: inout Bool) throws(WireError)
    mutating func walk(_ value: inout Int8) throws(WireError)
    mutating func walk(_ value: inout Int16) throws(WireError)
    mutating func walk(_ value: inout Int32) throws(WireError)
    mutating func walk(_ value: inout Int64) throws(WireError)
    mutating func walk(_ value: inout TopicID) throws(WireError)
    mutating func walk(_ value: inout String) throws(WireError)
    mutating func walk(_ value: inout [UInt8]) throws(WireError)
    mutating func walk(_ value: inout [UInt8]?) throws(WireError)

    /// - Parameter nullable: whether this version has null; where it has not, nil is written as empty and null refused.
    mutating func walk(_ value: inout String?, nullable: Bool) throws(WireError)

    mutating func walk<Element: WireValue>(_ array: inout [Element]) throws(WireError)
    /// - Parameter nullable: as for strings.
    mutating func walk<Element: WireValue>(_ array: inout [Element]?, nullable: Bool) throws(WireError)

    /// Record batches of a request: read, they are a part of the frame, not a copy.
    mutating func walk(records: inout ArraySlice<UInt8>?) throws(WireError)
    /// Record batches of a response: written, spans of files stay spans. Null is read as empty.
    mutating func walk(records: inout [OutputPiece]) throws(WireError)

    /// A tagged field, from within ``WireStruct/walkTags(_:)`` only; a value equal to `absent` is left out.
    mutating func walk<Value: WireValue & Equatable>(
        tag: UInt32, _ value: inout Value, absent: Value
    ) throws(WireError)

    /// The tagged fields that end every struct of a flexible version; nothing in older ones.
    mutating func walkTagged(_ value: inout some WireStruct) throws(WireError)
}

extension FieldWalker {
    package mutating func walk(_ value: inout String?) throws(WireError) { try walk(&value, nullable: true) }

    package mutating func walk<Element: WireValue>(_ array: inout [Element]?) throws(WireError) {
        try walk(&array, nullable: true)
    }

    /// A struct: its fields, then its tagged fields. The latter cannot be forgotten in a layout.
    package mutating func walk(_ value: inout some WireStruct) throws(WireError) {
        try value.walkFields(&self)
        try walkTagged(&value)
    }

    package mutating func walk(_ value: inout ErrorCode) throws(WireError) {
        var raw = value.rawValue
        try walk(&raw)
        value = ErrorCode(rawValue: raw) ?? .unknownServerError
    }
}

/// What can be an element of an array or a tagged field.
package protocol WireValue: Sendable {
    init()
    mutating func walk(in fields: inout some FieldWalker) throws(WireError)
}

/// A struct of the protocol: a message, or a part of one.
package protocol WireStruct: WireValue {
    /// Everything but the tagged fields, in the order of the wire.
    mutating func walkFields(_ fields: inout some FieldWalker) throws(WireError)
    /// The tagged fields that are known, by ascending tag; called only in flexible versions, and more than once.
    mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError)
}

extension WireStruct {
    package mutating func walkTags(_ fields: inout some FieldWalker) throws(WireError) {}
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) { try fields.walk(&self) }
}

extension Int32: WireValue {
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) { try fields.walk(&self) }
}

extension Int64: WireValue {
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) { try fields.walk(&self) }
}

extension Bool: WireValue {
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) { try fields.walk(&self) }
}

extension String: WireValue {
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) { try fields.walk(&self) }
}

extension ErrorCode: WireValue {
    package init() { self = .none }
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) { try fields.walk(&self) }
}

extension TopicID: WireValue {
    package init() { self = .zero }
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) { try fields.walk(&self) }
}

extension Array: WireValue where Element: WireValue {
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) { try fields.walk(&self) }
}

extension Optional: WireValue where Wrapped == String {
    package init() { self = nil }
    package mutating func walk(in fields: inout some FieldWalker) throws(WireError) {
        try fields.walk(&self, nullable: true)
    }
}
