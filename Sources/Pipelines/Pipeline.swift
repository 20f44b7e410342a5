import CommitLog
package import Platform

/// One pipeline at work: its sources, processors and sink on one thread, or on two with a channel between them.
///
/// A pipeline that is at rest sleeps in `poll`. What fails and may heal is tried again with growing pauses; nothing
/// that was taken is let go meanwhile, and no other pipeline notices.
final class Pipeline: @unchecked Sendable {  // components belong to the threads once `start` was called
    let name: String
    let control: PipelineControl
    let context: PipelineContext
    private let sources: [any EventSource]
    private let sourceNames: [String]
    private let processors: [(name: String, processor: any EventProcessor)]
    private let channel: (any EventChannel)?
    private let sink: any EventSink
    private let waker: Waker
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

// MARK: - Without a channel

extension Pipeline {
    private func runDirectly() {
        guard startSink(waker), startSources(waker) else { return end(waker) }
        control.update { $0.state = .running }
        var pulling = Pulling(sources)
        while control.stopBy == nil {
            answer(sources: true, sink: true)
            guard attempt(waker, { try sink.advance() }) else { break }
            switch attempt(waker, { try pulling.next() }) {
            case nil: return end(waker)
            case .finished: return end(waker)
            case .idle(let until):
                guard attempt(waker, { try sink.settle() }) else { return end(waker) }
                sleep(waker, watching: sources.flatMap(\.descriptors), until: earlier(until, sink.deadline))
            case .batch(var batch):
                guard process(&batch) else { return end(waker) }
                sink.take(consume batch)
            }
        }
        end(waker)
    }

    /// Brings everything home, and says how it went.
    private func end(_ waker: Waker) {
        close(sources)
        finishSink(waker)
    }
}

// MARK: - With a channel

extension Pipeline {
    private func runSources(into channel: any EventChannel) {
        defer {
            channel.finish()
            close(sources)
        }
        guard startSources(waker) else { return }
        var pulling = Pulling(sources)
        while control.stopBy == nil {
            answer(sources: true, sink: false)
            switch attempt(waker, { try pulling.next() }) {
            case nil, .finished: return
            case .idle(let until): sleep(waker, watching: sources.flatMap(\.descriptors), until: until)
            case .batch(var batch):
                guard process(&batch) else { return }
                while !channel.offer(batch) {
                    // Not in the channel, so not committed: the next start reads it again.
                    if control.stopBy != nil { return }
                    sleep(waker, until: nil)
                }
            }
        }
    }

    private func runSink(from channel: any EventChannel) {
        let waker = channel.arrivals
        guard startSink(waker) else {
            finishSink(waker)
            return control.stop(by: context.clock.now())
        }
        control.update { $0.state = .running }
        while true {
            answer(sources: false, sink: true)
            guard attempt(waker, { try sink.advance() }) else { break }
            if let batch = channel.take() {
                sink.take(consume batch)
                continue
            }
            if channel.isFinished, channel.heldBytes == 0 { break }
            guard attempt(waker, { try sink.settle() }) else { break }
            sleep(waker, until: sink.deadline)
        }
        finishSink(waker)
        // A sink that gave up takes nothing any more: nobody must wait for room.
        control.stop(by: context.clock.now())
    }
}

// MARK: - Steps

extension Pipeline {
    private func startSources(_ waker: Waker) -> Bool {
        for (source, name) in zip(sources, sourceNames) {
            let started = attempt(waker) {
                let positions = context.directory.positions(pipeline: self.name)
                try source.start(
                    from: positions.filter { $0.source == name }.map(\.position), untilEnd: context.untilEnd)
            }
            guard started else { return false }
        }
        return true
    }

    private func startSink(_ waker: Waker) -> Bool {
        let longest = sources.map(\.longestEvent).max() ?? 0
        return attempt(waker) { try sink.start(longestEvent: longest) }
    }

    private func close(_ sources: [any EventSource]) {
        // The last figures stay to be seen.
        let reports = sources.map(\.report)
        control.update { $0.sources = reports }
        for source in sources { source.close() }
    }

