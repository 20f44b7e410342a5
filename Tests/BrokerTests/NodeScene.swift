import Broker
import CommitLog
import Foundation
import KafkaProtocol
import Platform
import Records
import TestSupport
import Testing

/// A node on a directory of its own, with a clock that stands still.
final class NodeScene {
    let path: String
    let disk: Disk
    let scheduler = ManualScheduler()
    let logged = Lock<[String]>([])
    private(set) var directory: DataDirectory
    private(set) var node: Node
    private let change: (inout BrokerOptions) -> Void

    init(disk: Disk = .real, _ change: @escaping (inout BrokerOptions) -> Void = { _ in }) throws {
        path = NSTemporaryDirectory() + "broker-\(UUID().uuidString)"
        self.disk = disk
        self.change = change
        directory = try DataDirectory.open(path, disk: disk)
        node = Self.makeNode(directory, scheduler, logged, change)
        try node.start()
    }

    deinit {
        node.stop()
        try? directory.close()
        try? FileManager.default.removeItem(atPath: path)
    }

    private static func makeNode(
        _ directory: DataDirectory, _ scheduler: ManualScheduler, _ logged: Lock<[String]>,
        _ change: (inout BrokerOptions) -> Void
    ) -> Node {
        var options = BrokerOptions()
        options.groups.initialRebalanceDelay = .zero
        change(&options)
        return Node(
            directory: directory, options: options, clock: scheduler.clock, scheduler: scheduler,
            advertised: Node.Endpoint(host: "here", port: 9092),
            log: { line in logged.withLockNotifying { $0.append(line) } })
    }

    /// Stops and opens again.
    /// - Parameter between: what happens to the files meanwhile.
    func reopen(_ between: () throws -> Void = {}) throws {
        node.stop()
        try directory.close()
        try between()
        directory = try DataDirectory.open(path, disk: disk)
        node = Self.makeNode(directory, scheduler, logged, change)
        try node.start()
    }

    func context(_ version: Int16) -> RequestContext {
        RequestContext(version: version, clientID: "test", clientHost: "/127.0.0.1", connection: 1)
    }

    /// Keeps a worker busy, the only one if there is one, until the gate lets it go.
    func holdWorker(_ gate: SyncGate) throws {
        gate.hold()
        node.listOffsets(ListOffsetsRequest(), context(9)) { _ in try? gate.pass("a worker") }
        try gate.waitForSync()
    }

    // MARK: Requests

    @discardableResult
    func create(_ name: String, partitions: Int32 = 1, _ configs: [String: String] = [:]) throws -> ErrorCode {
        var request = CreateTopicsRequest()
        var topic = CreateTopicsRequest.Topics()
        topic.name = name
        topic.numPartitions = partitions
        topic.replicationFactor = 1
        topic.configs = configs.map { name, value in
            var config = CreateTopicsRequest.Configs()
            config.name = name
            config.value = value
            return config
        }
        request.topics = [topic]
        return try answer { node.createTopics(request, context(7), $0) }.topics[0].errorCode
    }

    /// Gives a topic these settings instead of those that it has, as AlterConfigs does.
    func configure(_ topic: String, _ settings: [String: String]) throws -> ErrorCode {
        var resource = AlterConfigsRequest.Resources()
        (resource.resourceType, resource.resourceName) = (2, topic)
        resource.configs = settings.map { name, value in
            var config = AlterConfigsRequest.Configs()
            (config.name, config.value) = (name, value)
            return config
        }
        var request = AlterConfigsRequest()
        request.resources = [resource]
        return try answer { node.alterConfigs(request, context(2), $0) }.responses[0].errorCode
    }

    func delete(_ name: String) throws -> ErrorCode {
        var request = DeleteTopicsRequest()
        request.topicNames = [name]
        return try answer { node.deleteTopics(request, context(5), $0) }.responses[0].errorCode
    }

    /// The bytes of one batch of the values given.
    static func batch(
        _ values: [String], timestamp: Int64 = ManualScheduler.startOfWall,
        producer: (Int64, Int16, Int32) = (-1, -1, -1),
        codec: Codec = .none
    ) throws -> [UInt8] {
        let records = values.enumerated().map { number, value in
            Record(timestamp: timestamp + Int64(number), key: Array("k".utf8), value: Array(value.utf8))
        }
        let batch = try RecordBatch.encode(
            records, codec: codec, producerId: producer.0, producerEpoch: producer.1, baseSequence: producer.2)
        return batch.withUnsafeBytes { Array($0) }
    }

