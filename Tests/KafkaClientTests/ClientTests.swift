import KafkaClient
import KafkaProtocol
import Platform
import Records
import Sockets
import Testing

/// The client against brokers that misbehave as a script says.
@Suite struct ClientTests {
    private func impatient() -> ClientOptions {
        var options = ClientOptions()
        options.connectTimeout = .seconds(2)
        options.requestTimeout = .seconds(2)
        options.retryPause = .milliseconds(1)
        return options
    }

    private func failure(_ body: () throws -> Void) -> ClientError? {
        do {
            try body()
            return nil
        } catch { return error as? ClientError }
    }

    @Test("says where nothing listens, and what to do")
    func refused() throws {
        // The port of a broker that is gone.
        let port = try ScriptedBroker { _, _ in .silence }.port
        let client = KafkaClient(bootstrap: [.tcp(host: "127.0.0.1", port: port)], options: impatient())
        let error = failure { _ = try client.topics(nil) }
        #expect(error?.description == "cannot connect to 127.0.0.1:\(port): Connection refused; is `penstock run` up?")
    }

    @Test("asks the next broker where the first is away")
    func secondBroker() throws {
        let gone = try ScriptedBroker { _, _ in .silence }.endpoint
        let port = Lock(0)
        let broker = try ScriptedBroker { header, _ in
            header.api == .apiVersions ? .versions() : .metadata(port: port.withLock { $0 })
        }
        port.withLock { $0 = broker.port }
        let client = KafkaClient(bootstrap: [gone, broker.endpoint], options: impatient())
        #expect(try client.topics(nil).map(\.name) == ["t"])
    }

    @Test("speaks the newest version that both know, and names the ranges where there is none")
    func versions() throws {
        let broker = try ScriptedBroker { header, _ in
            header.api == .apiVersions ? .versions(limiting: .metadata, to: 5) : .metadata(port: 1)
        }
        let connection = try BrokerConnection(to: broker.endpoint, options: impatient(), clock: .system)
        #expect(try connection.version(of: .metadata) == 5)
        #expect(try connection.call(MetadataRequest()).topics.map(\.name) == ["t"])

        let old = try ScriptedBroker { _, _ in .versions(limiting: .fetch, to: 2) }
        let other = try BrokerConnection(to: old.endpoint, options: impatient(), clock: .system)
        let error = failure { _ = try other.call(FetchRequest()) }
        #expect(error?.cause == "the broker speaks versions 2 to 2 of it, this client 4 to 12")
    }

    @Test("refuses an answer that is larger than it takes, unread")
    func largeAnswer() throws {
        let broker = try ScriptedBroker { header, _ in
            header.api == .apiVersions ? .versions() : .bytes([0x7f, 0xff, 0xff, 0xff])
        }
        let connection = try BrokerConnection(to: broker.endpoint, options: impatient(), clock: .system)
        let error = failure { _ = try connection.call(MetadataRequest()) }
        #expect(error?.cause == "\(WireError.frameSize(0x7fff_ffff, limit: 100 << 20))")
    }

    @Test("refuses an answer to another request")
    func wrongAnswer() throws {
        let broker = try ScriptedBroker { header, _ in
            header.api == .apiVersions ? .versions() : .bytes([0, 0, 0, 9, 0, 0, 0, 99, 0, 0, 0, 0, 0])
        }
        let connection = try BrokerConnection(to: broker.endpoint, options: impatient(), clock: .system)
        #expect(failure { _ = try connection.call(HeartbeatRequest()) }?.kind == .disconnected)
    }

    @Test("gives up on a broker that is silent when the request timeout is over")
    func silent() throws {
        let broker = try ScriptedBroker { header, _ in header.api == .apiVersions ? .versions() : .silence }
        var options = impatient()
        options.requestTimeout = .milliseconds(50)
        let connection = try BrokerConnection(to: broker.endpoint, options: options, clock: .system)
        #expect(failure { _ = try connection.call(MetadataRequest()) }?.kind == .disconnected)
    }

