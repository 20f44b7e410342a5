package import Settings

/// One component as a pipeline file describes it: its type, and its options already read.
package struct ComponentDescription: Sendable {
    /// Its name within the pipeline; in the short form, and where the file gives none, the type's. A source's positions
    /// are kept under it.
    package var name: String
    /// The row of the registry.
    package var type: String
    package var options: any Options

    package init(name: String, type: String, options: any Options) {
        self.name = name
        self.type = type
        self.options = options
    }
}

/// One pipeline: what a pipeline file says once it is read.
package struct PipelineDescription: Sendable {
    package var name: String
    package var sources: [ComponentDescription]
    /// In the order in which they work on each batch.
    package var processors: [ComponentDescription]
    /// nil: straight from source to sink, in one thread.
    package var channel: ComponentDescription?
    package var sinks: [ComponentDescription]

    package init(
        name: String, sources: [ComponentDescription], processors: [ComponentDescription] = [],
        channel: ComponentDescription? = nil, sinks: [ComponentDescription]
    ) {
        self.name = name
        self.sources = sources
        self.processors = processors
        self.channel = channel
        self.sinks = sinks
    }

    /// What in this graph cannot be run yet; nil when all can. For `check`, and asked again at the start.
    package var refusal: String? {
        if sources.isEmpty { return "a pipeline needs a source" }
        if sinks.isEmpty { return "a pipeline needs a sink" }
        if sinks.count > 1 {
            return "one sink per pipeline is supported, found \(sinks.count): use a pipeline for each"
        }
        if Set(sources.map(\.name)).count < sources.count { return "two sources have the same name" }
        return nil
    }
}