    static func produceRequest(
        _ topic: String, _ partition: Int32 = 0, _ records: [UInt8]?, acks: Int16 = 1, timeout: Int32 = 30_000
    ) -> ProduceRequest {
        var request = ProduceRequest()
        request.acks = acks
        request.timeoutMs = timeout
        var data = ProduceRequest.TopicData()
        data.name = topic
        var part = ProduceRequest.PartitionData()
        part.index = partition
        part.records = records?[...]
        data.partitionData = [part]
        request.topicData = [data]
        return request
    }

    /// Produces one batch to partition 0 of `t`; the answer comes when it comes.
    func produceLater(_ records: [UInt8], acks: Int16 = 1, timeout: Int32 = 30_000) -> Answer<ProduceOutcome> {
        let waiting = Answer<ProduceOutcome>()
        let request = Self.produceRequest("t", 0, records, acks: acks, timeout: timeout)
        node.produce(request, context(9)) { waiting.give($0) }
        return waiting
    }

    /// What a request for one partition was answered.
    static func part(of outcome: ProduceOutcome) throws -> ProduceResponse.PartitionResponses {
        guard case .response(let response) = outcome else { throw CocoaError(.featureUnsupported) }
        return response.responses[0].partitionResponses[0]
    }

    /// Produces one batch to one partition.
    func produce(
        _ topic: String, _ records: [UInt8]?, partition: Int32 = 0, acks: Int16 = 1, version: Int16 = 9
    ) throws -> ProduceResponse.PartitionResponses {
        let request = Self.produceRequest(topic, partition, records, acks: acks)
        return try Self.part(of: try answer { node.produce(request, context(version), $0) })
    }

    static func fetchRequest(
        _ topic: String, _ partition: Int32 = 0, from offset: Int64 = 0, wait: Int32 = 0, minBytes: Int32 = 1,
        maxBytes: Int32 = 1 << 20
    ) -> FetchRequest {
        var request = FetchRequest()
        request.maxWaitMs = wait
        request.minBytes = minBytes
        request.maxBytes = maxBytes
        var wanted = FetchRequest.Topics()
        wanted.name = topic
        var part = FetchRequest.Partitions()
        part.partition = partition
        part.fetchOffset = offset
        part.partitionMaxBytes = maxBytes
        wanted.partitions = [part]
        request.topics = [wanted]
        return request
    }

    func fetch(
        _ topic: String, _ partition: Int32 = 0, from offset: Int64 = 0, version: Int16 = 11
    ) throws -> FetchResponse.Partitions {
        let request = Self.fetchRequest(topic, partition, from: offset)
        return try answer { node.fetch(request, context(version), $0) }.responses[0].partitions[0]
    }

    /// All values that a partition holds from an offset on.
    func values(_ topic: String, _ partition: Int32 = 0, from offset: Int64 = 0) throws -> [String] {
        var values: [String] = []
        var next = offset
        while true {
            let records = try Self.records(in: try fetch(topic, partition, from: next))
            guard let last = records.last else { return values }
            values += records.map { String(decoding: $0.value ?? [], as: UTF8.self) }
            next = last.offset + 1
        }
    }

    static func records(in answer: FetchResponse.Partitions) throws -> [Record] {
        var bytes: [UInt8] = []
        for piece in answer.records {
            switch piece {
            case .bytes(let more): bytes += more
            case .file(let span): bytes += try span.source.read(position: span.position, length: span.length)
            }
        }
        var records: [Record] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let header = try BatchHeader(parsing: rest.rawSpan)
            let batch = rest.prefix(header.size)
            records += try RecordBatch.decode(batch.rawSpan, limit: 1 << 20).1
            rest = rest.dropFirst(header.size)
        }
        return records
    }

    func commit(_ group: String, _ topic: String, _ partition: Int32 = 0, _ offset: Int64) throws -> ErrorCode {
        var request = OffsetCommitRequest()
        request.groupId = group
        var wanted = OffsetCommitRequest.Topics()
        wanted.name = topic
        var part = OffsetCommitRequest.Partitions()
        part.partitionIndex = partition
        part.committedOffset = offset
        part.committedMetadata = "m"
        wanted.partitions = [part]
        request.topics = [wanted]
        return try answer { node.offsetCommit(request, context(8), $0) }.topics[0].partitions[0].errorCode
    }

    func committed(_ group: String, _ topic: String, _ partition: Int32 = 0) throws -> Int64 {
        var request = OffsetFetchRequest()
        request.groupId = group
        var wanted = OffsetFetchRequest.Topics()
        wanted.name = topic
        wanted.partitions = [partition]
        request.topics = [wanted]
        return try answer { node.offsetFetch(request, context(7), $0) }.topics[0].partitions[0].committedOffset
    }
}
