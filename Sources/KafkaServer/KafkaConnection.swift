import Broker
import KafkaProtocol
import Platform
import Records
import Sockets

/// One client: its bytes become requests, and their answers go back in the order of the requests.
///
/// As in Kafka a request is taken up when the one before it is answered, except that Produce requests follow each other
/// at once: the broker keeps their order, and one sync serves several of them. Belongs to the loop's thread.
final class KafkaConnection: ConnectionHandler, @unchecked Sendable {  // touched on the loop's thread only
    private let connection: Connection
    private let number: UInt64
    private let service: any KafkaService
    private let table: ConnectionTable
    private let clientHost: String
    private var clientID: String?

    private var decoder: FrameDecoder
    /// A whole request that waits for its turn.
    private var held: ArraySlice<UInt8>?
    /// Requests that are worked on, oldest first.
    private var exchanges: [Exchange] = []
    /// Bytes of requests that the broker has; after the connection has closed, too.
    private var bytesAtWork = 0
    private var charged = 0
    private var mayGrow = true
    private var isPaused = false
    private var isPumping = false
    private var isDraining = false
    private var inputOver = false
    private var isClosed = false
    private var frameTimer: (any ScheduledWork)?
    /// Until the first whole request has come.
    private var firstTimer: (any ScheduledWork)?
    /// More requests are there: they are taken up when the others have had their turn.
    private var awaitsTurn = false
    /// Bytes that have come.
    private var arrived = 0
    /// What ``arrived`` was when a rate began to be demanded; nil: of this connection none is.
    private var arrivedBefore: Int?

    init(_ connection: Connection, number: UInt64, service: any KafkaService, table: ConnectionTable) {
        self.connection = connection
        self.number = number
        self.service = service
        self.table = table
        clientHost = connection.peer.host
        decoder = FrameDecoder(limit: table.options.maxFrame)
        let timeout = table.options.firstRequestTimeout
        firstTimer = connection.loop.schedule(at: connection.loop.clock.now() + timeout) { [weak self] in
            guard let self, !isClosed, !isDraining else { return }
            refuse("no whole request came within \(timeout)")
        }
    }

    private var options: KafkaServerOptions { table.options }

    // MARK: What the connection tells

    func received(_ bytes: ArraySlice<UInt8>, on connection: Connection) {
        guard !isClosed, !isDraining else { return }
        arrived += bytes.count
        decoder.feed(bytes.span.bytes)
        pump()
    }

    /// What has come is still carried out: a producer with `acks=0` may be gone before its last requests are taken up.
    func inputEnded(on connection: Connection) {
        inputOver = true
        pump()
    }

    func outputDrained(on connection: Connection) { pump() }

    func closed(_ connection: Connection, _ reason: CloseReason) {
        isClosed = true
        switch reason {
        case .peerClosed, .loopStopped, .local, .idle: break
        case .failed(let error):
            // A client that is killed or loses its network is everyday; a file that cannot be sent is not.
            if error.code == 0 { table.log("closed the connection of \(name): \(error)") }
        }
        frameTimer?.cancel()
        frameTimer = nil
        firstTimer?.cancel()
        firstTimer = nil
        if !exchanges.isEmpty { service.connectionClosed(number) }
        exchanges = []
        held = nil
        decoder = FrameDecoder(limit: 0)
        account()
        table.budget.forget(self)
        table.remove(number)
    }

    /// The budget has room again, or lets this connection go over it.
    func budgetAllows() {
        mayGrow = true
        pump()
    }

    /// Reads no more; ends when what is worked on, fetches apart, has been answered.
    func drain() {
        isDraining = true
        connection.pauseReading()
        finishIfOver()
    }

    func close() { connection.close(.local("the server stops")) }

    // MARK: From bytes to requests

    /// Takes up the requests that have arrived and whose turn it is, a bounded number, then reads on or pauses.
    private func pump() {
        guard !isPumping, !isClosed, !isDraining, !awaitsTurn else { return }
        isPumping = true
        defer { isPumping = false }
        do {
            var taken = 0
            while !awaitsTurn, let frame = try nextFrame() {
                try take(frame)
                taken += 1
                if taken >= options.maxRequestsPerTurn, buffered > 0 { awaitTurn() }
            }
        } catch {
            return refuse("\(error)")
        }
        guard !isClosed else { return }
        account()
        watchFrame()
        pauseOrResume()
        if inputOver { finishIfOver() }
    }

    private func awaitTurn() {
        awaitsTurn = true
        connection.loop.execute { [self] in
            awaitsTurn = false
            pump()
        }
    }

    /// The next whole request, if it may be taken up now.
    private func nextFrame() throws(WireError) -> ArraySlice<UInt8>? {
        guard canTake else { return nil }
        if held == nil { held = try decoder.next() }
        guard let frame = held, hasTurn(frame) else { return nil }
        held = nil
        return frame
    }

    private var canTake: Bool {
        !isClosed && connection.pendingOutput < options.listener.connection.outputHighWater
            && exchanges.count < options.maxPipelinedRequests
            && (exchanges.isEmpty || bytesAtWork < options.maxPipelinedBytes)
    }

    private func hasTurn(_ frame: ArraySlice<UInt8>) -> Bool {
        guard !exchanges.isEmpty else { return true }
        let apiKey = frame.prefix(2).reduce(0) { $0 << 8 | Int16($1) }
        return apiKey == APIKey.produce.rawValue && exchanges.allSatisfy { $0.api == .produce }
    }

