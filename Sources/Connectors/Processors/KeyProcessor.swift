import Pipelines
package import Records
package import Settings

/// Where the key of an event comes from: options of the processor `key`, and of `key:` in sinks.
package struct KeyOptions: Options {
    package var field: Int?
    package var separator: String?
    package var regex: PatternText?

    package init() {}

    package mutating func walk(_ walker: inout some OptionWalker) {
        walker.option(
            "field", &field, range: 1...1_000_000,
            "The field of this number, from 1; runs of blanks and tabs separate, leading ones are ignored.",
            example: "1")
        walker.option(
            "separator", &separator, "With `field`: one byte that separates; each one counts.", example: "\";\"")
        walker.option(
            "regex", &regex, "What the first group of this regular expression (PCRE2) takes, or the whole match.",
            example: "'user=(\\w+)'")
        walker.exactlyOne(of: ["field", "regex"])
        walker.check(
            "separator",
            separator.flatMap { $0.utf8.count == 1 ? nil : "expected one byte, found \($0.utf8.count)" })
        walker.check(
            "separator", separator != nil && field == nil ? "expected a field beside it, found none" : nil)
    }
}

/// Takes the key of each event of a batch from its value.
package final class KeyTaker {
    private enum Way {
        case field(Int, separator: UInt8?)
        case pattern(Pattern)
    }

    private let way: Way
    /// Events that went without a key.
    package private(set) var without = 0

    package init(_ options: KeyOptions) throws {
        if let field = options.field {
            way = .field(field, separator: options.separator?.utf8.first)
        } else if let regex = options.regex {
            way = .pattern(try Pattern(regex.text))
        } else {
            throw PipelineError.badOption(path: "key", message: "expected field or regex, found neither")
        }
    }

    package func take(in batch: inout EventBatch) {
        switch way {
        case .field(let number, let separator):
            without += KeyExtractor.field(number, separator: separator, in: &batch)
        case .pattern(let pattern): without += pattern.key(&batch)
        }
    }

    package var counters: [String: Int] {
        switch way {
        case .field: ["without_key": without]
        case .pattern(let pattern): ["without_key": without, "match_limit": pattern.exhausted]
        }
    }
}

/// The processor `key`: gives each event its key. One that lacks it goes without and is counted.
package final class KeyProcessor: EventProcessor {
    private let taker: KeyTaker

    package init(_ options: KeyOptions) throws { taker = try KeyTaker(options) }

    package func process(_ batch: inout EventBatch) { taker.take(in: &batch) }

    package var counters: [String: Int] { taker.counters }
}
