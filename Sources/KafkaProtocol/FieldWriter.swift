package import Records

/// Writes the fields of a message. Everything is collected in memory but spans of files, which stay spans.
package struct FieldWriter: FieldWalker {
    package let version: Int16
    let isFlexible: Bool
    /// What precedes the last span of a file.
    private var done: [OutputPiece] = []
    private var bytes = ByteWriter()
    /// Tagged fields are walked twice: counted first, then written.
    private var tags = Tags.counting(0)

    private enum Tags {
        case counting(UInt32)
        case writing
    }

    package init(version: Int16, isFlexible: Bool) {
        self.version = version
        self.isFlexible = isFlexible
    }

    package mutating func walk(_ value: inout Bool) throws(WireError) { bytes.write(value ? 1 : 0 as UInt8) }
    package mutating func walk(_ value: inout Int8) throws(WireError) { bytes.write(value) }
    package mutating func walk(_ value: inout Int16) throws(WireError) { bytes.write(value) }
    package mutating func walk(_ value: inout Int32) throws(WireError) { bytes.write(value) }
    package mutating func walk(_ value: inout Int64) throws(WireError) { bytes.write(value) }

    package mutating func walk(_ value: inout TopicID) throws(WireError) {
        bytes.write(value.high)
        bytes.write(value.low)
    }

    package mutating func walk(_ value: inout String) throws(WireError) { try append(value) }

    package mutating func walk(_ value: inout String?, nullable: Bool) throws(WireError) {
        guard let text = value ?? (nullable ? nil : "") else { return try append(length: nil, widthOfOld: 2) }
        try append(text)
    }

    package mutating func walk(_ value: inout [UInt8]) throws(WireError) {
        try append(length: value.count, widthOfOld: 4)
        bytes.append(contentsOf: value)
    }

    package mutating func walk(_ value: inout [UInt8]?) throws(WireError) {
        try append(length: value?.count, widthOfOld: 4)
        bytes.append(contentsOf: value ?? [])
    }

    package mutating func walk(records: inout ArraySlice<UInt8>?) throws(WireError) {
        try append(length: records?.count, widthOfOld: 4)
        bytes.append(contentsOf: records ?? [])
    }

    package mutating func walk(records: inout [OutputPiece]) throws(WireError) {
        try append(length: records.reduce(0) { $0 + $1.length }, widthOfOld: 4)
        for piece in records where piece.length > 0 {
            switch piece {
            case .bytes(let more):
                bytes.append(contentsOf: more)
            case .file:
                done.append(.bytes(bytes.bytes))
                done.append(piece)
                bytes = ByteWriter()
            }
        }
    }

    package mutating func walk<Element: WireValue>(_ array: inout [Element]) throws(WireError) {
        try append(length: array.count, widthOfOld: 4)
        // A copy of each element: writing through `array` would copy the whole of it, which the message shares.
        for element in array {
            var element = element
            try element.walk(in: &self)
        }
    }

    package mutating func walk<Element: WireValue>(_ array: inout [Element]?, nullable: Bool) throws(WireError) {
        guard var present = array ?? (nullable ? nil : []) else { return try append(length: nil, widthOfOld: 4) }
        try walk(&present)
    }

    package mutating func walkTagged(_ value: inout some WireStruct) throws(WireError) {
        guard isFlexible else { return }
        let outer = tags
        defer { tags = outer }
        tags = .counting(0)
        try value.walkTags(&self)
        guard case .counting(let count) = tags else { return }
        bytes.writeUnsignedVarint(count)
        tags = .writing
        if count > 0 { try value.walkTags(&self) }
    }

    package mutating func walk<Value: WireValue & Equatable>(
        tag: UInt32, _ value: inout Value, absent: Value
    ) throws(WireError) {
        guard value != absent else { return }
        switch tags {
        case .counting(let count):
            tags = .counting(count + 1)
        case .writing:
            bytes.writeUnsignedVarint(tag)
            let start = bytes.count
            try value.walk(in: &self)
            var size = ByteWriter()
            size.writeUnsignedVarint(UInt32(bytes.count - start))
            bytes.bytes.insert(contentsOf: size.bytes, at: start)
        }
    }

    /// What was written since the last span of a file: all, where there is none.
    var collected: [UInt8] { bytes.bytes }

    /// What was written, behind its size.
    package func frame() throws(WireError) -> [OutputPiece] {
        let body = bytes.count == 0 ? done : done + [.bytes(bytes.bytes)]
        let size = body.reduce(0) { $0 + $1.length }
        guard let size = Int32(exactly: size) else { throw .frameSize(size, limit: Int(Int32.max)) }
        var prefix = ByteWriter()
        prefix.write(size)
        guard case .bytes(let first)? = body.first else { return [.bytes(prefix.bytes)] + body }
        return [.bytes(prefix.bytes + first)] + body.dropFirst()
    }
}

extension FieldWriter {
    /// Takes over what another writer collected in memory.
    mutating func append(_ other: FieldWriter) { bytes.append(contentsOf: other.collected) }

    /// Ends a struct that has no tagged fields.
    mutating func appendNoTags() { bytes.write(0 as UInt8) }

    private mutating func append(_ text: String) throws(WireError) {
        let utf8 = text.utf8
        try append(length: utf8.count, widthOfOld: 2)
        bytes.append(contentsOf: utf8)
    }

    private mutating func append(length: Int?, widthOfOld: Int) throws(WireError) {
        let limit = !isFlexible && widthOfOld == 2 ? Int(Int16.max) : Int(Int32.max)
        guard (length ?? 0) <= limit else { throw .invalid("a field of \(length ?? 0) bytes cannot be written") }
        if isFlexible {
            bytes.writeUnsignedVarint(UInt32((length ?? -1) + 1))
        } else if widthOfOld == 2 {
            bytes.write(Int16(length ?? -1))
        } else {
            bytes.write(Int32(length ?? -1))
        }
    }
}
