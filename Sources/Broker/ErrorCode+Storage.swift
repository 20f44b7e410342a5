import CommitLog
import KafkaProtocol

extension ErrorCode {
    /// What a client is told when the log could not do what it asked for.
    init(_ error: StorageError) {
        self =
            switch error.cause {
            // Who is told of a storage error tries again for ever; rot does not go away.
            case .disk(let error) where error.isDamage: .corruptMessage
            case .disk, .unopened, .stopped, .closed, .damaged, .offline: .kafkaStorageError
            case .unknownTopic, .deleted: .unknownTopicOrPartition
            case .topicExists: .topicAlreadyExists
            case .invalidTopic: .invalidTopicException
            case .invalidConfiguration: .invalidConfig
            case .invalidPartitions: .invalidPartitions
            case .outOfRange: .offsetOutOfRange
            case .sequence(let rejection): ErrorCode(rejection)
            case .tooLarge: .messageTooLarge
            case .record: .corruptMessage
            case .locked, .newerVersion, .foreign: .unknownServerError
            }
    }

    init(_ rejection: SequenceRejection) {
        self =
            switch rejection {
            case .outOfOrder: .outOfOrderSequenceNumber
            case .fenced: .invalidProducerEpoch
            case .reservedProducer: .invalidProducerIdMapping
            case .openTransaction: .invalidTxnState
            case .coordinatorFenced: .transactionCoordinatorFenced
            case .tooManyTransactions: .throttlingQuotaExceeded
            }
    }
}
