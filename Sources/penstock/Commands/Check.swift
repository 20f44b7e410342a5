import Pipelines
import Settings

struct CheckOptions: Options {
    var files: [String] = []

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.argument(
            "files", &files, shown: "FILE|DIRECTORY", .required,
            "Pipeline files; of a directory every *.yaml and *.yml.")
    }
}

extension Command {
    static let check = Command(
        "check", CheckOptions.self, summary: "Read pipeline files and name every mistake in them.",
        about: """
            Reads pipeline files as `penstock run` would, and starts nothing. Every mistake is named with file, line, \
            column and key, what was expected and what was found. Without mistakes the pipelines that would run are \
            printed, one a line.
            """,
        examples: [
            ("penstock check pipelines/", "Check every file in a directory."),
            ("penstock check web.yaml && systemctl restart penstock", "Go on only if the file is right."),
        ],
        exitCodes: [(ExitCode.usage, "at least one mistake; all of them are on stderr")]
    ) { options in
        let files = try PipelineArguments.read(options.files)
        let width = files.pipelines.map(\.name.count).max() ?? 0
        for pipeline in files.pipelines {
            Console.out.line(pipeline.name.padded(to: width) + "  " + pipeline.path)
        }
        return ExitCode.done
    }
}
