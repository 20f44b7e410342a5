import Broker
import KafkaProtocol

/// One request on its way to the service: its body, and where the reply goes.
struct Call: Sendable {
    var body: ArraySlice<UInt8>
    var context: RequestContext
    var correlationId: Int32
    /// Called on any thread, at most once.
    var reply: @Sendable (Reply) -> Void
}

extension KafkaService {
    /// Decodes the body of a request whose version is spoken, and hands it over.
    /// - Throws: when the body cannot be decoded; there is no reply then.
    func carryOut(_ api: APIKey, _ call: Call) throws(WireError) {
        switch api {
        case .produce: try carryOutProduce(call)
        case .fetch: try carryOut(FetchRequest.self, call, fetch)
        case .listOffsets: try carryOut(ListOffsetsRequest.self, call, listOffsets)
        case .metadata: try carryOut(MetadataRequest.self, call, metadata)
        case .offsetCommit: try carryOut(OffsetCommitRequest.self, call, offsetCommit)
        case .offsetFetch: try carryOut(OffsetFetchRequest.self, call, offsetFetch)
        case .findCoordinator: try carryOut(FindCoordinatorRequest.self, call, findCoordinator)
        case .joinGroup: try carryOut(JoinGroupRequest.self, call, joinGroup)
        case .heartbeat: try carryOut(HeartbeatRequest.self, call, heartbeat)
        case .leaveGroup: try carryOut(LeaveGroupRequest.self, call, leaveGroup)
        case .syncGroup: try carryOut(SyncGroupRequest.self, call, syncGroup)
        case .describeGroups: try carryOut(DescribeGroupsRequest.self, call, describeGroups)
        case .listGroups: try carryOut(ListGroupsRequest.self, call, listGroups)
        case .createTopics: try carryOut(CreateTopicsRequest.self, call, createTopics)
        case .deleteTopics: try carryOut(DeleteTopicsRequest.self, call, deleteTopics)
        case .initProducerId: try carryOut(InitProducerIdRequest.self, call, initProducerId)
        case .offsetForLeaderEpoch: try carryOut(OffsetForLeaderEpochRequest.self, call, offsetForLeaderEpoch)
        case .describeConfigs: try carryOut(DescribeConfigsRequest.self, call, describeConfigs)
        case .alterConfigs: try carryOut(AlterConfigsRequest.self, call, alterConfigs)
        case .incrementalAlterConfigs: try carryOut(IncrementalAlterConfigsRequest.self, call, incrementalAlterConfigs)
        case .createPartitions: try carryOut(CreatePartitionsRequest.self, call, createPartitions)
        case .deleteRecords: try carryOut(DeleteRecordsRequest.self, call, deleteRecords)
        case .describeCluster: try carryOut(DescribeClusterRequest.self, call, describeCluster)
        case .describeProducers: try carryOut(DescribeProducersRequest.self, call, describeProducers)
        case .apiVersions: preconditionFailure("the server answers ApiVersions itself")
        }
    }

    private func carryOut<Request: RequestMessage>(
        _: Request.Type, _ call: Call,
        _ method: (Request, RequestContext, @escaping Respond<Request.Response>) -> Void
    ) throws(WireError) {
        let request = try Request(decoding: call.body, version: call.context.version)
        method(request, call.context) { response in call.reply(Reply(response, call)) }
    }

    private func carryOutProduce(_ call: Call) throws(WireError) {
        let request = try ProduceRequest(decoding: call.body, version: call.context.version)
        produce(request, call.context) { outcome in
            switch outcome {
            case .response(let response): call.reply(Reply(response, call))
            case .silence: call.reply(.nothing)
            case .close(let reason): call.reply(.close(reason: reason))
            }
        }
    }
}

extension Reply {
    fileprivate init(_ response: some ResponseMessage, _ call: Call) {
        do throws(WireError) {
            self = .frame(try response.frame(version: call.context.version, correlationId: call.correlationId))
        } catch {
            self = .close(reason: "the answer cannot be written: \(error)")
        }
    }
}
