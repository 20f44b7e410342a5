/// Where reading has got to, and the mistakes so far.
package struct NodeReader: Sendable {
    /// The way to the value that is read now, as messages show it.
    package private(set) var path: String
    package private(set) var mistakes: Mistakes

    package init(path: String = "", mistakes: Mistakes) {
        self.path = path
        self.mistakes = mistakes
    }

    package mutating func note(_ place: Place?, _ message: String) { mistakes.add(place, path, message) }

    package mutating func expected(_ what: String, at node: Node) {
        note(node.place, "expected \(what), found \(node.found)")
    }

    /// Runs `body` with `step` added to the path: `.name`, `[0]`; a leading dot is dropped at the top.
    package mutating func inside<Result>(_ step: String, _ body: (inout NodeReader) -> Result) -> Result {
        let outer = path
        path = outer.isEmpty && step.hasPrefix(".") ? String(step.dropFirst()) : outer + step
        defer { path = outer }
        return body(&self)
    }

    /// The entries of a map, each key once (the first counts); nil, with a mistake, if it is not a map.
    package mutating func entries(of node: Node) -> [Node.Entry]? {
        guard case .map(let written) = node.content else {
            expected("a map of keys and values", at: node)
            return nil
        }
        var first: [String: Place?] = [:]
        var entries: [Node.Entry] = []
        for entry in written {
            guard let earlier = first[entry.key] else {
                first[entry.key] = entry.keyPlace
                entries.append(entry)
                continue
            }
            let line = earlier.map { " (first in line \($0.line))" } ?? ""
            inside("." + entry.key) {
                $0.note(entry.keyPlace, "expected each key once, found \(entry.key.quoted) again\(line)")
            }
        }
        return entries
    }

    /// Notes a key that nothing reads.
    package mutating func unknown(_ entry: Node.Entry, known: [String]) {
        let list = known.isEmpty ? "no keys here" : "one of \(known.joined(separator: ", "))"
        let hint = Suggestion.hint(for: entry.key, in: known)
        inside("." + entry.key) {
            $0.note(entry.keyPlace, "expected \(list), found \(entry.key.quoted)\(hint)")
        }
    }
}
