package import Pipelines

/// Every component that is built in.
package let builtins = Registry(
    sources: [
        ComponentType("tail", "Reads files as they grow, through rotation and restarts.", options: TailOptions.self) {
            TailSource($0, $1)
        },
        ComponentType("stdin", "Reads lines from standard input until it ends.", options: StdinOptions.self) {
            StdinSource($0, $1)
        },
    ],
    processors: [
        ComponentType("key", "Gives each event its key.", options: KeyOptions.self) { options, _ in
            try KeyProcessor(options)
        },
        ComponentType("filter", "Keeps or drops events by a regular expression.", options: FilterOptions.self) {
            options, _ in try FilterProcessor(options)
        },
    ],
    channels: [
        ComponentType(
            "memory", "A bounded queue, so that sources and sink work at the same time.",
            options: MemoryChannelOptions.self
        ) { options, _ in try MemoryChannel(options) }
    ],
    sinks: [
        ComponentType("topic", "Appends to a topic of the embedded log, exactly once.", options: TopicOptions.self) {
            try TopicSink($0, $1)
        },
        ComponentType("stdout", "Writes each event and a newline to standard output.", options: StdoutOptions.self) {
            _, context in StdoutSink(context)
        },
    ])
