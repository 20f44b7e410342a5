import Connectors
import Pipelines
import Settings

struct ReferenceOptions: Options {
    var type: String?

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument(
            "type", &type, shown: "TYPE", "A type of component, such as tail, or 'bounds'; without it, all of them.")
    }
}

extension Command {
    static let reference = Command(
        "reference", ReferenceOptions.self, summary: "Print every component and its options, and every bound.",
        about: """
            Prints the reference of pipeline files, in Markdown: every source, processor, channel and sink with its \
            options, their kinds, defaults and ranges; and the bounds that `penstock run --set` changes. It comes from what the files are read by, so it cannot be out \
            of date.
            """,
        examples: [
            ("penstock reference tail", "The options of one component."),
            ("penstock reference bounds", "What `penstock run --set` changes."),
        ]
    ) { options in
        if options.type == "bounds" {
            Console.out.line(Reference.bounds)
            return ExitCode.done
        }
        let components = Reference.components(of: builtins)
        let chosen = components.filter { options.type == nil || $0.name == options.type }
        guard !chosen.isEmpty else {
            let name = options.type ?? ""
            let hint = Suggestion.hint(for: name, in: components.map(\.name) + ["bounds"])
            throw Failure("expected a type of component, found \(name.quoted)\(hint)", code: ExitCode.usage)
        }
        let pages = chosen.map(\.markdown) + (options.type == nil ? [Reference.bounds] : [])
        Console.out.line(pages.joined(separator: "\n\n"))
        return ExitCode.done
    }
}

/// The reference page, from the registry.
enum Reference {
    struct Component {
        var role: String
        var name: String
        var summary: String
        var options: [OptionDescription]

        var markdown: String {
            var parts = ["## \(role) `\(name)`", summary]
            if !options.isEmpty { parts.append(Reference.table(options)) }
            return parts.joined(separator: "\n\n")
        }
    }

    static func components(of registry: Registry) -> [Component] {
        registry.sources.map { component("Source", $0) } + registry.processors.map { component("Processor", $0) }
            + registry.channels.map { component("Channel", $0) } + registry.sinks.map { component("Sink", $0) }
    }

    private static func component<Product>(_ role: String, _ type: ComponentType<Product>) -> Component {
        Component(role: role, name: type.name, summary: type.summary, options: described(type.defaults()))
    }

    private static func described<Values: Options>(_ values: Values) -> [OptionDescription] { Values.described }

    static func table(_ options: [OptionDescription]) -> String {
        var lines = ["| option | kind | default | meaning |", "|---|---|---|---|"]
        for option in options { lines += rows(option, inside: "") }
        return lines.joined(separator: "\n")
    }

    /// A row, and behind it those of the options inside of it.
    private static func rows(_ option: OptionDescription, inside path: String) -> [String] {
        let name = path + option.name
        let value = option.isRequired ? "required" : option.defaultText.map { "`\($0)`" } ?? ""
        var meaning = option.head.sentence
        if let range = option.range { meaning += " Range: \(range)." }
        if let example = option.head.example { meaning += " For example `\(example)`." }
        let cells = ["`\(name)`", option.kind.name, value, meaning]
        let row = "| " + cells.map { $0.split(separator: "|").joined(separator: "\\|") }.joined(separator: " | ") + " |"
        guard case .section(let inner) = option.kind else { return [row] }
        return [row] + inner.flatMap { rows($0, inside: name + ".") }
    }
}
