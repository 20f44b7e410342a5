import Settings

/// Renders help from the specifications that the commands are read by.
enum Help {
    private static let width = 92

    /// What Penstock is, and its commands.
    static func overview(of commands: [Command]) -> String {
        let column = (commands.map(\.name.count).max() ?? 0) + 2
        let rows = commands.map { "  " + $0.name.padded(to: column) + $0.summary }
        return """
            Penstock collects logs into topics that any Kafka client can read: exactly once, from one binary.

            Usage: penstock COMMAND [OPTIONS] …

            Commands:
            \(rows.joined(separator: "\n"))

            `penstock COMMAND --help` explains a command; `penstock --version` names this version.
            Data goes to stdout, all else to stderr.
            Exit codes: 0 done, 1 failed, 2 a mistake on the command line or in a file (nothing was started).
            """
    }

    /// Usage, one paragraph, options, examples, exit codes.
    static func text(of command: Command) -> String {
        var parts = ["Usage: " + usage(of: command), wrapped(command.about, indent: 0)]
        let arguments = command.options.filter { $0.head.argument != nil }
        let flags = command.options.filter { $0.head.argument == nil }
        if !arguments.isEmpty { parts.append("Arguments:\n" + table(arguments.map { row($0) })) }
        let help = (left: "--help", right: "Show this and stop.")
        parts.append("Options:\n" + table(flags.map { row($0) } + [help]))
        if !command.examples.isEmpty {
            let lines = command.examples.map { "  \($0.line)\n" + wrapped($0.does, indent: 6) }
            parts.append("Examples:\n" + lines.joined(separator: "\n"))
        }
        parts.append("Exit codes:\n" + table(exitCodes(of: command)))
        return parts.joined(separator: "\n\n")
    }

    private static func usage(of command: Command) -> String {
        let arguments = command.options.compactMap { option -> String? in
            guard let shown = option.head.argument else { return nil }
            var many = ""
            if case .list = option.kind { many = "…" }
            return option.isRequired ? shown + many : "[\(shown)]" + many
        }
        let required = command.options.filter { $0.isRequired && $0.head.argument == nil }.map(flag)
        return (["penstock", command.name] + required + ["[OPTIONS]"] + arguments).joined(separator: " ")
    }

    private static func row(_ option: OptionDescription) -> (left: String, right: String) {
        var notes: [String] = []
        if let range = option.range { notes.append(range) }
        if case .list = option.kind, option.head.argument == nil { notes.append("may be repeated") }
        if let example = option.head.example { notes.append("for example \(example)") }
        if let value = option.defaultText, option.kind != .flag, !value.isEmpty { notes.append("default \(value)") }
        if option.kind == .flag, option.defaultText == "true" {
            notes.append("default true; \(option.flag)=false turns it off")
        }
        let tail = notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))"
        return (option.head.argument ?? flag(option), option.head.sentence + tail)
    }

    /// `--data DIRECTORY`
    private static func flag(_ option: OptionDescription) -> String {
        let word = placeholder(option.kind)
        return word.isEmpty ? option.flag : "\(option.flag) \(word)"
    }

    private static func placeholder(_ kind: OptionKind) -> String {
        switch kind {
        case .flag: ""
        case .number: "N"
        case .text: "TEXT"
        case .size: "SIZE"
        case .time: "TIME"
        case .choice(let words): words.joined(separator: "|")
        case .other(let name): name.uppercased()
        case .list(let element): placeholder(element)
        case .map, .section: "TEXT"
        }
    }

    private static func exitCodes(of command: Command) -> [(left: String, right: String)] {
        let common: [(code: Int32, means: String)] = [
            (ExitCode.done, "done"), (ExitCode.failed, "failed; the reason is on stderr"),
            (ExitCode.usage, "a mistake on the command line or in a file; nothing was started"),
        ]
        let own = command.exitCodes.map(\.code)
        let codes = command.exitCodes + common.filter { !own.contains($0.code) }
        return codes.sorted { $0.code < $1.code }.map { ("\($0.code)", $0.means) }
    }

    private static func table(_ rows: [(left: String, right: String)]) -> String {
        let column = min(30, (rows.map(\.left.count).max() ?? 0) + 4)
        let lines = rows.map { row in
            let left = "  " + row.left
            let right = wrapped(row.right, indent: column)
            guard left.count + 2 <= column else { return left + "\n" + right }
            return left.padded(to: column) + right.dropFirst(column)
        }
        return lines.joined(separator: "\n")
    }

    /// Lines of at most ``width`` characters; paragraphs, and lines that begin with blanks, stay as they are.
    private static func wrapped(_ text: String, indent: Int) -> String {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard !paragraph.hasPrefix(" "), !paragraph.isEmpty else {
                lines.append(paragraph.isEmpty ? "" : margin + paragraph)
                continue
            }
            var line = margin
            for word in paragraph.split(separator: " ") {
                if line.count + 1 + word.count > width, line.count > indent {
                    lines.append(line)
                    line = margin
                }
                line += (line.count > indent ? " " : "") + word
            }
            lines.append(line)
        }
        return lines.joined(separator: "\n")
    }
}

extension String {
    /// With blanks behind it, at least `width` characters.
    func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

    /// With blanks in front of it, at least `width` characters.
    func padded(left width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
