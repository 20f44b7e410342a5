import Connectors
import Glibc
import Pipelines
import Settings

/// Reads the pipeline files of a command line.
enum PipelineArguments {
    /// - Throws: a ``Failure`` with every mistake of every file, and exit code 2.
    static func read(_ paths: [String]) throws -> PipelineFiles {
        let files = PipelineFiles(
            at: paths, registry: builtins, environment: { getenv($0).map { String(cString: $0) } })
        guard files.mistakes.isEmpty else {
            for mistake in files.mistakes { Console.err.line("\(mistake)") }
            let count = files.mistakes.count == 1 ? "1 mistake" : "\(files.mistakes.count) mistakes"
            throw Failure("\(count); nothing was started", code: ExitCode.usage)
        }
        return files
    }
}

extension PipelineDescription {
    /// `web: tail(access) → key → topic`
    var path: String {
        func shown(_ component: ComponentDescription) -> String {
            component.name == component.type ? component.type : "\(component.type)(\(component.name))"
        }
        var steps = [sources.map(shown).joined(separator: " + ")]
        steps += processors.map(shown)
        if let channel { steps.append(shown(channel)) }
        steps.append(sinks.map(shown).joined(separator: " + "))
        return steps.joined(separator: " → ")
    }
}
