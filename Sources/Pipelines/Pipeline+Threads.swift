import Platform

// Without a channel one thread does it all.
extension Pipeline {
    func runDirectly() {
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

// With a channel, one thread fills it and one empties it.
extension Pipeline {
    func runSources(into channel: any EventChannel) {
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

    func runSink(from channel: any EventChannel) {
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
