package import Settings

/// What pipeline files say.
///
/// The short form has one pipeline, named after its file, with source and sink named after their types:
///
///     source: { type: tail, paths: [/var/log/nginx/*.log] }
///     sink: { type: topic, topic: nginx, key: { field: 1 } }
///
/// The full form has a map `pipelines` of such bodies, each with `sources` and `sinks` as maps of names.
package struct PipelineFiles: Sendable {
    /// In the order of the files, and within a file as written. Complete only if there are no ``mistakes``.
    package private(set) var pipelines: [PipelineDescription] = []
    /// All of them, file by file, sorted by place.
    package private(set) var mistakes: [Mistake] = []
    /// Every file that was read.
    package private(set) var files: [String] = []
    private var seen: [String: (file: String, place: Place?)] = [:]
    private var stdin: String?

    /// - Parameters:
    ///   - paths: files, and directories whose `*.yaml` and `*.yml` are read.
    ///   - environment: the value of a variable, nil if it is not set.
    package init(at paths: [String], registry: Registry, environment: @escaping (String) -> String?) {
        for path in paths {
            var reader = NodeReader(mistakes: Mistakes(file: path))
            let found = SettingsFile.files(at: path, &reader)
            mistakes += reader.mistakes.all
            for file in found { read(file, registry, environment) }
        }
    }

    private mutating func read(_ file: String, _ registry: Registry, _ environment: @escaping (String) -> String?) {
        files.append(file)
        var reader = NodeReader(mistakes: Mistakes(file: file))
        defer { mistakes += reader.mistakes.all }
        guard let bytes = SettingsFile.read(file, &reader),
            let root = YAMLDocument.read(bytes, environment: environment, &reader)
        else { return }
        let name = Self.pipelineName(of: file)
        for pipeline in PipelineFileReader(registry: registry).pipelines(in: root, named: name, &reader) {
            add(pipeline, of: file, &reader)
        }
    }

    private mutating func add(_ found: PipelineFileReader.Found, of file: String, _ reader: inout NodeReader) {
        let name = found.description.name
        pipelines.append(found.description)
        if let first = seen[name] {
            let place = first.place.map { ":\($0.line):\($0.column)" } ?? ""
            let again = "found \(name.quoted) again (first in \(first.file)\(place))"
            reader.inside(found.path) {
                $0.note(found.place, "expected a name of its own for each pipeline, \(again)")
            }
        }
        seen[name] = seen[name] ?? (file, found.place)
        for source in found.description.sources where source.type == "stdin" {
            if let stdin {
                let beside = "found another beside that of \(stdin.quoted)"
                reader.inside(found.path) { $0.note(found.place, "expected one source that reads stdin, \(beside)") }
            }
            stdin = stdin ?? name
        }
    }

    /// `pipelines/nginx.yaml` is `nginx`.
    static func pipelineName(of file: String) -> String {
        let name = file.split(separator: "/").last.map(String.init) ?? file
        for suffix in [".yaml", ".yml"] where name.hasSuffix(suffix) { return String(name.dropLast(suffix.count)) }
        return name
    }
}
