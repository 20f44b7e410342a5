import Broker
import KafkaProtocol
import Platform

/// Answers everything at once with an empty answer, unless a test says otherwise. Notes what it was asked.
final class StubService: KafkaService, Sendable {
    struct Seen: Sendable {
        var apis: [APIKey] = []
        var contexts: [RequestContext] = []
        var produced: [ProduceRequest] = []
        var closed: [UInt64] = []
    }

    let seen = Lock(Seen())
    private let onProduce: @Sendable (ProduceRequest, @escaping Respond<ProduceOutcome>) -> Void
    private let onFetch: @Sendable (FetchRequest, @escaping Respond<FetchResponse>) -> Void

    init(
        produce: @escaping @Sendable (ProduceRequest, @escaping Respond<ProduceOutcome>) -> Void = { request, respond in
            respond(request.acks == 0 ? .silence : .response(ProduceResponse()))
        },
        fetch: @escaping @Sendable (FetchRequest, @escaping Respond<FetchResponse>) -> Void = { $1(FetchResponse()) }
    ) {
        onProduce = produce
        onFetch = fetch
    }

    private func note<Response: ResponseMessage>(_ context: RequestContext, _: Response.Type) {
        seen.withLockNotifying { seen in
            seen.apis.append(Response.api)
            seen.contexts.append(context)
        }
    }

    private func answer<Response: ResponseMessage>(_ context: RequestContext, _ respond: Respond<Response>) {
        note(context, Response.self)
        respond(Response())
    }

    func produce(_ request: ProduceRequest, _ context: RequestContext, _ respond: @escaping Respond<ProduceOutcome>) {
        note(context, ProduceResponse.self)
        seen.withLockNotifying { $0.produced.append(request) }
        onProduce(request, respond)
    }

    func fetch(_ request: FetchRequest, _ context: RequestContext, _ respond: @escaping Respond<FetchResponse>) {
        note(context, FetchResponse.self)
        onFetch(request, respond)
    }

    func connectionClosed(_ connection: UInt64) { seen.withLockNotifying { $0.closed.append(connection) } }

    func metadata(_: MetadataRequest, _ c: RequestContext, _ r: @escaping Respond<MetadataResponse>) { answer(c, r) }
    func createTopics(_: CreateTopicsRequest, _ c: RequestContext, _ r: @escaping Respond<CreateTopicsResponse>) {
        answer(c, r)
    }
    func deleteTopics(_: DeleteTopicsRequest, _ c: RequestContext, _ r: @escaping Respond<DeleteTopicsResponse>) {
        answer(c, r)
    }
    func describeConfigs(
        _: DescribeConfigsRequest, _ c: RequestContext, _ r: @escaping Respond<DescribeConfigsResponse>
    ) { answer(c, r) }
    func alterConfigs(
        _: AlterConfigsRequest, _ c: RequestContext, _ r: @escaping Respond<AlterConfigsResponse>
    ) { answer(c, r) }
    func incrementalAlterConfigs(
        _: IncrementalAlterConfigsRequest, _ c: RequestContext, _ r: @escaping Respond<IncrementalAlterConfigsResponse>
    ) { answer(c, r) }
    func createPartitions(
        _: CreatePartitionsRequest, _ c: RequestContext, _ r: @escaping Respond<CreatePartitionsResponse>
    ) { answer(c, r) }
    func deleteRecords(
        _: DeleteRecordsRequest, _ c: RequestContext, _ r: @escaping Respond<DeleteRecordsResponse>
    ) { answer(c, r) }
    func describeCluster(
        _: DescribeClusterRequest, _ c: RequestContext, _ r: @escaping Respond<DescribeClusterResponse>
    ) { answer(c, r) }
    func describeProducers(
        _: DescribeProducersRequest, _ c: RequestContext, _ r: @escaping Respond<DescribeProducersResponse>
    ) { answer(c, r) }
    func listOffsets(_: ListOffsetsRequest, _ c: RequestContext, _ r: @escaping Respond<ListOffsetsResponse>) {
        answer(c, r)
    }
    func offsetForLeaderEpoch(
        _: OffsetForLeaderEpochRequest, _ c: RequestContext, _ r: @escaping Respond<OffsetForLeaderEpochResponse>
    ) { answer(c, r) }
    func initProducerId(
        _: InitProducerIdRequest, _ c: RequestContext, _ r: @escaping Respond<InitProducerIdResponse>
    ) { answer(c, r) }
    func findCoordinator(
        _: FindCoordinatorRequest, _ c: RequestContext, _ r: @escaping Respond<FindCoordinatorResponse>
    ) { answer(c, r) }
    func joinGroup(_: JoinGroupRequest, _ c: RequestContext, _ r: @escaping Respond<JoinGroupResponse>) { answer(c, r) }
    func syncGroup(_: SyncGroupRequest, _ c: RequestContext, _ r: @escaping Respond<SyncGroupResponse>) { answer(c, r) }
    func heartbeat(_: HeartbeatRequest, _ c: RequestContext, _ r: @escaping Respond<HeartbeatResponse>) { answer(c, r) }
    func leaveGroup(_: LeaveGroupRequest, _ c: RequestContext, _ r: @escaping Respond<LeaveGroupResponse>) {
        answer(c, r)
    }
    func describeGroups(_: DescribeGroupsRequest, _ c: RequestContext, _ r: @escaping Respond<DescribeGroupsResponse>) {
        answer(c, r)
    }
    func listGroups(_: ListGroupsRequest, _ c: RequestContext, _ r: @escaping Respond<ListGroupsResponse>) {
        answer(c, r)
    }
    func offsetCommit(_: OffsetCommitRequest, _ c: RequestContext, _ r: @escaping Respond<OffsetCommitResponse>) {
        answer(c, r)
    }
    func offsetFetch(_: OffsetFetchRequest, _ c: RequestContext, _ r: @escaping Respond<OffsetFetchResponse>) {
        answer(c, r)
    }
}
