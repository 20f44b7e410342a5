/// Fills a struct of options from a map.
struct SectionReader: OptionWalker {
    /// How options are called in messages: by their path in the file, or as flags.
    enum Naming { case keys, flags }

    private let section: Node
    private let naming: Naming
    private var entries: [String: Node.Entry] = [:]
    private var order: [String] = []
    private(set) var known: [String] = []
    private var refused: Set<String> = []
    /// What stands on the command line without a flag, and the word it is shown as.
    private var arguments: [String: String] = [:]
    var reader: NodeReader

    init(_ section: Node, entries: [Node.Entry], naming: Naming, _ reader: NodeReader) {
        self.section = section
        self.naming = naming
        self.reader = reader
        for entry in entries {
            self.entries[entry.key] = entry
            order.append(entry.key)
        }
    }

    mutating func visit<Value: OptionValue>(
        _ option: OptionHead, range: OptionRange<Value.Bound>?, _ value: inout Value
    ) {
        known.append(option.name)
        arguments[option.name] = option.argument
        guard let entry = entries[option.name] else {
            if option.presence == .required { missing(option, Value.kind) }
            return
        }
        let read = reader.inside(step(option.name)) { Value.read(entry.value, range: range, &$0) }
        if let read { value = read } else { refused.insert(option.name) }
    }

    private mutating func missing(_ option: OptionHead, _ kind: OptionKind) {
        refused.insert(option.name)
        let example = option.example.map { ", for example \($0)" } ?? ""
        let place = section.place
        let message = "expected \(kind.name)\(example), found nothing; it is required"
        reader.inside(step(option.name)) { $0.note(place, message) }
    }

    mutating func check(_ name: String, _ problem: @autoclosure () -> String?) {
        guard !refused.contains(name), let problem = problem() else { return }
        refused.insert(name)
        let place = entries[name]?.value.place ?? section.place
        reader.inside(step(name)) { $0.note(place, problem) }
    }

    mutating func exactlyOne(of names: [String]) {
        let written = order.filter(names.contains)
        guard written.count != 1 else { return }
        let list = names.map { naming == .flags ? flag($0) : $0 }.joined(separator: ", ")
        guard let second = written.dropFirst().first else {
            return reader.note(section.place, "expected exactly one of \(list), found none")
        }
        let place = entries[second]?.keyPlace
        let found = written.map(\.quoted).joined(separator: " and ")
        reader.inside(step(second)) { $0.note(place, "expected exactly one of \(list), found \(found)") }
    }

    /// Call after the walk: what was written and nobody asked for.
    /// - Parameter others: keys that somebody else reads.
    mutating func finish(others: [String]) {
        for key in order where !known.contains(key) && !others.contains(key) {
            if let entry = entries[key] { reader.unknown(entry, known: others + known) }
        }
    }

    private func step(_ name: String) -> String {
        naming == .flags ? arguments[name] ?? flag(name) : "." + name
    }

    private func flag(_ name: String) -> String { "--" + String(name.map { $0 == "_" ? "-" : $0 }) }
}

extension Options {
    /// Reads a section: every key once, none unknown, each of its kind.
    /// - Parameter others: keys of the same map that somebody else reads, such as `type`.
    package static func read(section node: Node, others: [String] = [], _ reader: inout NodeReader) -> Self? {
        guard let entries = reader.entries(of: node) else { return nil }
        return read(section: node, entries, others: others, &reader)
    }

    /// As ``read(section:others:_:)``, of a map whose entries were taken already.
    package static func read(
        section node: Node, _ entries: [Node.Entry], others: [String], _ reader: inout NodeReader
    ) -> Self? {
        read(node, entries, naming: .keys, others: others, &reader)
    }

    package static func read(_ node: Node, range: OptionRange<NoBound>?, _ reader: inout NodeReader) -> Self? {
        read(section: node, &reader)
    }

    static func read(
        _ node: Node, _ entries: [Node.Entry], naming: SectionReader.Naming, others: [String],
        _ reader: inout NodeReader
    ) -> Self? {
        let before = reader.mistakes.count
        var section = SectionReader(node, entries: entries, naming: naming, reader)
        var value = Self()
        value.walk(&section)
        section.finish(others: others)
        reader = section.reader
        return reader.mistakes.count == before ? value : nil
    }
}