    private func take(_ frame: ArraySlice<UInt8>) throws(WireError) {
        frameTimer?.cancel()
        frameTimer = nil
        firstTimer?.cancel()
        firstTimer = nil
        arrivedBefore = nil
        let (header, body) = try RequestHeader.parse(frame)
        clientID = header.clientId
        let exchange = Exchange(header, size: frame.count)
        exchanges.append(exchange)
        bytesAtWork += frame.count
        do throws(WireError) {
            try carryOut(exchange, header, body)
        } catch {
            // Nobody will answer it.
            exchanges.removeLast()
            bytesAtWork -= frame.count
            throw error
        }
    }

    private func carryOut(_ exchange: Exchange, _ header: RequestHeader, _ body: ArraySlice<UInt8>) throws(WireError) {
        guard let api = header.api else { throw .unknownAPI(header.apiKey) }
        if api == .apiVersions { return answer(exchange, with: try ApiVersionsAnswer.frame(to: header, body)) }
        guard header.isSpoken else { throw .unsupportedVersion(api, header.apiVersion) }
        let context = RequestContext(
            version: header.apiVersion, clientID: header.clientId ?? "", clientHost: clientHost, connection: number)
        let call = Call(body: body, context: context, correlationId: header.correlationId) { [self] reply in
            if connection.loop.isCurrent {
                answer(exchange, with: reply)
            } else {
                connection.loop.execute { [self] in answer(exchange, with: reply) }
            }
        }
        try service.carryOut(api, call)
    }

    // MARK: From answers to bytes

    private func answer(_ exchange: Exchange, with reply: Reply) {
        guard exchange.reply == nil else { return }
        exchange.reply = reply
        bytesAtWork -= exchange.size
        guard !isClosed else {
            account()
            return
        }
        sendAnswers()
        if isDraining { finishIfOver() } else { pump() }
    }

    /// Sends the answers that are there, up to the first that is not.
    private func sendAnswers() {
        var ready: [OutputPiece] = []
        while let reply = exchanges.first?.reply {
            let exchange = exchanges.removeFirst()
            switch reply {
            case .frame(let pieces): ready += pieces
            case .nothing: break
            case .close(let reason):
                connection.send(ready)
                return refuse("\(exchange.name): \(reason)")
            }
        }
        if !ready.isEmpty { connection.send(ready) }
    }

    /// Ends a connection on which no more requests come, when those that are worked on are answered.
    private func finishIfOver() {
        guard !isClosed, isDraining || !awaitsTurn, exchanges.allSatisfy(\.mayLast) else { return }
        guard isDraining || connection.pendingOutput < options.listener.connection.outputHighWater else { return }
        isClosed = true
        connection.finish(isDraining ? .local("the server stops") : .peerClosed)
    }

    // MARK: Bounds

    /// Bytes that have come and belong to no request that is worked on.
    private var buffered: Int { decoder.buffered + (held?.count ?? 0) }

    /// Tells the budget what this connection holds.
    private func account() {
        let holds = buffered + bytesAtWork
        let charge = max(0, holds - options.freeBytes)
        let difference = charge - charged
        charged = charge
        guard difference != 0 else { return }
        mayGrow = table.budget.change(by: difference, of: self, holdingAfter: charge)
        if !mayGrow { table.demandProgress() }
    }

    private func pauseOrResume() {
        // While a request is worked on a little is read ahead, so that a client that leaves is noticed.
        let full = !exchanges.isEmpty && buffered >= options.freeBytes
        let pause = full || !mayGrow || awaitsTurn || (buffered >= 4 && !canTake)
        guard pause != isPaused else { return }
        isPaused = pause
        // Who is not read from cannot show a rate.
        arrivedBefore = nil
        if pause { connection.pauseReading() } else { connection.resumeReading() }
    }

    /// Whether we read and a request has begun to come.
    private var isArriving: Bool { decoder.buffered > 0 && exchanges.isEmpty && mayGrow && !awaitsTurn }

    /// From now on until ``closeIfSlow()`` the request that is arriving, if it holds others' room, must come quickly.
    func beginProgress() {
        arrivedBefore = isArriving && charged > 0 && !isPaused ? arrived : nil
    }

    /// Closes if what was to come quickly has not.
    func closeIfSlow() {
        guard let arrivedBefore, !isClosed, !isDraining else { return }
        let wanted = options.slowestRequest * Int(options.shortageGrace.wholeMilliseconds) / 1000
        let came = arrived - arrivedBefore
        guard came < max(1, wanted) else { return }
        refuse("a request came too slowly (\(came) bytes in \(options.shortageGrace)) while others waited")
    }

    /// Gives a request that has begun to arrive its time, while we read.
    private func watchFrame() {
        let arriving = isArriving
        guard arriving != (frameTimer != nil) else { return }
        frameTimer?.cancel()
        frameTimer = nil
        guard arriving else { return }
        frameTimer = connection.loop.schedule(at: connection.loop.clock.now() + options.frameTimeout) { [weak self] in
            guard let self, !isClosed else { return }
            refuse("a request was not whole after \(options.frameTimeout)")
        }
    }

    // MARK: Ends

    private var name: String {
        guard let clientID else { return "\(connection.peer)" }
        // A client chooses its name: it must not be able to write lines of its own.
        let printable = clientID.unicodeScalars.prefix(100).map { scalar -> Character in
            scalar.properties.generalCategory == .control ? "?" : Character(scalar)
        }
        return "\(connection.peer) (client '\(String(printable))')"
    }

    /// Kafka's answer to what it cannot make sense of.
    private func refuse(_ reason: String) {
        guard !isClosed else { return }
        table.log("closed the connection of \(name): \(reason)")
        end(.local(reason))
    }

    private func end(_ reason: CloseReason) {
        isClosed = true
        connection.close(reason)
    }
}
