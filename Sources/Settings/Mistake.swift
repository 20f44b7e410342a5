/// A place in a text: both numbers count from 1, columns in characters.
package struct Place: Comparable, Hashable, Sendable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (a: Place, b: Place) -> Bool { (a.line, a.column) < (b.line, b.column) }
}

/// One thing that is wrong with what somebody wrote, in words for them.
package struct Mistake: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file as the user named it; empty for the command line.
    package var file: String
    /// nil where there is none: the command line, a file that cannot be read.
    package var place: Place?
    /// The way to the key, as in `pipelines.web.sources.access.paths[0]`, or a flag; empty for the whole file.
    package var path: String
    package var message: String

    package init(file: String, place: Place? = nil, path: String = "", message: String) {
        self.file = file
        self.place = place
        self.path = path
        self.message = message
    }

    /// `pipelines/web.yaml:7:13: source.max_line: expected a size …, found 'lots'`
    package var description: String {
        var parts: [String] = []
        if let place {
            parts.append("\(file):\(place.line):\(place.column)")
        } else if !file.isEmpty {
            parts.append(file)
        }
        if !path.isEmpty { parts.append(path) }
        parts.append(message)
        return parts.joined(separator: ": ")
    }
}

/// The mistakes found so far in one file, or on one command line.
package struct Mistakes: Error, Sendable, CustomStringConvertible {
    /// Later mistakes are only counted: a file of noise must not fill the memory or the screen.
    package static let limit = 1_000

    package let file: String
    private var found: [Mistake] = []
    private var uncounted = 0

    package init(file: String) { self.file = file }

    package var isEmpty: Bool { found.isEmpty }
    package var count: Int { found.count + uncounted }

    /// All of them, sorted by place; those without one come first, in the order they were found.
    package var all: [Mistake] {
        let order = found.enumerated().sorted { a, b in
            guard let left = a.element.place, let right = b.element.place, left != right else {
                if a.element.place == nil && b.element.place != nil { return true }
                if a.element.place != nil && b.element.place == nil { return false }
                return a.offset < b.offset
            }
            return left < right
        }
        var all = order.map(\.element)
        if uncounted > 0 { all.append(Mistake(file: file, message: "and \(uncounted) more mistakes")) }
        return all
    }

    package mutating func add(_ place: Place?, _ path: String, _ message: String) {
        guard found.count < Self.limit else {
            uncounted += 1
            return
        }
        found.append(Mistake(file: file, place: place, path: path, message: message))
    }

    /// One a line.
    package var description: String { all.map(\.description).joined(separator: "\n") }
}

extension String {
    /// The text between quotes for a message: at most 60 characters, control characters made visible.
    package var quoted: String {
        var shown = ""
        for (count, scalar) in unicodeScalars.enumerated() {
            guard count < 60 else {
                shown += "…"
                break
            }
            switch scalar {
            case "\n": shown += "\\n"
            case "\t": shown += "\\t"
            case "\r": shown += "\\r"
            case _ where scalar.value < 32 || (127..<160).contains(scalar.value):
                shown += "\\u{\(String(scalar.value, radix: 16))}"
            case _: shown.unicodeScalars.append(scalar)
            }
        }
        return "'\(shown)'"
    }
}
