package import Records

/// Reads the fields of a message from bytes nobody vouches for.
///
/// Every length is checked against what remains before anything is allocated for it, and arrays grow as their elements
/// are read, so a lying length or count costs nothing. A field that cannot be read throws; the message is then dropped.
package struct FieldReader: FieldWalker {
    /// Array elements taken in one message. The largest honest requests name each partition of a broker some times.
    package static let defaultElementLimit = 1_000_000

    /// Bytes of one string at most: what the old form has a length for. Kafka takes no longer ones in the flexible form
    /// either.
    package static let stringLimit = Int(Int16.max)

    package let version: Int16
    let isFlexible: Bool
    private let elementLimit: Int
    private var elements = 0
    private var bytes: ByteReader
    /// The tagged field that is being offered to ``walk(tag:_:absent:)``.
    private var currentTag: UInt32 = 0

    package init(
        _ bytes: ArraySlice<UInt8>, version: Int16, isFlexible: Bool,
        elementLimit: Int = FieldReader.defaultElementLimit
    ) {
        self.bytes = ByteReader(bytes)
        self.version = version
        self.isFlexible = isFlexible
        self.elementLimit = elementLimit
    }

    /// What has not been read.
    package var rest: ArraySlice<UInt8> {
        var copy = bytes
        return (try? copy.readBytes(copy.remaining)) ?? []
    }

    package mutating func walk(_ value: inout Bool) throws(WireError) {
        value = try integer(UInt8.self) != 0
    }

    package mutating func walk(_ value: inout Int8) throws(WireError) { value = try integer() }
    package mutating func walk(_ value: inout Int16) throws(WireError) { value = try integer() }
    package mutating func walk(_ value: inout Int32) throws(WireError) { value = try integer() }
    package mutating func walk(_ value: inout Int64) throws(WireError) { value = try integer() }

    package mutating func walk(_ value: inout TopicID) throws(WireError) {
        value = TopicID(high: try integer(), low: try integer())
    }

    package mutating func walk(_ value: inout String) throws(WireError) {
        guard let text = try string() else { throw .invalid("null where a string is required") }
        value = text
    }

    package mutating func walk(_ value: inout String?, nullable: Bool) throws(WireError) {
        value = try string()
        guard nullable || value != nil else { throw .invalid("null where a string is required") }
    }

    package mutating func walk(_ value: inout [UInt8]) throws(WireError) {
        guard let slice = try slice() else { throw .invalid("null where bytes are required") }
        value = Array(slice)
    }

    package mutating func walk(_ value: inout [UInt8]?) throws(WireError) { value = try slice().map(Array.init) }

    package mutating func walk(records: inout ArraySlice<UInt8>?) throws(WireError) { records = try slice() }

    package mutating func walk(records: inout [OutputPiece]) throws(WireError) {
        guard let slice = try slice(), !slice.isEmpty else { return records = [] }
        records = [.bytes(Array(slice))]
    }

    package mutating func walk<Element: WireValue>(_ array: inout [Element]) throws(WireError) {
        var read: [Element]?
        try walk(&read, nullable: false)
        array = read ?? []
    }

    package mutating func walk<Element: WireValue>(_ array: inout [Element]?, nullable: Bool) throws(WireError) {
        guard let count = try length(widthOfOld: 4) else {
            guard nullable else { throw .invalid("null where an array is required") }
            return array = nil
        }
        // Each element takes at least a byte, so `length` has checked the count as well.
        elements += count
        guard elements <= elementLimit else { throw .tooManyElements(limit: elementLimit) }
        var read: [Element] = []
        read.reserveCapacity(min(count, 64))
        for _ in 0..<count {
            var element = Element()
            try element.walk(in: &self)
            read.append(element)
        }
        array = read
    }

    package mutating func walkTagged(_ value: inout some WireStruct) throws(WireError) {
        guard isFlexible else { return }
        let outer = currentTag
        try eachTag { (reader, tag) throws(WireError) in
            reader.currentTag = tag
            try value.walkTags(&reader)
        }
        currentTag = outer
    }

    package mutating func walk<Value: WireValue & Equatable>(
        tag: UInt32, _ value: inout Value, absent: Value
    ) throws(WireError) {
        guard tag == currentTag else { return }
        try value.walk(in: &self)
    }

    /// Passes over the tagged fields of a struct that has none of its own.
    mutating func skipTags() throws(WireError) { try eachTag { (_, _) throws(WireError) in } }

    /// Calls `body` for each tagged field, with a reader that sees that field's bytes only; what it leaves is skipped.
    private mutating func eachTag(
        _ body: (inout FieldReader, UInt32) throws(WireError) -> Void
    ) throws(WireError) {
        for _ in 0..<(try unsignedVarint()) {
            let tag = try unsignedVarint()
            let size = Int(try unsignedVarint())
            let field = try take(size)
            let behind = bytes
            bytes = ByteReader(field)
            try body(&self, tag)
            bytes = behind
        }
    }
}

extension FieldReader {
    private mutating func integer<Value: FixedWidthInteger>(_: Value.Type = Value.self) throws(WireError) -> Value {
        do { return try bytes.read() } catch { throw WireError(error) }
    }

    private mutating func unsignedVarint() throws(WireError) -> UInt32 {
        do { return try bytes.readUnsignedVarint() } catch { throw WireError(error) }
    }

    private mutating func take(_ count: Int) throws(WireError) -> ArraySlice<UInt8> {
        do { return try bytes.readBytes(count) } catch { throw WireError(error) }
    }

    /// A length or count that is covered by the bytes that remain; nil for null.
    private mutating func length(widthOfOld: Int) throws(WireError) -> Int? {
        let length: Int
        if isFlexible {
            length = Int(try unsignedVarint()) - 1
        } else if widthOfOld == 2 {
            length = Int(try integer(Int16.self))
        } else {
            length = Int(try integer(Int32.self))
        }
        guard length >= 0 else {
            guard length == -1 else { throw .invalid("a length of \(length)") }
            return nil
        }
        guard length <= bytes.remaining else { throw .truncated(needed: length, remaining: bytes.remaining) }
        return length
    }

    private mutating func string() throws(WireError) -> String? {
        guard let length = try length(widthOfOld: 2) else { return nil }
        guard length <= Self.stringLimit else { throw .invalid("a string of \(length) bytes") }
        // As Kafka does, bytes that are not UTF-8 become U+FFFD, which is three bytes for one.
        let text = String(decoding: try take(length), as: UTF8.self)
        let size = text.utf8.count
        guard size <= Self.stringLimit else { throw .invalid("a string of \(size) bytes") }
        return text
    }

    private mutating func slice() throws(WireError) -> ArraySlice<UInt8>? {
        guard let length = try length(widthOfOld: 4) else { return nil }
        return try take(length)
    }
}
