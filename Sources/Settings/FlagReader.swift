/// Reads a command line into a struct of options.
///
/// `--flag value` and `--flag=value`; a true-or-false option needs no value; a list's flag may be repeated; `--` ends
/// the flags; everything else is an argument, in the order of the walk.
package enum FlagReader {
    /// - Parameter words: what follows the command's name.
    /// - Returns: nil if there is a mistake in `reader`.
    package static func read<Values: Options>(
        _ type: Values.Type, from words: [String], _ reader: inout NodeReader
    ) -> Values? {
        var line = CommandWords(options: Values.described)
        let before = reader.mistakes.count
        line.read(words, &reader)
        let values = Values.read(Node(.map([])), line.entries, naming: .flags, others: [], &reader)
        return reader.mistakes.count == before ? values : nil
    }
}

/// Sorts the words of a command line by option.
private struct CommandWords {
    let options: [OptionDescription]
    private(set) var entries: [Node.Entry] = []

    init(options: [OptionDescription]) { self.options = options }

    mutating func read(_ words: [String], _ reader: inout NodeReader) {
        var rest = words[...]
        var flagsEnded = false
        while let word = rest.popFirst() {
            if flagsEnded || !word.hasPrefix("-") || word == "-" {
                argument(word, &reader)
            } else if word == "--" {
                flagsEnded = true
            } else {
                flag(word, &rest, &reader)
            }
        }
    }

    private mutating func flag(_ word: String, _ rest: inout ArraySlice<String>, _ reader: inout NodeReader) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let flags = options.filter { $0.head.argument == nil }
        guard let option = flags.first(where: { $0.flag == parts[0] }) else {
            let hint = Suggestion.hint(for: parts[0], in: flags.map(\.flag) + ["--help"])
            return note(parts[0], "expected a known option, found \(parts[0].quoted)\(hint)", &reader)
        }
        if parts.count == 2 { return add(parts[1], to: option, &reader) }
        if option.kind == .flag { return add("true", to: option, &reader) }
        guard let value = rest.first, !value.hasPrefix("--") else {
            return note(option.flag, "expected \(option.kind.name), found nothing", &reader)
        }
        rest = rest.dropFirst()
        add(value, to: option, &reader)
    }

    private mutating func argument(_ word: String, _ reader: inout NodeReader) {
        let free = options.first { option in
            option.head.argument != nil && (option.isList || !entries.contains { $0.key == option.name })
        }
        guard let free else { return reader.note(nil, "expected no further argument, found \(word.quoted)") }
        add(word, to: free, &reader)
    }

    private func note(_ flag: String, _ message: String, _ reader: inout NodeReader) {
        reader.inside(flag) { $0.note(nil, message) }
    }

    private mutating func add(_ text: String, to option: OptionDescription, _ reader: inout NodeReader) {
        let node = Node(.scalar(text))
        guard let index = entries.firstIndex(where: { $0.key == option.name }) else {
            let value = option.isList ? Node(.list([node])) : node
            return entries.append(Node.Entry(key: option.name, keyPlace: nil, value: value))
        }
        guard case .list(let earlier) = entries[index].value.content else {
            return note(option.flag, "expected it once, found it again", &reader)
        }
        entries[index].value = Node(.list(earlier + [node]))
    }
}

extension OptionDescription {
    fileprivate var isList: Bool {
        if case .list = kind { return true }
        return false
    }
}
