import Glibc

extension SettingsFile {
    /// The files that a path names: itself, or, of a directory, its `*.yaml` and `*.yml` by name (hidden ones and those in
    /// directories below it not). Mistakes are noted in `reader`; then the list is empty.
    package static func files(at path: String, _ reader: inout NodeReader) -> [String] {
        var status = stat()
        // Safety: `status` outlives the call.
        guard unsafe stat(path, &status) == 0 else {
            reader.note(nil, "cannot read the file: \(errorText())")
            return []
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { return [path] }
        guard let names = names(in: path, &reader) else { return [] }
        let chosen = names.filter { !$0.hasPrefix(".") && ($0.hasSuffix(".yaml") || $0.hasSuffix(".yml")) }
        if chosen.isEmpty { reader.note(nil, "expected at least one *.yaml or *.yml in the directory, found none") }
        let prefix = path.hasSuffix("/") ? path : path + "/"
        return chosen.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }.map { prefix + $0 }
    }

    private static func names(in path: String, _ reader: inout NodeReader) -> [String]? {
        // Safety: the stream is closed below and used by nobody else; an entry is copied before the next call.
        guard let directory = unsafe opendir(path) else {
            reader.note(nil, "cannot read the directory: \(errorText())")
            return nil
        }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            names.append(name)
        }
        return names
    }

    static func errorText() -> String {
        // Safety: strerror's text is copied at once.
        unsafe String(cString: strerror(errno))
    }
}
