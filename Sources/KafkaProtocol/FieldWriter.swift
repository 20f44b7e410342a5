package import Records

/// Writes the fields of a message. Everything is collected in memory but spans of files, which stay spans.
package struct FieldWriter: FieldWalker {
    package let version: Int16
    let isFlexible: Bool
    /// What precedes the last span of a file.
    private var done: [OutputPiece] = []
    private var bytes: [UInt8] = []
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

    package mutating func walk(_ value: inout Bool) throws(WireError) { bytes.append(value ? 1 : 0) }
    package mutating func walk(_ value: inout Int8) throws(WireError) { append(value) }
    package mutating func walk(_ value: inout Int16) throws(WireError) { append(value) }
    package mutating func walk(_ value: inout Int32) throws(WireError) { append(value) }
    package mutating func walk(_ value: inout Int64) throws(WireError) { append(value) }

    package mutating func walk(_ value: inout TopicID) throws(WireError) {
        append(value.high)
        append(value.low)
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
        for piece in records {
            switch piece {
            case .bytes(let more):
                bytes.append(contentsOf: more)
            case .file:
                done.append(.bytes(bytes))
                done.append(piece)
                bytes = []
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
        appendUnsignedVarint(count)
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
            appendUnsignedVarint(tag)
            let start = bytes.count
            try value.walk(in: &self)
            var size = FieldWriter(version: version, isFlexible: true)
            size.appendUnsignedVarint(UInt32(bytes.count - start))
            bytes.insert(contentsOf: size.bytes, at: start)
        }
    }

    /// What was written, without a size in front.
    package func body() -> [OutputPiece] { bytes.isEmpty ? done : done + [.bytes(bytes)] }

    /// What was written, behind its size.
    package func frame() throws(WireError) -> [OutputPiece] {
        let body = body()
        let size = body.reduce(0) { $0 + $1.length }
        guard let size = Int32(exactly: size) else { throw .frameSize(size, limit: Int(Int32.max)) }
        var prefix = FieldWriter(version: version, isFlexible: false)
        prefix.append(size)
        guard case .bytes(let first)? = body.first else { return [.bytes(prefix.bytes)] + body }
        return [.bytes(prefix.bytes + first)] + body.dropFirst()
    }
}

extension FieldWriter {
    /// Takes over what another writer collected in memory.
    mutating func append(_ other: FieldWriter) { bytes.append(contentsOf: other.bytes) }

    /// Ends a struct that has no tagged fields.
    mutating func appendNoTags() { bytes.append(0) }

    private mutating func append(_ value: some FixedWidthInteger) {
        for shift in stride(from: value.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    private mutating func append(_ text: String) throws(WireError) {
        let utf8 = text.utf8
        try append(length: utf8.count, widthOfOld: 2)
        bytes.append(contentsOf: utf8)
    }

    private mutating func appendUnsignedVarint(_ value: UInt32) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func append(length: Int?, widthOfOld: Int) throws(WireError) {
        let limit = !isFlexible && widthOfOld == 2 ? Int(Int16.max) : Int(Int32.max)
        guard (length ?? 0) <= limit else { throw .invalid("a field of \(length ?? 0) bytes cannot be written") }
        if isFlexible {
            appendUnsignedVarint(UInt32((length ?? -1) + 1))
        } else if widthOfOld == 2 {
            append(Int16(length ?? -1))
        } else {
            append(Int32(length ?? -1))
        }
    }
}
