extension Bool: OptionScalar {
    package static var kind: OptionKind { .flag }
    package static var expected: String { "true or false" }
    package var optionText: String? { self ? "true" : "false" }

    package static func parse(_ text: String) -> Bool? {
        switch text {
        case "true": true
        case "false": false
        default: nil
        }
    }
}

extension Int: OptionScalar {
    package typealias Bound = Int
    package static var kind: OptionKind { .number }
    package static var expected: String { "a whole number" }
    package var optionText: String? { "\(self)" }
    package var bound: Int? { self }

    package static func parse(_ text: String) throws(ScalarProblem) -> Int? {
        if let value = Int(text) { return value }
        let digits = text.first == "-" ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else { return nil }
        throw ScalarProblem("expected \(expected) of at most 64 bits, found \(text.quoted)")
    }
}

extension String: OptionScalar {
    package static var kind: OptionKind { .text }
    package static var expected: String { "text" }
    package var optionText: String? { self }
    package static func parse(_ text: String) -> String? { text }
}

extension ByteCount: OptionScalar {
    package typealias Bound = ByteCount
    package static var kind: OptionKind { .size }
    package static var expected: String { "a size with a unit (\(units.names)), such as 64MiB" }
    package var optionText: String? { description }
    package var bound: ByteCount? { self }

    package static func parse(_ text: String) throws(ScalarProblem) -> ByteCount? {
        try units.read(text, expected: expected).map { ByteCount($0) }
    }
}

extension Duration: OptionScalar {
    package typealias Bound = Duration
    package static var kind: OptionKind { .time }
    package static var expected: String { "a time with a unit (\(units.names)), such as 250ms" }
    package var optionText: String? { unitText }
    package var bound: Duration? { self }

    static let units = UnitTable([
        ("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000),
        ("h", 3_600_000_000_000), ("d", 86_400_000_000_000),
    ])

    package static func parse(_ text: String) throws(ScalarProblem) -> Duration? {
        try units.read(text, expected: expected).map { .nanoseconds($0) }
    }

    /// The shortest way to write exactly this time: `10ms`, `7d`. Times beyond 292 years are cut there.
    package var unitText: String {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carried) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return Self.units.shortest(overflow || carried ? .max : Int(sum))
    }
}

extension UnitTable {
    /// As ``parse(_:)``, with the problem in words; nil for "this is no such thing at all".
    func read(_ text: String, expected: String) throws(ScalarProblem) -> Int? {
        do throws(Problem) {
            return try parse(text)
        } catch {
            switch error {
            case .noNumber, .noUnit, .unknownUnit: return nil
            case .tooLarge:
                throw ScalarProblem("expected at most \(shortest(.max)), found \(text.quoted)")
            }
        }
    }
}

extension Optional: OptionValue where Wrapped: OptionValue {
    package typealias Bound = Wrapped.Bound
    package static var kind: OptionKind { Wrapped.kind }
    package var optionText: String? { self?.optionText }

    package static func read(_ node: Node, range: OptionRange<Wrapped.Bound>?, _ reader: inout NodeReader) -> Wrapped??
    {
        Wrapped.read(node, range: range, &reader).map { .some($0) }
    }
}

extension Array: OptionValue where Element: OptionValue {
    package typealias Bound = Element.Bound
    package static var kind: OptionKind { .list(of: Element.kind) }

    package var optionText: String? {
        isEmpty ? nil : "[" + map { $0.optionText ?? "" }.joined(separator: ", ") + "]"
    }

    /// The range is for each element.
    package static func read(_ node: Node, range: OptionRange<Element.Bound>?, _ reader: inout NodeReader) -> [Element]?
    {
        guard case .list(let nodes) = node.content else {
            var hint = ""
            if case .scalar(let text) = node.content { hint = "; write [\(text)] for a list of one" }
            reader.note(node.place, "expected a list, found \(node.found)\(hint)")
            return nil
        }
        var elements: [Element] = []
        var complete = true
        for (index, element) in nodes.enumerated() {
            let value = reader.inside("[\(index)]") { Element.read(element, range: range, &$0) }
            if let value { elements.append(value) } else { complete = false }
        }
        return complete ? elements : nil
    }
}

extension Dictionary: OptionValue where Key == String, Value: OptionValue {
    package typealias Bound = Value.Bound
    package static var kind: OptionKind { .map(to: Value.kind) }

    package var optionText: String? {
        guard !isEmpty else { return nil }
        let entries = sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.optionText ?? "")" }
        return "{ \(entries.joined(separator: ", ")) }"
    }

    /// The range is for each value.
    package static func read(
        _ node: Node, range: OptionRange<Value.Bound>?, _ reader: inout NodeReader
    ) -> [String: Value]? {
        guard let entries = reader.entries(of: node) else { return nil }
        var values: [String: Value] = [:]
        var complete = true
        for entry in entries {
            let value = reader.inside("." + entry.key) { Value.read(entry.value, range: range, &$0) }
            if let value { values[entry.key] = value } else { complete = false }
        }
        return complete ? values : nil
    }
}
