/// A size in bytes that was written with its unit, as in `64MiB`.
package struct ByteCount: Comparable, Hashable, Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    package var bytes: Int

    package init(_ bytes: Int) { self.bytes = bytes }
    package init(integerLiteral value: Int) { bytes = value }

    package static func kibibytes(_ count: Int) -> ByteCount { ByteCount(count << 10) }
    package static func mebibytes(_ count: Int) -> ByteCount { ByteCount(count << 20) }
    package static func gibibytes(_ count: Int) -> ByteCount { ByteCount(count << 30) }

    package static func < (a: ByteCount, b: ByteCount) -> Bool { a.bytes < b.bytes }

    /// The shortest way to write exactly this size: `256KiB`, `1MB`, `17B`.
    package var description: String { Self.units.shortest(bytes) }

    static let units = UnitTable(
        [
            ("B", 1), ("kB", 1_000), ("KiB", 1 << 10), ("MB", 1_000_000), ("MiB", 1 << 20), ("GB", 1_000_000_000),
            ("GiB", 1 << 30), ("TB", 1_000_000_000_000), ("TiB", 1 << 40),
        ], synonyms: [("KB", 1_000)])
}

/// The units of one quantity, and how a number is written with them.
struct UnitTable: Sendable {
    let units: [(name: String, factor: Int)]
    let synonyms: [(name: String, factor: Int)]

    init(_ units: [(String, Int)], synonyms: [(String, Int)] = []) {
        self.units = units.map { (name: $0.0, factor: $0.1) }
        self.synonyms = synonyms.map { (name: $0.0, factor: $0.1) }
    }

    /// `B, kB, KiB, …`
    var names: String { units.map(\.name).joined(separator: ", ") }

    enum Problem: Error { case noNumber, noUnit, unknownUnit, tooLarge }

    /// Reads a whole number and its unit, with or without blanks between them. Zero needs no unit.
    func parse(_ text: String) throws(Problem) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text[digits.endIndex...].drop { $0 == " " }
        guard !digits.isEmpty else { throw .noNumber }
        if unit.isEmpty {
            guard digits.allSatisfy({ $0 == "0" }) else { throw .noUnit }
            return 0
        }
        guard let factor = (units + synonyms).first(where: { $0.name == unit })?.factor else { throw .unknownUnit }
        guard let number = Int(digits) else { throw .tooLarge }
        let (product, overflow) = number.multipliedReportingOverflow(by: factor)
        guard !overflow else { throw .tooLarge }
        return product
    }

    /// The unit that gives the smallest whole number.
    func shortest(_ value: Int) -> String {
        guard value != 0 else { return "0" }
        let unit = units.filter { value % $0.factor == 0 }.max { $0.factor < $1.factor }
        guard let unit else { return "\(value)" }
        return "\(value / unit.factor)\(unit.name)"
    }
}
