import Settings

/// What the process ends with.
enum ExitCode {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    /// The command line or a file is not understood; nothing was started.
    static let usage: Int32 = 2
}

/// Ends a command with a message for its user.
struct Failure: Error, CustomStringConvertible {
    var description: String
    var code = ExitCode.failed

    init(_ description: String, code: Int32 = ExitCode.failed) {
        self.description = description
        self.code = code
    }
}

/// One command: what it is called, what it takes, what it does.
struct Command: Sendable {
    /// `["topics", "list"]`
    let words: [String]
    /// One line for the list of commands.
    let summary: String
    /// One paragraph, or several with blank lines between them.
    let about: String
    let options: [OptionDescription]
    /// Command lines with what they do.
    let examples: [(line: String, does: String)]
    /// Beside 0 (done), 1 (failed) and 2 (mistake).
    let exitCodes: [(code: Int32, means: String)]
    private let body: @Sendable ([String]) -> Int32

    var name: String { words.joined(separator: " ") }

    /// - Parameter run: does the work and returns the exit code; what it throws is printed, and ends with 1 (or with
    ///   the ``Failure``'s code).
    init<Values: Options>(
        _ name: String, _ values: Values.Type, summary: String, about: String,
        examples: [(line: String, does: String)] = [], exitCodes: [(code: Int32, means: String)] = [],
        run: @escaping @Sendable (Values) throws -> Int32
    ) {
        words = name.split(separator: " ").map(String.init)
        self.summary = summary
        self.about = about
        options = Values.described
        self.examples = examples
        self.exitCodes = exitCodes
        body = { words in
            var reader = NodeReader(mistakes: Mistakes(file: ""))
            guard let values = FlagReader.read(Values.self, from: words, &reader) else {
                for mistake in reader.mistakes.all { Console.err.line("penstock \(name): \(mistake)") }
                Console.err.line("`penstock \(name) --help` explains the options.")
                return ExitCode.usage
            }
            do {
                return try run(values)
            } catch let failure as Failure {
                if !failure.description.isEmpty { Console.err.line("penstock \(name): \(failure)") }
                return failure.code
            } catch {
                Console.err.line("penstock \(name): \(error)")
                return ExitCode.failed
            }
        }
    }

    /// - Returns: the exit code.
    func run(_ words: [String]) -> Int32 { body(words) }
}
