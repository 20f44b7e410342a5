package import Settings

/// A type of component: its name in a pipeline file, its options, and how one is made.
package struct ComponentType<Product>: Sendable {
    /// As `type:` in a pipeline file has it.
    package let name: String
    /// One sentence for the reference page.
    package let summary: String
    /// Options with their defaults, to be walked by a reader or a describer.
    package let defaults: @Sendable () -> any Options
    /// - Parameter options: of the type that ``defaults`` makes.
    package let make: @Sendable (any Options, ComponentContext) throws -> Product

    package init<Chosen: Options>(
        _ name: String, _ summary: String, options: Chosen.Type,
        make: @escaping @Sendable (Chosen, ComponentContext) throws -> Product
    ) {
        self.name = name
        self.summary = summary
        defaults = { Chosen() }
        self.make = { options, context in
            guard let options = options as? Chosen else { throw PipelineError.unknownType(kind: "options", name: name) }
            return try make(options, context)
        }
    }
}

/// Every type of component that there is. The built-in ones are one literal table (`Builtins.swift` of Connectors).
package struct Registry: Sendable {
    package let sources: [ComponentType<any EventSource>]
    package let processors: [ComponentType<any EventProcessor>]
    package let channels: [ComponentType<any EventChannel>]
    package let sinks: [ComponentType<any EventSink>]

    package init(
        sources: [ComponentType<any EventSource>], processors: [ComponentType<any EventProcessor>],
        channels: [ComponentType<any EventChannel>], sinks: [ComponentType<any EventSink>]
    ) {
        self.sources = sources
        self.processors = processors
        self.channels = channels
        self.sinks = sinks
    }
}
