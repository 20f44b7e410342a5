package import Platform

/// All pipelines of a process. One that fails disturbs no other.
package final class Runner: Sendable {
    private let pipelines: [Pipeline]
    private let clock: Clock

    /// Makes every component of every pipeline; nothing is started, nothing is read.
    /// - Throws: ``PipelineError``, or what a component's constructor throws.
    package init(_ descriptions: [PipelineDescription], registry: Registry, context: PipelineContext) throws {
        var names: Set<String> = []
        for name in descriptions.map(\.name) where !names.insert(name).inserted {
            throw PipelineError.unsupported(pipeline: name, what: "another pipeline has the same name")
        }
        pipelines = try descriptions.map { try Pipeline($0, registry: registry, context: context) }
        clock = context.clock
    }

    package func start() {
        for pipeline in pipelines { pipeline.start() }
    }

    /// Waits until every pipeline has its topic and its files, or has failed to get them once.
    /// - Returns: false when `deadline` came first; they go on starting.
    @discardableResult
    package func waitUntilStarted(until deadline: Instant) -> Bool {
        pipelines.allSatisfy { $0.control.waitUntilStarted(until: deadline) }
    }

    /// Asks every pipeline to bring home what it has read and to end. Returns at once.
    /// - Parameter deadline: when to give up on what cannot be brought home.
    package func stop(by deadline: Instant) {
        for pipeline in pipelines { pipeline.control.stop(by: deadline) }
    }

    /// Waits until every pipeline has ended, by itself or because of ``stop(by:)``.
    /// - Returns: false when `deadline` came first; nil waits for ever.
    package func wait(until deadline: Instant? = nil) -> Bool {
        pipelines.allSatisfy { $0.join(until: deadline) }
    }

    /// - Parameter patience: how long to wait for figures of this moment; after that the last known ones are shown.
    package func status(patience: Duration = .milliseconds(500)) -> [PipelineStatus] {
        let deadline = clock.now() + patience
        return pipelines.map { $0.control.status(patience: deadline) }
    }
}