    @Test("sends a batch again, with the same sequence, when the connection breaks before the answer")
    func idempotentRetry() throws {
        let sequences = Lock([Int32]())
        let port = Lock(0)
        let broker = try ScriptedBroker { header, body in
            switch header.api {
            case .apiVersions: return .versions()
            case .metadata: return .metadata(port: port.withLock { $0 })
            case .initProducerId:
                var response = InitProducerIdResponse()
                response.producerId = 77
                return .message(response)
            default:
                let request = try ProduceRequest(decoding: body, version: header.apiVersion)
                let records = request.topicData[0].partitionData[0].records ?? []
                let sequence = try BatchHeader(parsing: records.rawSpan).baseSequence
                let attempt = sequences.withLock { seen in
                    seen.append(sequence)
                    return seen.count
                }
                if attempt == 1 { return .hangUp }
                var partition = ProduceResponse.PartitionResponses()
                // The second attempt meets a leader that is moving.
                partition.errorCode = attempt == 2 ? .notLeaderOrFollower : .none
                var topic = ProduceResponse.Responses()
                topic.partitionResponses = [partition]
                var response = ProduceResponse()
                response.responses = [topic]
                return .message(response)
            }
        }
        port.withLock { $0 = broker.port }
        let client = KafkaClient(bootstrap: [broker.endpoint], options: impatient())
        let producer = try RecordProducer(client, topic: "t")
        try producer.add(Record(timestamp: 1, value: [1]))
        try producer.add(Record(timestamp: 1, value: [2]))
        try producer.flush()
        try producer.add(Record(timestamp: 1, value: [3]))
        try producer.flush()
        #expect(sequences.withLock { $0 } == [0, 0, 0, 2])
    }

    @Test("waits for no partition that is offline, and sends records without key to the others")
    func offline() throws {
        let port = Lock(0)
        let sent = Lock<[Int32]>([])
        let broker = try ScriptedBroker { header, body in
            switch header.api {
            case .apiVersions: return .versions()
            case .produce:
                let request = try ProduceRequest(decoding: body, version: header.apiVersion)
                sent.withLock { $0 += request.topicData.flatMap(\.partitionData).map(\.index) }
                return .message(ProduceResponse())
            default: return .metadata(port: port.withLock { $0 }, partitions: 3, offline: [0, 2])
            }
        }
        port.withLock { $0 = broker.port }
        let client = KafkaClient(bootstrap: [broker.endpoint], options: impatient())
        let topic = try client.topic(named: "t")
        #expect(topic.partitions.map(\.isOffline) == [true, false, true])
        #expect(topic.readablePartitions == [TopicPartition("t", 1)])
        var options = RecordProducer.Options()
        options.acknowledgement = .leader
        let producer = try RecordProducer(client, topic: "t", options: options)
        for _ in 0..<5 {
            try producer.add(Record(timestamp: 0, value: [1]))
            try producer.flush()
        }
        #expect(sent.withLock { $0 } == [1, 1, 1, 1, 1])
    }

    @Test("does not try again what the broker refuses for good")
    func refusedForGood() throws {
        let port = Lock(0)
        let broker = try ScriptedBroker { header, _ in
            switch header.api {
            case .apiVersions: return .versions()
            case .metadata: return .metadata(port: port.withLock { $0 })
            default:
                var topic = CreateTopicsResponse.Topics()
                topic.errorCode = .invalidPartitions
                topic.errorMessage = "too few"
                var response = CreateTopicsResponse()
                response.topics = [topic]
                return .message(response)
            }
        }
        port.withLock { $0 = broker.port }
        let client = KafkaClient(bootstrap: [broker.endpoint], options: impatient())
        let error = failure { _ = try client.createTopic("t", partitions: 0) }
        #expect(error?.description == "cannot create topic 't': too few (INVALID_PARTITIONS)")
        #expect(broker.count(of: .createTopics) == 1)
    }

    @Test("ends a call that waits when it is interrupted, and goes on after that is cleared")
    func interrupted() throws {
        let client = Lock<Interruption?>(nil)
        let broker = try ScriptedBroker { header, _ in
            if header.api == .apiVersions { return .versions() }
            // The request has arrived, so the client waits for its answer, or is about to.
            if let interruption = client.withLock({ $0 }) {
                interruption.request()
                return .silence
            }
            return .metadata(port: 1)
        }
        var options = impatient()
        options.requestTimeout = .seconds(60)
        let one = KafkaClient(bootstrap: [broker.endpoint], options: options)
        client.withLock { $0 = one.interruption }
        #expect(failure { _ = try one.topics(nil) }?.kind == .interrupted)
        #expect(failure { _ = try one.topics(nil) }?.kind == .interrupted)
        client.withLock { $0 = nil }
        one.interruption.clear()
        #expect(try one.topics(nil).count == 1)
    }
}
