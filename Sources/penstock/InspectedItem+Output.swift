import CommitLog

extension InspectedItem {
    /// One line for people. What is not theirs to steer a terminal with is written out.
    var text: String {
        switch kind {
        case .file:
            let offset = self["offset"].map { " from offset \($0.text)" } ?? ""
            let state = self["state"] == nil ? "" : ", \(word("state"))"
            return "\(word("path")): \(word("type"))\(offset), \(word("bytes")) bytes\(state)"
        case .damage:
            let position = self["position"].map { ", byte \($0.text)" } ?? ""
            return "DAMAGE in \(word("path"))\(position): \(word("reason"))"
        case .batch, .record, .offset, .time, .aborted, .producer, .checkpoint, .epoch, .property, .room:
            let indent = kind == .record ? "    " : "  "
            return "\(indent)\(kind.rawValue)" + fields.map { " \($0.name)=\($0.value.text)" }.joined()
        }
    }

    /// An object; bytes that are no text get the name `NAME_base64`.
    var json: JSON { .object([("kind", .string(kind.rawValue))] + fields.flatMap(\.json)) }

    /// Without quotes.
    private func word(_ name: String) -> String {
        guard let value = self[name] else { return "" }
        if case .text(let text) = value { return text.withControlsEscaped }
        return value.text
    }
}

extension InspectedField {
    var json: [(String, JSON)] {
        guard case .bytes(let bytes) = value else { return [(name, value.json)] }
        return RecordPrinter.entries(name, bytes)
    }
}

extension InspectedValue {
    var text: String {
        switch self {
        case .null: "null"
        case .flag(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .text(let text): Self.quoted(text)
        case .bytes(let bytes):
            if let text = String(validating: bytes, as: UTF8.self) {
                "\"\(Self.escaped(text))\""
            } else {
                "base64:" + RecordPrinter.base64(bytes)
            }
        case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .fields(let fields): "{" + fields.map { "\($0.name)=\($0.value.text)" }.joined(separator: " ") + "}"
        }
    }

    var json: JSON {
        switch self {
        case .null: .null
        case .flag(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .text(let text): .string(text)
        case .bytes(let bytes): .object(RecordPrinter.entries("bytes", bytes))
        case .list(let values): .array(values.map(\.json))
        case .fields(let fields): .object(fields.flatMap(\.json))
        }
    }

    private static func quoted(_ text: String) -> String {
        let isPlain = !text.isEmpty && !text.contains { " \"={}[],".contains($0) }
        return isPlain ? text.withControlsEscaped : "\"\(escaped(text))\""
    }

    private static func escaped(_ text: String) -> String {
        text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"").withControlsEscaped
    }
}
