/// A limit of a range, and how it is written.
package protocol OptionBound: Comparable, Sendable {
    var boundText: String { get }
}

/// For values that have no order.
package enum NoBound: OptionBound {
    package var boundText: String { switch self {} }
    package static func < (a: NoBound, b: NoBound) -> Bool {}
}

extension Int: OptionBound { package var boundText: String { "\(self)" } }
extension ByteCount: OptionBound { package var boundText: String { description } }
extension Duration: OptionBound { package var boundText: String { unitText } }

/// The values that an option accepts; both ends belong to it.
package struct OptionRange<Bound: OptionBound>: Sendable {
    package var lower: Bound?
    package var upper: Bound?

    package func contains(_ value: Bound) -> Bool {
        if let lower, value < lower { return false }
        if let upper, value > upper { return false }
        return true
    }

    /// `at least 1`, `1 to 1000`.
    package var text: String {
        switch (lower, upper) {
        case (let lower?, let upper?): "\(lower.boundText) to \(upper.boundText)"
        case (let lower?, nil): "at least \(lower.boundText)"
        case (nil, let upper?): "at most \(upper.boundText)"
        case (nil, nil): "any"
        }
    }

    var expected: String { lower == nil || upper == nil ? text : "a value from \(text)" }
}

/// `1...`, `1...10` and `...10`.
package protocol OptionRangeForm {
    associatedtype Bound: OptionBound
    var optionRange: OptionRange<Bound> { get }
}

extension ClosedRange: OptionRangeForm where Bound: OptionBound {
    package var optionRange: OptionRange<Bound> { OptionRange(lower: lowerBound, upper: upperBound) }
}

extension PartialRangeFrom: OptionRangeForm where Bound: OptionBound {
    package var optionRange: OptionRange<Bound> { OptionRange(lower: lowerBound, upper: nil) }
}

extension PartialRangeThrough: OptionRangeForm where Bound: OptionBound {
    package var optionRange: OptionRange<Bound> { OptionRange(lower: nil, upper: upperBound) }
}
