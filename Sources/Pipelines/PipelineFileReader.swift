import Settings

/// Reads the tree of one pipeline file.
struct PipelineFileReader {
    /// A pipeline with the place that messages about all of it name.
    struct Found {
        var description: PipelineDescription
        var place: Place?
        var path: String
    }

    let registry: Registry

    /// - Parameter name: of the pipeline, in the short form.
    /// - Returns: the pipelines that could be read; what could not is in the reader's mistakes.
    func pipelines(in root: Node, named name: String, _ reader: inout NodeReader) -> [Found] {
        guard let entries = reader.entries(of: root) else { return [] }
        guard let all = entries.first(where: { $0.key == "pipelines" }) else {
            checkName(name, "a file name", root.place, &reader)
            let body = body(of: root, entries, named: name, &reader)
            return body.map { [Found(description: $0, place: root.place, path: "")] } ?? []
        }
        for entry in entries where entry.key != "pipelines" { reader.unknown(entry, known: ["pipelines"]) }
        return reader.inside(".pipelines") { fullForm(all.value, &$0) }
    }

    private func fullForm(_ node: Node, _ reader: inout NodeReader) -> [Found] {
        guard let entries = reader.entries(of: node) else { return [] }
        if entries.isEmpty { reader.note(node.place, "expected at least one pipeline, found none") }
        return entries.compactMap { entry in
            reader.inside("." + entry.key) { reader in
                checkName(entry.key, "a pipeline's name", entry.keyPlace, &reader)
                guard let fields = reader.entries(of: entry.value) else { return nil }
                let body = body(of: entry.value, fields, named: entry.key, &reader)
                return body.map { Found(description: $0, place: entry.keyPlace, path: reader.path) }
            }
        }
    }

    private static let keys = ["source", "sources", "processors", "channel", "sink", "sinks"]

    private func body(
        of node: Node, _ entries: [Node.Entry], named name: String, _ reader: inout NodeReader
    ) -> PipelineDescription? {
        let before = reader.mistakes.count
        var description = PipelineDescription(name: name, sources: [], sinks: [])
        for entry in entries {
            guard Self.keys.contains(entry.key) else {
                reader.unknown(entry, known: Self.keys)
                continue
            }
            reader.inside("." + entry.key) { read(entry, into: &description, &$0) }
        }
        oneOf("source", "sources", in: entries, node, &reader)
        oneOf("sink", "sinks", in: entries, node, &reader)
        guard reader.mistakes.count == before else { return nil }
        guard let refusal = description.refusal else { return description }
        reader.note(node.place, "\(refusal); not supported by this version")
        return nil
    }

    private func read(_ entry: Node.Entry, into description: inout PipelineDescription, _ reader: inout NodeReader) {
        let node = entry.value
        switch entry.key {
        case "source": description.sources = one("source", node, registry.sources, &reader)
        case "sources": description.sources = named("source", node, registry.sources, &reader)
        case "processors": description.processors = list(node, &reader)
        case "channel": description.channel = component("channel", node, nil, registry.channels, &reader)
        case "sink": description.sinks = one("sink", node, registry.sinks, &reader)
        default: description.sinks = named("sink", node, registry.sinks, &reader)
        }
    }

    private func oneOf(
        _ one: String, _ several: String, in entries: [Node.Entry], _ node: Node, _ reader: inout NodeReader
    ) {
        let written = entries.filter { $0.key == one || $0.key == several }
        if written.isEmpty {
            reader.inside("." + one) {
                $0.note(node.place, "expected \(one) or \(several), found nothing; it is required")
            }
        }
        guard written.count > 1 else { return }
        reader.inside("." + written[1].key) {
            $0.note(written[1].keyPlace, "expected either \(one) or \(several), found both")
        }
    }

    /// Names become part of what the log keeps, and of thread names and metrics.
    private func checkName(_ name: String, _ what: String, _ place: Place?, _ reader: inout NodeReader) {
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
            default: false
            }
        }
        guard name.isEmpty || name.utf8.count > 100 || !allowed else { return }
        reader.note(place, "expected \(what) of 1 to 100 letters, digits, '.', '_' and '-', found \(name.quoted)")
    }
}

