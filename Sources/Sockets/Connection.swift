import CLinux
import Glibc
import Platform
package import Records

/// One accepted stream, TCP or unix domain, on an event loop.
///
/// It holds no input: bytes go to the handler as they arrive, and reading stops when the handler says so or when the
/// peer does not take its answers. Verbs may be called from any thread and take effect on the loop's; the properties
/// belong to the loop's thread.
@safe
package final class Connection: @unchecked Sendable {  // mutable fields are touched on the loop's thread only
    package let loop: EventLoop
    /// The peer's address: `127.0.0.1:50432`.
    package let peer: SocketAddress
    let options: ConnectionOptions

    private var descriptor: Descriptor?
    private var number: UInt64 = 0
    private var handler: (any ConnectionHandler)?
    private let released: @Sendable () -> Void

    private var phase = Phase.open
    private var readingPaused = false
    /// Too much output waits: see ``ConnectionOptions/outputHighWater``.
    private var throttled = false
    private var inputEnded = false
    /// The kernel has no room for output: wait until it has.
    private var writeBlocked = false
    /// The file sender has the head of the queue.
    private var sendingFile = false
    private var closeWhenSent = false
    private var suspended = false
    private var interest: Readiness = []
    private var lastActivity: Instant
    private var timer: (any ScheduledWork)?
    var output = OutputQueue()

    private enum Phase: Equatable {
        case open
        /// Writes what is left, then says that it is done.
        case finishing(CloseReason)
        /// Waits for the peer to close, so that the last bytes reach it.
        case lingering(CloseReason)
        case closed
    }

    /// Bytes that the loop writes for one connection before it is the next one's turn.
    private static let turnBudget = 4 << 20

    /// Takes over a non-blocking descriptor. On the loop's thread; ``begin(_:)`` comes next.
    /// - Parameter released: called when the connection has closed.
    init(
        _ descriptor: consuming Descriptor, loop: EventLoop, options: ConnectionOptions,
        released: @escaping @Sendable () -> Void
    ) {
        self.loop = loop
        self.options = options
        self.released = released
        peer = SocketAddress(of: descriptor.number, peer: true) ?? SocketAddress(bytes: [0, 0])
        lastActivity = loop.clock.now()
        if peer.family != AF_UNIX { _ = penstock_set_no_delay(descriptor.number) }
        if let size = options.sendBuffer { _ = penstock_set_send_buffer(descriptor.number, Int32(clamping: size)) }
        self.descriptor = consume descriptor
    }

    /// Starts to read. On the loop's thread.
    func begin(_ handler: any ConnectionHandler) {
        guard phase != .closed, let socket = descriptor?.number else { return handler.closed(self, .loopStopped) }
        self.handler = handler
        interest = wantedInterest
        guard let number = loop.add(socket, interest, SocketReadiness(self)) else {
            return close(.failed(SocketError("watch a connection", errno: errno)))
        }
        self.number = number
        startIdleTimer()
    }

    // MARK: Verbs, from any thread

    /// Queues bytes behind what waits already, and writes what the kernel takes at once. After the end: dropped.
    package func send(_ pieces: [OutputPiece]) {
        onLoop { connection in
            guard connection.phase == .open else { return }
            for piece in pieces { connection.output.append(piece) }
            connection.flush()
            if connection.output.byteCount >= connection.options.outputHighWater { connection.throttled = true }
            connection.updateInterest()
        }
    }

    /// Stops reading until ``resumeReading()``. The kernel's buffers fill, and the peer stops.
    package func pauseReading() {
        onLoop { connection in
            connection.readingPaused = true
            connection.updateInterest()
        }
    }

    package func resumeReading() {
        onLoop { connection in
            connection.readingPaused = false
            connection.updateInterest()
        }
    }

    /// Closes at once; output that waits is dropped. Only the first reason counts.
    package func close(_ reason: CloseReason) {
        onLoop { $0.closeNow(reason) }
    }

    /// Reads no more, writes what is queued, then closes; for at most ``ConnectionOptions/finishTimeout``.
    package func finish(_ reason: CloseReason) {
        onLoop { connection in
            guard connection.phase == .open else { return }
            connection.phase = .finishing(reason)
            connection.timer?.cancel()
            connection.timer = connection.loop.schedule(
                at: connection.loop.clock.now() + connection.options.finishTimeout
            ) { connection.closeNow(reason) }
            connection.flush()
            connection.updateInterest()
        }
    }

    private func onLoop(_ body: @escaping @Sendable (Connection) -> Void) {
        if loop.isCurrent { body(self) } else { loop.execute { body(self) } }
    }

    // MARK: On the loop's thread

    package var isClosed: Bool { phase == .closed }

    /// Bytes queued and not yet taken by the kernel.
    package var pendingOutput: Int { output.byteCount }

    fileprivate func ready(_ readiness: Readiness) {
        if readiness.contains(.failed), let socket = descriptor?.number {
            return closeNow(.failed(SocketError("talk to \(peer)", errno: penstock_socket_error(socket))))
        }
        if wantsReading, !readiness.isDisjoint(with: [.readable, .hungUp]) { read() }
        if readiness.contains(.writable) {
            writeBlocked = false
            flush()
        }
        guard phase != .closed else { return }
        if readiness.contains(.hungUp), !wantsReading { peerIsGone() }
        updateInterest()
    }

    /// Both directions have ended, and there is nothing that we want to read now.
    private func peerIsGone() {
        if inputEnded || phase != .open { return closeNow(.peerClosed) }
        // Input is left that is not wanted yet. Asking epoll would only tell of the end again and again.
        guard !suspended, let socket = descriptor?.number else { return }
        loop.suspend(number, socket)
        suspended = true
    }

    private func read() {
        guard let socket = descriptor?.number else { return }
        // Safety: the kernel writes at most the buffer's length.
        let count = unsafe loop.scratch.withUnsafeMutableBytes { buffer in
            unsafe Glibc.read(socket, buffer.baseAddress, buffer.count)
        }
        guard count >= 0 else {
            if errno == EAGAIN || errno == EINTR { return }
            return closeNow(.failed(SocketError("read from \(peer)", errno: errno)))
        }
        if case .lingering(let reason) = phase {
            if count == 0 { closeNow(reason) }
            return
        }
        lastActivity = loop.clock.now()
        guard count > 0 else {
            inputEnded = true
            handler?.inputEnded(on: self)
            return
        }
        handler?.received(loop.scratch[..<count], on: self)
    }

    /// Writes until the queue is empty, the kernel has no room, or the turn is over.
    private func flush() {
        guard !writeBlocked, !sendingFile, let socket = descriptor?.number else { return }
        var budget = Self.turnBudget
        while let piece = output.first {
            guard budget > 0 else {
                loop.execute { [self] in resumeOutput() }
                return
            }
            switch write(piece, to: socket) {
            case .some(.sent(let count)):
                output.advance(count)
                budget -= count
                lastActivity = loop.clock.now()
            case .some(.blocked):
                writeBlocked = true
                return
            case .some(.failed(let error)):
                return closeNow(.failed(error))
            case .some(.read), .none:
                return
            }
        }
        outputEmpty()
    }

    /// - Returns: nil when the file sender has taken it.
    private func write(_ piece: OutputPiece, to socket: Int32) -> SendOutcome? {
        switch piece {
        case .bytes(let bytes):
            return write(bytes, from: output.written, to: socket)
        case .file(let span):
            let rest = FileSpan(
                source: span.source, position: span.position + Int64(output.written),
                length: min(span.length - output.written, FileSender.chunk))
            if let file = span.source.descriptor, penstock_file_resident(file, rest.position, rest.length) == 1 {
                return FileSender.send(rest, to: socket)
            }
            sendingFile = true
            let job = FileSender.Job(socket: socket, span: rest) { [self] outcome in fileSent(outcome) }
            loop.fileSender.submit(job)
            return nil
        }
    }

    private func write(_ bytes: [UInt8], from start: Int, to socket: Int32) -> SendOutcome {
        let more: Int32 = output.hasMore ? 1 : 0
        // Safety: `start` is less than the array's count, for the queue drops a piece that is written.
        let count = unsafe bytes.withUnsafeBytes { buffer in
            unsafe penstock_send(socket, buffer.baseAddress! + start, buffer.count - start, more)
        }
        if count >= 0 { return .sent(count) }
        switch errno {
        case EAGAIN: return .blocked
        case EINTR: return .sent(0)
        default: return .failed(SocketError("write to \(peer)", errno: errno))
        }
    }

    /// The file sender's answer.
    private func fileSent(_ outcome: SendOutcome) {
        sendingFile = false
        guard !closeWhenSent else {
            descriptor = nil
            return
        }
        switch outcome {
        case .sent(let count):
            output.advance(count)
            lastActivity = loop.clock.now()
        case .blocked:
            writeBlocked = true
        case .failed(let error):
            return closeNow(.failed(error))
        case .read(let bytes):
            output.replaceFirst(with: bytes)
        }
        resumeOutput()
    }

    private func resumeOutput() {
        flush()
        updateInterest()
    }

    private func outputEmpty() {
        guard case .finishing(let reason) = phase, let socket = descriptor?.number else { return }
        if inputEnded { return closeNow(reason) }
        phase = .lingering(reason)
        shutdown(socket, Int32(SHUT_WR))
    }

    private var wantsReading: Bool {
        switch phase {
        case .open: !readingPaused && !throttled && !inputEnded
        case .finishing, .closed: false
        case .lingering: true
        }
    }

    private var wantedInterest: Readiness {
        var wanted: Readiness = []
        if wantsReading { wanted.insert(.readable) }
        if writeBlocked { wanted.insert(.writable) }
        return wanted
    }

    /// Tells the loop what we wait for, and the handler that the output has drained.
    private func updateInterest() {
        guard phase != .closed, let socket = descriptor?.number else { return }
        if throttled, output.byteCount <= options.outputLowWater {
            throttled = false
            loop.execute { [self] in handler?.outputDrained(on: self) }
        }
        let wanted = wantedInterest
        if suspended {
            guard wantsReading else { return }
            suspended = false
            interest = wanted
            if !loop.resume(number, socket, wanted) {
                closeNow(.failed(SocketError("watch a connection", errno: errno)))
            }
        } else if wanted != interest {
            interest = wanted
            loop.change(number, socket, wanted)
        }
    }

    private func startIdleTimer() {
        guard let idleTimeout = options.idleTimeout else { return }
        timer = loop.schedule(at: lastActivity + idleTimeout) { [weak self] in self?.idleCheck(idleTimeout) }
    }

    private func idleCheck(_ timeout: Duration) {
        guard phase == .open else { return }
        if loop.clock.now() >= lastActivity + timeout { closeNow(.idle(timeout)) } else { startIdleTimer() }
    }

    private func closeNow(_ reason: CloseReason) {
        guard phase != .closed else { return }
        phase = .closed
        timer?.cancel()
        timer = nil
        output.removeAll()
        if let socket = descriptor?.number, number != 0 { loop.remove(number, socket) }
        // The file sender may be writing to the number: it must not become another connection's meanwhile.
        if sendingFile { closeWhenSent = true } else { descriptor = nil }
        let handler = self.handler
        self.handler = nil
        loop.execute { [self] in
            handler?.closed(self, reason)
            released()
        }
    }

    fileprivate func loopStopped() { closeNow(.loopStopped) }
}

/// What the loop holds of a connection.
private final class SocketReadiness: ReadinessHandler {
    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func ready(_ readiness: Readiness) { connection.ready(readiness) }
    func loopStopped() { connection.loopStopped() }
}
