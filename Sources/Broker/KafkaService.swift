package import KafkaProtocol

/// What a broker answers, one method for each request. ``Node`` is the one that the program has; a server's tests may
/// bring another.
///
/// Every method may be called on any thread and returns at once: it never waits for the disk. `respond` is called exactly
/// once, on any thread, possibly before the method returns. ApiVersions and everything about frames, order of answers
/// and the byte budget is the server's.
package protocol KafkaService: Sendable {
    func metadata(_ request: MetadataRequest, _ context: RequestContext, _ respond: @escaping Respond<MetadataResponse>)
    func createTopics(
        _ request: CreateTopicsRequest, _ context: RequestContext, _ respond: @escaping Respond<CreateTopicsResponse>)
    func deleteTopics(
        _ request: DeleteTopicsRequest, _ context: RequestContext, _ respond: @escaping Respond<DeleteTopicsResponse>)
    func createPartitions(
        _ request: CreatePartitionsRequest, _ context: RequestContext,
        _ respond: @escaping Respond<CreatePartitionsResponse>)
    func deleteRecords(
        _ request: DeleteRecordsRequest, _ context: RequestContext, _ respond: @escaping Respond<DeleteRecordsResponse>)
    func alterConfigs(
        _ request: AlterConfigsRequest, _ context: RequestContext, _ respond: @escaping Respond<AlterConfigsResponse>)
    func incrementalAlterConfigs(
        _ request: IncrementalAlterConfigsRequest, _ context: RequestContext,
        _ respond: @escaping Respond<IncrementalAlterConfigsResponse>)
    func describeConfigs(
        _ request: DescribeConfigsRequest, _ context: RequestContext,
        _ respond: @escaping Respond<DescribeConfigsResponse>)
    func describeCluster(
        _ request: DescribeClusterRequest, _ context: RequestContext,
        _ respond: @escaping Respond<DescribeClusterResponse>)

    func produce(_ request: ProduceRequest, _ context: RequestContext, _ respond: @escaping Respond<ProduceOutcome>)
    func fetch(_ request: FetchRequest, _ context: RequestContext, _ respond: @escaping Respond<FetchResponse>)
    func listOffsets(
        _ request: ListOffsetsRequest, _ context: RequestContext, _ respond: @escaping Respond<ListOffsetsResponse>)
    func offsetForLeaderEpoch(
        _ request: OffsetForLeaderEpochRequest, _ context: RequestContext,
        _ respond: @escaping Respond<OffsetForLeaderEpochResponse>)
    func describeProducers(
        _ request: DescribeProducersRequest, _ context: RequestContext,
        _ respond: @escaping Respond<DescribeProducersResponse>)
    func initProducerId(
        _ request: InitProducerIdRequest, _ context: RequestContext,
        _ respond: @escaping Respond<InitProducerIdResponse>)

    func findCoordinator(
        _ request: FindCoordinatorRequest, _ context: RequestContext,
        _ respond: @escaping Respond<FindCoordinatorResponse>)
    func joinGroup(
        _ request: JoinGroupRequest, _ context: RequestContext, _ respond: @escaping Respond<JoinGroupResponse>)
    func syncGroup(
        _ request: SyncGroupRequest, _ context: RequestContext, _ respond: @escaping Respond<SyncGroupResponse>)
    func heartbeat(
        _ request: HeartbeatRequest, _ context: RequestContext, _ respond: @escaping Respond<HeartbeatResponse>)
    func leaveGroup(
        _ request: LeaveGroupRequest, _ context: RequestContext, _ respond: @escaping Respond<LeaveGroupResponse>)
    func describeGroups(
        _ request: DescribeGroupsRequest, _ context: RequestContext,
        _ respond: @escaping Respond<DescribeGroupsResponse>)
    func listGroups(
        _ request: ListGroupsRequest, _ context: RequestContext, _ respond: @escaping Respond<ListGroupsResponse>)
    func offsetCommit(
        _ request: OffsetCommitRequest, _ context: RequestContext, _ respond: @escaping Respond<OffsetCommitResponse>)
    func offsetFetch(
        _ request: OffsetFetchRequest, _ context: RequestContext, _ respond: @escaping Respond<OffsetFetchResponse>)

    /// The connection with this number (``RequestContext/connection``) has closed: what waits for its sake is to end. It
    /// is still responded to, though nobody listens.
    func connectionClosed(_ connection: UInt64)
}

package typealias Respond<Response> = @Sendable (Response) -> Void

/// What a producer is told.
package enum ProduceOutcome: Sendable {
    case response(ProduceResponse)
    /// `acks=0` and all is well: nothing is sent.
    case silence
    /// `acks=0` and something failed: the only way to tell such a producer is to close its connection.
    case close(reason: String)
}
