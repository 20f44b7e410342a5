/// One option, described: for help, reference pages and editors.
package struct OptionDescription: Hashable, Sendable {
    package var head: OptionHead
    package var kind: OptionKind
    /// What holds when it is not written; nil: nothing does.
    package var defaultText: String?
    /// `at least 1`; nil: any.
    package var range: String?

    package var name: String { head.name }
    package var isRequired: Bool { head.presence == .required }
    /// `--until-eof`
    package var flag: String { "--" + String(head.name.map { $0 == "_" ? "-" : $0 }) }
}

extension Options {
    /// The options in the order of the walk, with the defaults of a fresh value.
    package static var described: [OptionDescription] {
        var describer = OptionDescriber()
        var fresh = Self()
        fresh.walk(&describer)
        return describer.rows
    }

    package static var kind: OptionKind { .section(described) }
    package var optionText: String? { nil }
}

struct OptionDescriber: OptionWalker {
    var rows: [OptionDescription] = []

    mutating func visit<Value: OptionValue>(
        _ option: OptionHead, range: OptionRange<Value.Bound>?, _ value: inout Value
    ) {
        rows.append(
            OptionDescription(
                head: option, kind: Value.kind, defaultText: option.presence == .required ? nil : value.optionText,
                range: range?.text))
    }

    mutating func check(_ name: String, _ problem: @autoclosure () -> String?) {}
    mutating func exactlyOne(of names: [String]) {}
}
