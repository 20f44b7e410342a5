package import KafkaProtocol
package import Platform
package import Sockets

/// A blocking client of a cluster: finds the broker that is responsible, asks it, and asks again where Kafka says that
/// one may. For one thread.
package final class KafkaClient {
    /// Changes hold for what is called afterwards; open connections keep theirs.
    package var options: ClientOptions
    /// Ends calls from another thread.
    package let interruption = Interruption()
    let clock: Clock
    private let bootstrap: [Endpoint]
    private var brokers: [Int32: Endpoint] = [:]
    private var controller: Int32 = -1
    private var connections: [Endpoint: BrokerConnection] = [:]
    private var hasConnected = false
    private var leaders: [TopicPartition: Int32] = [:]
    private var coordinators: [String: Endpoint] = [:]

    /// Connects to nothing yet.
    /// - Parameter bootstrap: brokers to ask first, at least one; they name the others.
    package init(bootstrap: [Endpoint], options: ClientOptions = ClientOptions(), clock: Clock = .system) {
        precondition(!bootstrap.isEmpty, "no broker to ask")
        self.bootstrap = bootstrap
        self.options = options
        self.clock = clock
    }

    /// Sends a request to any broker.
    package func call<Request: RequestMessage>(_ request: Request) throws(ClientError) -> Request.Response {
        try retrying { (client) throws(ClientError) in
            let endpoint = try client.anyConnection().endpoint
            return try client.call(request, at: endpoint)
        }
    }

    /// Sends a request to the broker that leads a partition.
    package func call<Request: RequestMessage>(
        _ request: Request, leading partition: TopicPartition
    ) throws(ClientError) -> Request.Response {
        try call(request, at: try leader(of: partition))
    }

    /// Sends a request to the broker that changes topics.
    package func callController<Request: RequestMessage>(
        _ request: Request, timeout: Duration? = nil
    ) throws(ClientError) -> Request.Response {
        if controller < 0 { _ = try topics([]) }
        if let endpoint = brokers[controller] { return try call(request, at: endpoint, timeout: timeout) }
        return try call(request, at: try anyConnection().endpoint, timeout: timeout)
    }

    /// Sends a request to the broker that coordinates a group.
    package func call<Request: RequestMessage>(
        _ request: Request, coordinating group: String, timeout: Duration? = nil
    ) throws(ClientError) -> Request.Response {
        try call(request, at: try coordinator(of: group), timeout: timeout)
    }

    /// Sends a request to every broker that is known, and returns all answers.
    package func callAll<Request: RequestMessage>(_ request: Request) throws(ClientError) -> [Request.Response] {
        _ = try topics([])
        var answers: [Request.Response] = []
        for node in brokers.keys.sorted() {
            guard let endpoint = brokers[node] else { continue }
            answers.append(try call(request, at: endpoint))
        }
        return answers
    }

    private func call<Request: RequestMessage>(
        _ request: Request, at endpoint: Endpoint, timeout: Duration? = nil
    ) throws(ClientError) -> Request.Response {
        let connection = try connection(to: endpoint)
        do {
            return try connection.call(request, timeout: timeout)
        } catch {
            if error.kind == .disconnected || error.kind == .interrupted { connections[endpoint] = nil }
            throw error
        }
    }

    /// Sends a request without answer to the broker that leads a partition.
    func send(_ request: some RequestMessage, leading partition: TopicPartition) throws(ClientError) {
        try connection(to: try leader(of: partition)).send(request)
    }

    /// Forgets who leads and coordinates what: the next request asks again.
    package func forgetLeaders() {
        leaders = [:]
        coordinators = [:]
        controller = -1
    }
}

extension KafkaClient {
    /// Topics by name, and who leads their partitions.
    /// - Parameter names: nil for all, empty for none (the brokers alone).
    /// - Parameter creating: whether the broker may make those that are missing, if its settings allow.
    /// - Throws: for the first topic that is missing or has no leader, after trying again for the request timeout where
    ///   that may help.
    package func topics(_ names: [String]?, creating: Bool = false) throws(ClientError) -> [TopicView] {
        var request = MetadataRequest()
        request.topics = names.map { $0.map { name in MetadataRequest.Topics(name: name) } }
        request.allowAutoTopicCreation = creating
        let response = try call(request)
        note(response)
        for topic in response.topics where topic.errorCode != .none {
            throw ClientError("use topic '\(topic.name ?? "")'", topic.errorCode)
        }
        return response.topics.map(TopicView.init).sorted { $0.name < $1.name }
    }

