/// What can stand behind an option's name: read from a ``Node``, described, and written as a default.
///
/// Conforming: `Bool`, `Int`, `String`, ``ByteCount``, `Duration`, ``OptionChoice`` enums, every ``OptionScalar`` and
/// ``Options`` struct, and arrays, optionals and string-keyed dictionaries of these.
package protocol OptionValue: Sendable {
    /// What a `range:` of this option is made of.
    associatedtype Bound: OptionBound = NoBound

    static var kind: OptionKind { get }

    /// Reads a value; on a mistake notes it in `reader` and returns nil.
    static func read(_ node: Node, range: OptionRange<Bound>?, _ reader: inout NodeReader) -> Self?

    /// The value as one would write it; nil when there is nothing to write (an unset optional, an empty list).
    var optionText: String? { get }
}

/// What an option takes.
package indirect enum OptionKind: Hashable, Sendable {
    case flag
    case number
    case text
    case size
    case time
    case choice([String])
    /// A scalar of a component's own, named by its noun: `address`, `regular expression`.
    case other(String)
    case list(of: OptionKind)
    case map(to: OptionKind)
    case section([OptionDescription])

    /// One or two words for tables.
    package var name: String {
        switch self {
        case .flag: "true or false"
        case .number: "number"
        case .text: "text"
        case .size: "size"
        case .time: "time"
        case .choice(let choices): choices.joined(separator: " | ")
        case .other(let name): name
        case .list(let element): "list of \(element.name)"
        case .map(let value): "map to \(value.name)"
        case .section: "map"
        }
    }
}

/// A value written as one scalar.
package protocol OptionScalar: OptionValue {
    /// For "expected …": `a size with a unit (B, kB, …)`.
    static var expected: String { get }

    /// - Returns: nil when `text` is not such a value. Throws ``ScalarProblem`` to say more.
    static func parse(_ text: String) throws(ScalarProblem) -> Self?

    /// What a range compares; nil for values without order.
    var bound: Bound? { get }
}

/// Why a scalar was refused, when "expected …, found …" is not enough.
package struct ScalarProblem: Error {
    package var message: String
    package init(_ message: String) { self.message = message }
}

extension OptionScalar {
    package var bound: Bound? { nil }

    package static func read(_ node: Node, range: OptionRange<Bound>?, _ reader: inout NodeReader) -> Self? {
        guard case .scalar(let text) = node.content else {
            reader.expected(expected, at: node)
            return nil
        }
        do throws(ScalarProblem) {
            guard let value = try parse(text) else {
                reader.expected(expected, at: node)
                return nil
            }
            guard let range, let bound = value.bound, !range.contains(bound) else { return value }
            reader.expected(range.expected, at: node)
            return nil
        } catch {
            reader.note(node.place, error.message)
            return nil
        }
    }
}

/// An enum whose cases are the words that may be written.
package protocol OptionChoice: OptionScalar, CaseIterable {
    var word: String { get }
}

extension OptionChoice where Self: RawRepresentable, RawValue == String {
    package var word: String { rawValue }
}

extension OptionChoice {
    static var words: [String] { allCases.map(\.word) }
    package static var kind: OptionKind { .choice(words) }
    package static var expected: String { "one of \(words.joined(separator: ", "))" }
    package var optionText: String? { word }

    package static func parse(_ text: String) throws(ScalarProblem) -> Self? {
        if let value = allCases.first(where: { $0.word == text }) { return value }
        throw ScalarProblem("expected \(expected), found \(text.quoted)\(Suggestion.hint(for: text, in: words))")
    }
}
