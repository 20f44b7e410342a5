/// Builds a tree from libyaml's events, within the limits.
struct NodeBuilder {
    private struct Stop: Error {
        var place: Place?
        var message: String
    }

    private let events: YAMLEvents
    private let limits: YAMLLimits
    private var variables: Variables
    private var nodes = 0
    var reader: NodeReader

    init(events: YAMLEvents, limits: YAMLLimits, variables: Variables, reader: NodeReader) {
        self.events = events
        self.limits = limits
        self.variables = variables
        self.reader = reader
    }

    /// The one document, or nil after a mistake that ends the reading.
    mutating func document() -> Node? {
        do throws(Stop) {
            return try oneDocument()
        } catch {
            reader.note(error.place, error.message)
            return nil
        }
    }

    private mutating func oneDocument() throws(Stop) -> Node {
        var root: Node?
        while true {
            let event = try next()
            switch event.kind {
            case .streamStart, .documentEnd: continue
            case .streamEnd: return root ?? Node(place: Place(line: 1, column: 1), .nothing)
            case .documentStart:
                guard root == nil else {
                    throw Stop(place: event.place, message: "expected one document in a file, found a second")
                }
                root = try node(from: try next(), depth: 1)
            case .scalar, .listStart, .listEnd, .mapStart, .mapEnd, .alias:
                throw Stop(place: event.place, message: "expected a document")
            }
        }
    }

    private func next() throws(Stop) -> YAMLEvents.Event {
        do throws(YAMLEvents.Problem) {
            return try events.next()
        } catch {
            throw Stop(place: error.place, message: "expected YAML, found a mistake: \(error.message)")
        }
    }

    private mutating func node(from event: YAMLEvents.Event, depth: Int) throws(Stop) -> Node {
        let place = event.place
        try count(place, depth)
        switch event.kind {
        case .scalar(let text, let plain, let tagged):
            refuse(tag: tagged, place)
            if plain, text.isEmpty || text == "~" || text == "null" { return Node(place: place, .nothing) }
            return Node(place: place, .scalar(expanded(text, place)))
        case .listStart(let tagged):
            refuse(tag: tagged, place)
            return Node(place: place, .list(try list(depth)))
        case .mapStart(let tagged):
            refuse(tag: tagged, place)
            return Node(place: place, .map(try map(depth)))
        case .alias(let name):
            reader.note(place, "expected a value, found the alias \("*\(name)".quoted); write the value out")
            return Node(place: place, .nothing)
        case .streamStart, .streamEnd, .documentStart, .documentEnd, .listEnd, .mapEnd:
            throw Stop(place: place, message: "expected a value")
        }
    }

    private mutating func count(_ place: Place, _ depth: Int) throws(Stop) {
        nodes += 1
        guard nodes <= limits.nodes else {
            throw Stop(place: place, message: "expected at most \(limits.nodes) values, found more")
        }
        guard depth <= limits.depth else {
            throw Stop(place: place, message: "expected at most \(limits.depth) levels of nesting, found more")
        }
    }

    private mutating func list(_ depth: Int) throws(Stop) -> [Node] {
        var nodes: [Node] = []
        while true {
            let event = try next()
            if case .listEnd = event.kind { return nodes }
            nodes.append(try node(from: event, depth: depth + 1))
        }
    }

    private mutating func map(_ depth: Int) throws(Stop) -> [Node.Entry] {
        var entries: [Node.Entry] = []
        while true {
            let event = try next()
            if case .mapEnd = event.kind { return entries }
            guard case .scalar(let key, _, let tagged) = event.kind else {
                throw Stop(place: event.place, message: "expected a key, found a value; keys are plain text")
            }
            refuse(tag: tagged, event.place)
            try count(event.place, depth)
            let value = try node(from: try next(), depth: depth + 1)
            entries.append(Node.Entry(key: key, keyPlace: event.place, value: value))
        }
    }

    private mutating func refuse(tag tagged: Bool, _ place: Place) {
        if tagged { reader.note(place, "expected a value without a tag, found one that begins with '!'") }
    }

    /// The text with its variables put in; a mistake is noted and leaves the text as it was.
    private mutating func expanded(_ text: String, _ place: Place) -> String {
        do throws(ScalarProblem) {
            return try variables.expand(text)
        } catch {
            reader.note(place, error.message)
            return text
        }
    }
}
