import CommitLog
import Platform

// What the threads do, each step able to fail and be tried again.
extension Pipeline {
    func startSources(_ waker: Waker) -> Bool {
        if context.directory.passesOver(pipeline: name) { return startSourcesPassingOver(waker) }
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

    /// Nothing is pulled before it is committed where all sources begin: a crash leaves that, or the choice.
    private func startSourcesPassingOver(_ waker: Waker) -> Bool {
        var positions: [PositionUpdate] = []
        for source in sources {
            guard let begins = attempt(waker, { try source.startPassingOver(untilEnd: context.untilEnd) }) else {
                return false
            }
            positions += begins
        }
        return attempt(waker) { try context.directory.passOver(pipeline: name, to: positions) }
    }

    func startSink(_ waker: Waker) -> Bool {
        let longest = sources.map(\.longestEvent).max() ?? 0
        return attempt(waker) { try sink.start(longestEvent: longest) }
    }

    func close(_ sources: [any EventSource]) {
        // The last figures stay to be seen.
        let reports = sources.map(\.report)
        control.update { $0.sources = reports }
        for source in sources { source.close() }
    }

    /// Everything taken becomes durable, or the log says what does not.
    func finishSink(_ waker: Waker) {
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
    func process(_ batch: inout SourceBatch) -> Bool {
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
    func attempt<Result>(_ waker: Waker, _ body: () throws -> Result) -> Result? {
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

    func attempt(_ waker: Waker, _ body: () throws -> Void) -> Bool {
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
    func answer(sources withSources: Bool, sink withSink: Bool) {
        guard control.isAsked else { return }
        control.update { status in
            if withSources {
                status.sources = sources.map(\.report)
                status.processors = processors.map { ProcessorReport(name: $0.name, counters: $0.processor.counters) }
            }
            if withSink { status.sink = sink.report }
        }
    }

    func sleep(_ waker: Waker, watching descriptors: [Int32] = [], until deadline: Instant?) {
        waker.sleep(watching: descriptors, until: deadline, now: context.clock.now())
    }

    private func note(_ level: PipelineNote.Level, _ message: String) {
        context.log(PipelineNote(level: level, pipeline: name, component: "", message: message))
    }
}