extension PipelineFileReader {
    /// `source: { type: tail, … }`: named after its type.
    private func one<Product>(
        _ role: String, _ node: Node, _ types: [ComponentType<Product>], _ reader: inout NodeReader
    ) -> [ComponentDescription] {
        component(role, node, nil, types, &reader).map { [$0] } ?? []
    }

    /// `sources: { access: { type: tail, … } }`
    private func named<Product>(
        _ role: String, _ node: Node, _ types: [ComponentType<Product>], _ reader: inout NodeReader
    ) -> [ComponentDescription] {
        guard let entries = reader.entries(of: node) else { return [] }
        if entries.isEmpty { reader.note(node.place, "expected at least one \(role), found none") }
        return entries.enumerated().compactMap { index, entry in
            reader.inside("." + entry.key) { reader in
                checkName(entry.key, "a \(role)'s name", entry.keyPlace, &reader)
                if role == "sink", index > 0 {
                    let message = "expected one sink, found another; several are not supported by this version"
                    reader.note(entry.keyPlace, message)
                }
                return component(role, entry.value, entry.key, types, &reader)
            }
        }
    }

    private func list(_ node: Node, _ reader: inout NodeReader) -> [ComponentDescription] {
        guard case .list(let nodes) = node.content else {
            reader.expected("a list of processors", at: node)
            return []
        }
        return nodes.enumerated().compactMap { index, element in
            reader.inside("[\(index)]") { component("processor", element, nil, registry.processors, &$0) }
        }
    }

    /// - Parameter name: nil: the type's.
    private func component<Product>(
        _ role: String, _ node: Node, _ name: String?, _ types: [ComponentType<Product>], _ reader: inout NodeReader
    ) -> ComponentDescription? {
        guard let entries = reader.entries(of: node) else { return nil }
        if role == "sink", let route = entries.first(where: { $0.key == "when" }) {
            reader.inside(".when") {
                $0.note(route.keyPlace, "expected no condition, found one; routes are not supported by this version")
            }
        }
        let found = reader.inside(".type") { type(role, node, entries, types, &$0) }
        guard let type = found else { return nil }
        let own = entries.filter { role != "sink" || $0.key != "when" }
        guard let options = read(type.defaults(), node, own, &reader) else { return nil }
        return ComponentDescription(name: name ?? type.name, type: type.name, options: options)
    }

    private func read<Chosen: Options>(
        _ defaults: Chosen, _ node: Node, _ entries: [Node.Entry], _ reader: inout NodeReader
    ) -> (any Options)? {
        Chosen.read(section: node, entries, others: ["type"], &reader)
    }

    private func type<Product>(
        _ role: String, _ node: Node, _ entries: [Node.Entry], _ types: [ComponentType<Product>],
        _ reader: inout NodeReader
    ) -> ComponentType<Product>? {
        let names = types.map(\.name)
        let expected = "one of \(names.joined(separator: ", "))"
        guard let entry = entries.first(where: { $0.key == "type" }) else {
            reader.note(node.place, "expected \(expected), found nothing; it is required")
            return nil
        }
        guard case .scalar(let name) = entry.value.content else {
            reader.expected(expected, at: entry.value)
            return nil
        }
        if let type = types.first(where: { $0.name == name }) { return type }
        let isLater = Self.later[role]?.contains(name) == true
        let hint = isLater ? ", which is not supported by this version" : Suggestion.hint(for: name, in: names)
        reader.note(entry.value.place, "expected \(expected), found \(name.quoted)\(hint)")
        return nil
    }

    /// Types that configurations of other versions may have.
    private static let later: [String: Set<String>] = [
        "source": ["exec", "http", "kafka", "socket", "syslog"],
        "channel": ["log", "spill"],
        "sink": ["file", "http", "kafka"],
    ]
}