    /// Everything taken becomes durable, or the log says what does not.
    private func finishSink(_ waker: Waker) {
        control.update { $0.state = .stopping }
        let done = attempt(waker) {
            try sink.flush()
            try context.directory.sync()
        }
        if !done, sink.report.waitingBytes > 0 {
            let fate = sources.allSatisfy(\.canReadAgain) ? "read again at the next start" : "lost with their source"
            note(.error, "stopped with \(sink.report.waitingBytes) bytes not brought home: \(fate)")
        }
        let report = sink.report
        sink.close()
        control.update { status in
            status.sink = report
            status.processors = processors.map { ProcessorReport(name: $0.name, counters: $0.processor.counters) }
            status.state = .finished
        }
    }

    /// - Returns: false when a processor gave up: what it had is not committed, so the next start reads it again.
    private func process(_ batch: inout SourceBatch) -> Bool {
        for (name, processor) in processors {
            do {
                try processor.process(&batch.events)
            } catch {
                note(.error, "processor \(name): \(error)")
                control.update { $0.reason = "processor \(name): \(error)" }
                return false
            }
        }
        return true
    }

    /// Tries until it works, with growing pauses, or until the pipeline must end.
    /// - Returns: nil when it must end.
    private func attempt<Result>(_ waker: Waker, _ body: () throws -> Result) -> Result? {
        var backoff = context.backoff
        var reason: String?
        while true {
            do {
                let result = try body()
                if reason != nil { healed() }
                return result
            } catch {
                if case PipelineError.beyondRepair(let what) = error {
                    giveUp(what)
                    return nil
                }
                let now = context.clock.now()
                if let stopBy = control.stopBy, now >= stopBy { return nil }
                if reason != "\(error)" {
                    reason = "\(error)"
                    failed("\(error)")
                }
                let pause = now + backoff.pause()
                while context.clock.now() < pause {
                    if let stopBy = control.stopBy, context.clock.now() >= stopBy { return nil }
                    answer(
                        sources: channel == nil || waker === self.waker,
                        sink: channel == nil || waker === channel?.arrivals)
                    sleep(waker, until: earlier(pause, control.stopBy))
                }
            }
        }
    }

    private func attempt(_ waker: Waker, _ body: () throws -> Void) -> Bool {
        let done: Void? = attempt(waker, body)
        return done != nil
    }

    private func giveUp(_ reason: String) {
        let isNews = control.lastStatus.reason != reason
        if isNews { note(.error, "\(reason); the pipeline ends") }
        control.update { $0.reason = reason }
    }

    private func failed(_ reason: String) {
        note(.error, "\(reason); collecting waits and tries again")
        control.update { status in
            if status.state == .running || status.state == .starting { status.state = .failed }
            status.reason = reason
        }
    }

    private func healed() {
        note(.info, "works again")
        control.update { status in
            if status.state == .failed { status.state = .running }
            status.reason = nil
        }
    }

    /// Puts fresh figures where they can be seen, if someone asked.
    private func answer(sources withSources: Bool, sink withSink: Bool) {
        guard control.isAsked else { return }
        control.update { status in
            if withSources {
                status.sources = sources.map(\.report)
                status.processors = processors.map { ProcessorReport(name: $0.name, counters: $0.processor.counters) }
            }
            if withSink { status.sink = sink.report }
        }
    }

    private func sleep(_ waker: Waker, watching descriptors: [Int32] = [], until deadline: Instant?) {
        waker.sleep(watching: descriptors, until: deadline, now: context.clock.now())
    }

    private func note(_ level: PipelineNote.Level, _ message: String) {
        context.log(PipelineNote(level: level, pipeline: name, component: "", message: message))
    }
}

/// The earlier of two moments, where nil is never.
package func earlier(_ a: Instant?, _ b: Instant?) -> Instant? {
    guard let a, let b else { return a ?? b }
    return min(a, b)
}

/// Asks several sources in turn, so that none is starved.
private struct Pulling {
    private let sources: [any EventSource]
    private var finished: Set<Int> = []
    private var turn = 0

    init(_ sources: [any EventSource]) { self.sources = sources }

    mutating func next() throws -> Pull {
        var until: Instant?
        for _ in 0..<sources.count {
            let index = turn
            turn = (turn + 1) % sources.count
            if finished.contains(index) { continue }
            switch try sources[index].next() {
            case .batch(let batch): return .batch(batch)
            case .idle(let moment): until = earlier(until, moment)
            case .finished: finished.insert(index)
            }
        }
        return finished.count == sources.count ? .finished : .idle(until: until)
    }
}
