import KafkaProtocol
import Testing

@Suite struct ErrorCodeTests {
    @Test("is Kafka's table from -1 to 136 without a gap")
    func table() { #expect(ErrorCode.allCases.map(\.rawValue) == Array(-1...136)) }

    @Test(
        "has Kafka's names",
        arguments: [
            (ErrorCode.none, "NONE"), (.unknownTopicOrPartition, "UNKNOWN_TOPIC_OR_PARTITION"),
            (.invalidTxnState, "INVALID_TXN_STATE"), (.fencedInstanceId, "FENCED_INSTANCE_ID"),
        ])
    func names(code: ErrorCode, name: String) { #expect(code.name == name) }

    @Test("explains every code in a sentence of its own")
    func sentences() {
        #expect(Set(ErrorCode.allCases.map(\.sentence)).count == ErrorCode.allCases.count)
    }

    @Test("lets clients retry what settles by itself, and nothing else")
    func retriable() {
        #expect(ErrorCode.notLeaderOrFollower.isRetriable)
        #expect(ErrorCode.kafkaStorageError.isRetriable)
        #expect(!ErrorCode.offsetOutOfRange.isRetriable)
        #expect(!ErrorCode.rebalanceInProgress.isRetriable)
        #expect(ErrorCode.allCases.filter(\.isRetriable).count == 32)
    }
}