    private func note(_ response: MetadataResponse) {
        controller = response.controllerId
        for broker in response.brokers {
            brokers[broker.nodeId] = .tcp(host: broker.host, port: Int(broker.port))
        }
        for topic in response.topics {
            for partition in topic.partitions {
                leaders[TopicPartition(topic.name ?? "", partition.partitionIndex)] = partition.leaderId
            }
        }
    }

    /// The number of the broker that leads a partition: partitions of one broker can share a request.
    package func leaderNumber(of partition: TopicPartition) throws(ClientError) -> Int32 {
        if leaders[partition] == nil { _ = try topics([partition.topic]) }
        guard let leader = leaders[partition] else {
            throw ClientError("use partition \(partition)", .unknownTopicOrPartition)
        }
        guard leader >= 0 else { throw ClientError("use partition \(partition)", .leaderNotAvailable) }
        return leader
    }

    private func leader(of partition: TopicPartition) throws(ClientError) -> Endpoint {
        let number = try leaderNumber(of: partition)
        guard let endpoint = brokers[number] else {
            throw ClientError("use partition \(partition)", .leaderNotAvailable)
        }
        return endpoint
    }

    private func coordinator(of group: String) throws(ClientError) -> Endpoint {
        if let known = coordinators[group] { return known }
        var request = FindCoordinatorRequest()
        request.key = group
        request.coordinatorKeys = [group]
        let response = try call(request)
        var found = FindCoordinatorResponse.Coordinators()
        found.errorCode = response.errorCode
        found.errorMessage = response.errorMessage
        found.host = response.host
        found.port = response.port
        if let first = response.coordinators.first { found = first }
        guard found.errorCode == .none else {
            throw ClientError("find the coordinator of group '\(group)'", found.errorCode, message: found.errorMessage)
        }
        let endpoint = Endpoint.tcp(host: found.host, port: Int(found.port))
        coordinators[group] = endpoint
        return endpoint
    }

    private func connection(to endpoint: Endpoint) throws(ClientError) -> BrokerConnection {
        if let open = connections[endpoint] { return open }
        let connection = try BrokerConnection(to: endpoint, options: options, clock: clock, interruption: interruption)
        connections[endpoint] = connection
        hasConnected = true
        return connection
    }

    /// A connection to any broker that answers; the last one's error if none does.
    private func anyConnection() throws(ClientError) -> BrokerConnection {
        if let open = connections.values.first { return open }
        var failure = ClientError("connect", cause: "no broker is known")
        for endpoint in bootstrap + brokers.values where !connections.keys.contains(endpoint) {
            do { return try connection(to: endpoint) } catch { failure = error }
        }
        throw failure
    }

    /// Does something again while its error allows, with a pause and newer metadata, until the request timeout.
    ///
    /// A broker that cannot be reached is not tried again unless some broker could be reached before: a person waits.
    package func retrying<Result>(
        _ body: (KafkaClient) throws(ClientError) -> Result
    ) throws(ClientError) -> Result {
        let deadline = clock.now() + options.requestTimeout
        while true {
            do {
                return try body(self)
            } catch {
                guard mayRepeat(after: error), clock.now() < deadline else { throw error }
            }
            guard !interruption.isRequested else { throw .interrupted }
            forgetLeaders()
            pause(options.retryPause)
        }
    }

    /// Whether the same may be tried again: the broker says so, or was there before and may come back.
    func mayRepeat(after error: ClientError) -> Bool {
        error.isRetriable || (error.kind == .unreachable && hasConnected)
    }

    /// Lets some time pass.
    package func pause(_ duration: Duration) {
        _ = Lock(false).wait(until: clock.now() + duration) { (_: inout Bool) -> Bool? in nil }
    }
}

extension MetadataRequest.Topics {
    init(name: String) {
        self.init()
        self.name = name
    }
}
