import Settings

/// Every command there is, in the order of the help.
struct CommandTable {
    let commands: [Command]

    static let penstock = CommandTable(commands: [
        .run, .check, .status, .topicsList, .topicsCreate, .topicsDescribe, .topicsAlter, .topicsDeleteRecords,
        .topicsDelete, .produce, .consume, .groupsList, .groupsDescribe, .logDump, .logVerify, .logRepair, .reference,
    ])

    /// Finds the command that `words` name and runs it.
    /// - Returns: the exit code of the process.
    func run(_ words: [String]) -> Int32 {
        guard let first = words.first else {
            Console.err.line(Help.overview(of: commands))
            return ExitCode.usage
        }
        if ["--help", "-h", "help"].contains(first) { return help(Array(words.dropFirst())) }
        if ["--version", "-V", "version"].contains(first) {
            Console.out.line("penstock \(Penstock.version)")
            return ExitCode.done
        }
        guard let command = command(named: words) else { return misunderstood(words) }
        let rest = Array(words.dropFirst(command.words.count))
        guard !rest.prefix(while: { $0 != "--" }).contains(where: { $0 == "--help" || $0 == "-h" }) else {
            Console.out.line(Help.text(of: command))
            return ExitCode.done
        }
        return command.run(rest)
    }

    private func command(named words: [String]) -> Command? {
        commands.filter { words.starts(with: $0.words) }.max { $0.words.count < $1.words.count }
    }

    /// `penstock help topics list` is `penstock topics list --help`.
    private func help(_ words: [String]) -> Int32 {
        guard !words.isEmpty else {
            Console.out.line(Help.overview(of: commands))
            return ExitCode.done
        }
        guard let command = command(named: words) else { return misunderstood(words) }
        Console.out.line(Help.text(of: command))
        return ExitCode.done
    }

    /// A group of commands without one of them, a misspelt command, or an option in front of the command.
    private func misunderstood(_ words: [String]) -> Int32 {
        let group = commands.filter { $0.words.count > 1 && $0.words[0] == words[0] }
        guard let second = words.dropFirst().first, !group.isEmpty else {
            guard group.isEmpty else {
                Console.err.line(Help.overview(of: group))
                return ExitCode.usage
            }
            return unknown(words[0], among: commands.map { $0.words[0] })
        }
        if second == "--help" || second == "-h" {
            Console.out.line(Help.overview(of: group))
            return ExitCode.done
        }
        return unknown("\(words[0]) \(second)", among: group.map(\.name))
    }

    private func unknown(_ name: String, among names: [String]) -> Int32 {
        let hint = Suggestion.hint(for: name, in: names)
        Console.err.line("penstock: expected a command, found \(name.quoted)\(hint)")
        Console.err.line("`penstock --help` lists the commands.")
        return ExitCode.usage
    }
}
