import Pipelines
package import Records
package import Settings

/// Options of the processor `filter`.
package struct FilterOptions: Options {
    package var match: PatternText?
    package var drop: PatternText?

    package init() {}

    package mutating func walk(_ walker: inout some OptionWalker) {
        walker.option(
            "match", &match, "Keep the events whose value this regular expression (PCRE2) matches, drop the rest.",
            example: "' (4|5)[0-9]{2} '")
        walker.option(
            "drop", &drop, "Drop the events whose value this regular expression (PCRE2) matches, keep the rest.",
            example: "healthz")
        walker.exactlyOne(of: ["match", "drop"])
    }
}

/// The processor `filter`: keeps or drops events by a regular expression on their value.
package final class FilterProcessor: EventProcessor {
    private let pattern: Pattern
    private let keepingMatches: Bool
    private var dropped = 0

    package init(_ options: FilterOptions) throws {
        guard let text = options.match ?? options.drop else {
            throw PipelineError.badOption(path: "filter", message: "expected match or drop, found neither")
        }
        pattern = try Pattern(text.text)
        keepingMatches = options.match != nil
    }

    package func process(_ batch: inout EventBatch) {
        dropped += pattern.filter(&batch, keepingMatches: keepingMatches)
    }

    package var counters: [String: Int] { ["dropped": dropped, "match_limit": pattern.exhausted] }
}
