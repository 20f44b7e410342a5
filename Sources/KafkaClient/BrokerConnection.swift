package import KafkaProtocol
package import Platform
package import Sockets

/// One connection to one broker: a request, then its answer. For one thread.
///
/// After a ``ClientError/isDisconnection`` it is of no more use.
package final class BrokerConnection {
    package let endpoint: Endpoint
    private let socket: ClientSocket
    private let options: ClientOptions
    private let clock: Clock
    private let interruption: Interruption
    /// What the broker speaks, by API key.
    private var spoken: [Int16: ClosedRange<Int16>] = [:]
    private var lastCorrelation: Int32 = 0

    /// Connects, and asks which versions the broker speaks.
    package init(
        to endpoint: Endpoint, options: ClientOptions, clock: Clock, interruption: Interruption = Interruption()
    ) throws(ClientError) {
        self.endpoint = endpoint
        self.options = options
        self.clock = clock
        self.interruption = interruption
        do {
            socket = try .connect(to: endpoint, deadline: clock.now() + options.connectTimeout, clock: clock)
        } catch {
            var failure = ClientError("connect to \(endpoint)", error)
            failure.kind = .unreachable
            failure.advice = error.code == 0 ? error.advice : "is `penstock run` up?"
            throw failure
        }
        // Version 0 is understood by every broker; later ones only add what is not used here.
        let answer = try exchange(ApiVersionsRequest(), version: 0, timeout: options.requestTimeout)
        guard answer.errorCode == .none else {
            throw ClientError("agree on versions with \(endpoint)", answer.errorCode)
        }
        for api in answer.apiKeys where api.minVersion <= api.maxVersion {
            spoken[api.apiKey] = api.minVersion...api.maxVersion
        }
    }

    /// Sends a request in the newest version that both sides speak, and waits for its answer.
    /// - Parameter timeout: instead of ``ClientOptions/requestTimeout``, for requests that wait at the broker.
    package func call<Request: RequestMessage>(
        _ request: Request, timeout: Duration? = nil
    ) throws(ClientError) -> Request.Response {
        try exchange(request, version: try version(of: Request.api), timeout: timeout ?? options.requestTimeout)
    }

    /// Sends a request that has no answer: Produce with acks 0.
    package func send(_ request: some RequestMessage) throws(ClientError) {
        _ = try write(
            request, version: try version(of: type(of: request).api), until: clock.now() + options.requestTimeout)
    }

    /// The newest version of a request that both sides speak.
    package func version(of api: APIKey) throws(ClientError) -> Int16 {
        let attempt = "send \(api.name) to \(endpoint)"
        guard let theirs = spoken[api.rawValue] else {
            throw ClientError(attempt, cause: "the broker does not speak it")
        }
        let ours = api.versions
        let version = min(ours.upperBound, theirs.upperBound)
        guard version >= max(ours.lowerBound, theirs.lowerBound) else {
            throw ClientError(
                attempt,
                cause: "the broker speaks versions \(theirs.lowerBound) to \(theirs.upperBound) of it, "
                    + "this client \(ours.lowerBound) to \(ours.upperBound)")
        }
        return version
    }

    private func exchange<Request: RequestMessage>(
        _ request: Request, version: Int16, timeout: Duration
    ) throws(ClientError) -> Request.Response {
        let deadline = clock.now() + timeout
        let attempt = "read the answer to \(Request.api.name) from \(endpoint)"
        let (expected, frame) = try interruption.watching(socket) { () throws(ClientError) in
            let correlation = try write(request, version: version, until: deadline)
            return (correlation, try readFrame(attempt, until: deadline))
        }
        do {
            let (correlation, response) = try Request.Response.decode(frame: frame[...], version: version)
            guard correlation == expected else { throw WireError.invalid("it answers another request") }
            return response
        } catch let error as WireError {
            throw ClientError(attempt, error)
        } catch {
            throw ClientError(attempt, cause: "\(error)")
        }
    }

    private func write(
        _ request: some RequestMessage, version: Int16, until deadline: Instant
    ) throws(ClientError) -> Int32 {
        lastCorrelation &+= 1
        let attempt = "send \(type(of: request).api.name) to \(endpoint)"
        let frame: [UInt8]
        do {
            frame = try request.frame(version: version, correlationId: lastCorrelation, clientId: options.clientId)
        } catch {
            throw ClientError(attempt, cause: "\(error)")
        }
        do { try socket.write(frame, deadline: deadline) } catch { throw ClientError(attempt, error) }
        return lastCorrelation
    }

    private func readFrame(_ attempt: String, until deadline: Instant) throws(ClientError) -> [UInt8] {
        do {
            let prefix = try socket.read(exactly: 4, deadline: deadline)
            let size = prefix.reduce(0) { $0 << 8 | Int($1) }
            guard size <= options.maxAnswer else {
                throw ClientError(attempt, .frameSize(size, limit: options.maxAnswer))
            }
            return try socket.read(exactly: size, deadline: deadline)
        } catch let error as SocketError {
            throw ClientError(attempt, error)
        } catch let error as ClientError {
            throw error
        } catch {
            throw ClientError(attempt, cause: "\(error)")
        }
    }
}
