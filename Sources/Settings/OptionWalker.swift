/// A struct of options. One walk over its properties both reads them and describes them.
///
///     struct TailOptions: Options {
///         var paths: [String] = []
///         var maxLine = ByteCount(1_000_000)
///         mutating func walk(_ walker: inout some OptionWalker) {
///             walker.option("paths", &paths, .required, "Files to read: globs.", example: "[/var/log/nginx/*.log]")
///             walker.option("max_line", &maxLine, range: 1..., "Longer lines are split.")
///         }
///     }
///
/// The default is what the property holds after `init()`. Names are `snake_case`; on the command line `_` is `-`.
package protocol Options: OptionValue where Bound == NoBound {
    init()
    mutating func walk(_ walker: inout some OptionWalker)
}

/// Visits the options of a struct: a reader fills them, a describer collects what they are.
package protocol OptionWalker {
    mutating func visit<Value: OptionValue>(
        _ option: OptionHead, range: OptionRange<Value.Bound>?, _ value: inout Value)

    /// Lets a reader refuse a value for a reason that its type cannot know. Not asked if `name` was already refused.
    /// - Parameter problem: what is wrong, "expected …, found …"; nil if nothing is.
    mutating func check(_ name: String, _ problem: @autoclosure () -> String?)

    /// Exactly one of these options must be written.
    mutating func exactlyOne(of names: [String])
}

/// What an option says about itself, its value apart.
package struct OptionHead: Hashable, Sendable {
    package enum Presence: Hashable, Sendable { case optional, required }

    package var name: String
    package var presence: Presence
    /// One sentence or two, with their full stops.
    package var sentence: String
    package var example: String?
    /// On the command line: stands by itself, without a flag, and is shown as this word.
    package var argument: String?
}

extension OptionWalker {
    package mutating func option<Value: OptionValue>(
        _ name: String, _ value: inout Value, _ sentence: String, example: String? = nil
    ) {
        visit(OptionHead(name: name, presence: .optional, sentence: sentence, example: example), range: nil, &value)
    }

    package mutating func option<Value: OptionValue>(
        _ name: String, _ value: inout Value, _ presence: OptionHead.Presence, _ sentence: String,
        example: String? = nil
    ) {
        visit(OptionHead(name: name, presence: presence, sentence: sentence, example: example), range: nil, &value)
    }

    package mutating func option<Value: OptionValue, Range: OptionRangeForm>(
        _ name: String, _ value: inout Value, range: Range, _ sentence: String, example: String? = nil
    ) where Range.Bound == Value.Bound {
        let head = OptionHead(name: name, presence: .optional, sentence: sentence, example: example)
        visit(head, range: range.optionRange, &value)
    }

    package mutating func option<Value: OptionValue, Range: OptionRangeForm>(
        _ name: String, _ value: inout Value, _ presence: OptionHead.Presence, range: Range, _ sentence: String,
        example: String? = nil
    ) where Range.Bound == Value.Bound {
        let head = OptionHead(name: name, presence: presence, sentence: sentence, example: example)
        visit(head, range: range.optionRange, &value)
    }

    /// What stands on the command line without a flag. A list takes all that is left, so it comes last.
    /// - Parameter shown: its word in the usage line, as in `TOPIC`.
    package mutating func argument<Value: OptionValue>(
        _ name: String, _ value: inout Value, shown: String, _ presence: OptionHead.Presence, _ sentence: String
    ) {
        let head = OptionHead(name: name, presence: presence, sentence: sentence, argument: shown)
        visit(head, range: nil, &value)
    }

    package mutating func argument<Value: OptionValue>(
        _ name: String, _ value: inout Value, shown: String, _ sentence: String
    ) {
        argument(name, &value, shown: shown, .optional, sentence)
    }
}
