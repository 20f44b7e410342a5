/// What a YAML text may cost.
package struct YAMLLimits: Sendable {
    package var bytes = ByteCount.mebibytes(1)
    package var depth = 32
    package var nodes = 100_000
    /// All texts together, after variables were put in.
    package var expanded = ByteCount.mebibytes(16)

    package init() {}
}

/// A YAML text as a tree with places. One document; no aliases, no tags; keys are plain text.
///
/// Variables (`${NAME}`, `${NAME:-default}`, `$${` for a literal `${`) are put into values, never into keys and never
/// into the structure: what the environment holds cannot add a key.
package enum YAMLDocument {
    /// - Parameters:
    ///   - bytes: the text, UTF-8.
    ///   - environment: the value of a variable, nil if it is not set.
    /// - Returns: nil after a mistake that makes the rest unreadable; mistakes in variables alone still give a tree.
    package static func read(
        _ bytes: [UInt8], limits: YAMLLimits = YAMLLimits(), environment: @escaping (String) -> String?,
        _ reader: inout NodeReader
    ) -> Node? {
        guard bytes.count <= limits.bytes.bytes else {
            reader.note(nil, "expected at most \(limits.bytes), found \(bytes.count) bytes")
            return nil
        }
        if let wrong = UnreadableText(in: bytes) {
            reader.note(wrong.place, "expected \(wrong.expected), found \(wrong.found)")
            return nil
        }
        let variables = Variables(environment: environment, room: limits.expanded.bytes)
        var builder = NodeBuilder(events: YAMLEvents(bytes), limits: limits, variables: variables, reader: reader)
        let node = builder.document()
        reader = builder.reader
        return node
    }
}

/// The first thing in a text that no configuration may hold.
struct UnreadableText {
    var place: Place
    var expected: String
    var found: String

    init?(in bytes: [UInt8]) {
        guard String(validating: bytes, as: UTF8.self) == nil || bytes.contains(0) else { return nil }
        var line = 1
        var column = 1
        var rest = bytes[...]
        while let byte = rest.first {
            if byte == 0 {
                self.init(place: Place(line: line, column: column), expected: "text", found: "a NUL byte")
                return
            }
            guard let size = Self.characterSize(rest) else {
                let shown = "the byte 0x" + String(byte, radix: 16)
                self.init(place: Place(line: line, column: column), expected: "UTF-8 text", found: shown)
                return
            }
            rest = rest.dropFirst(size)
            (line, column) = byte == 0x0A ? (line + 1, 1) : (line, column + 1)
        }
        return nil
    }

    private init(place: Place, expected: String, found: String) {
        self.place = place
        self.expected = expected
        self.found = found
    }

    /// Bytes of the character that `bytes` begins with; nil if it is not UTF-8.
    private static func characterSize(_ bytes: ArraySlice<UInt8>) -> Int? {
        for size in 1...4 where bytes.count >= size {
            if String(validating: bytes.prefix(size), as: UTF8.self) != nil { return size }
        }
        return nil
    }
}
