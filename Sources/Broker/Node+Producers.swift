import CommitLog
package import KafkaProtocol
import Platform

/// InitProducerId, versions 0–4: an identity for producers that want their retries recognised.
extension Node {
    /// Ids come from blocks that are durable before their first is handed out, and are never given twice; those of
    /// pipelines are out of their range.
    package func initProducerId(
        _ request: InitProducerIdRequest, _ context: RequestContext,
        _ respond: @escaping Respond<InitProducerIdResponse>
    ) {
        var response = InitProducerIdResponse()
        if let transactional = request.transactionalId {
            // The error at which clients stop: it is not going to get better by itself.
            response.errorCode = transactional.isEmpty ? .invalidRequest : .transactionalIdAuthorizationFailed
            return respond(response)
        }
        if let id = nextProducerID() {
            response.producerId = id
            return respond(response)
        }
        let accepted = workers.submit(lane: 0) { [self] in
            var response = InitProducerIdResponse()
            do throws(StorageError) { response.producerId = try takeProducerID() } catch {
                response.errorCode = ErrorCode(error)
            }
            respond(response)
        }
        guard !accepted else { return }
        response.errorCode = .coordinatorNotAvailable
        respond(response)
    }

    private func nextProducerID() -> Int64? { producerIDs.withLock { $0.popFirst() } }

    private func takeProducerID() throws(StorageError) -> Int64 {
        // One lane: nobody else fetches a block meanwhile.
        if let id = nextProducerID() { return id }
        var block = try directory.nextProducerIdBlock()
        guard let first = block.popFirst() else {
            throw StorageError("hand out a producer id", .damaged("a block of ids is empty"))
        }
        producerIDs.withLock { $0 = block }
        return first
    }
}
