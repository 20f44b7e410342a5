import CommitLog
import Platform

/// One pipeline at work: its sources, processors and sink on one thread, or on two with a channel between them.
///
/// A pipeline that is at rest sleeps in `poll`. What fails and may heal is tried again with growing pauses; nothing
/// that was taken is let go meanwhile, and no other pipeline notices.
final class Pipeline: @unchecked Sendable {  // components belong to the threads once `start` was called
    let name: String
    let control: PipelineControl
    let context: PipelineContext
    let sources: [any EventSource]
    let sourceNames: [String]
    let processors: [(name: String, processor: any EventProcessor)]
    let channel: (any EventChannel)?
    let sink: any EventSink
    let waker: Waker
    private let threads = Lock<[Thread]>([])
    private let running = Lock(0)

    init(_ description: PipelineDescription, registry: Registry, context: PipelineContext) throws {
        if let refusal = description.refusal {
            throw PipelineError.unsupported(pipeline: description.name, what: refusal)
        }
        name = description.name
        self.context = context
        let share = context.budget.share(floor: context.floor)
        func make<Product>(
            _ kind: String, _ component: ComponentDescription, from types: [ComponentType<Product>]
        ) throws -> Product {
            guard let type = types.first(where: { $0.name == component.type }) else {
                throw PipelineError.unknownType(kind: kind, name: component.type)
            }
            let context = ComponentContext(
                shared: context, pipeline: description.name, name: component.name, share: share)
            return try type.make(component.options, context)
        }
        sources = try description.sources.map { try make("source", $0, from: registry.sources) }
        sourceNames = description.sources.map(\.name)
        processors = try description.processors.map {
            ($0.name, try make("processor", $0, from: registry.processors))
        }
        channel = try description.channel.map { try make("channel", $0, from: registry.channels) }
        sink = try make("sink", description.sinks[0], from: registry.sinks)
        waker = try channel?.space ?? Waker()
        control = PipelineControl(name: name, wakers: [waker] + (channel.map { [$0.arrivals] } ?? []))
    }

    func start() {
        guard let channel else { return spawn(name) { $0.runDirectly() } }
        spawn(name) { $0.runSources(into: channel) }
        spawn(name + "-sink") { $0.runSink(from: channel) }
    }

    /// Waits until the threads have ended.
    /// - Returns: false when `deadline` came first.
    func join(until deadline: Instant?) -> Bool {
        guard running.wait(until: deadline, { $0 == 0 ? true : nil }) != nil else { return false }
        for thread in threads.withLock({ $0 }) { thread.join() }
        return true
    }

    private func spawn(_ name: String, _ body: @escaping @Sendable (Pipeline) -> Void) {
        running.withLock { $0 += 1 }
        let thread = Thread(name: name) {
            body(self)
            self.running.withLockNotifying { $0 -= 1 }
        }
        threads.withLock { $0.append(thread) }
    }
}
