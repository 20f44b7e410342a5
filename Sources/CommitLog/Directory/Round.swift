package import Records

/// What one atomic append takes: batches in any partitions, and the source positions that they end at.
package struct Round: Sendable {
    /// Whose round it is; positions are kept under this name.
    package var pipeline: String
    /// In any order, each partition once. The batches of a part carry the pipeline's producer id and epoch, and go on
    /// in its sequence.
    package var parts: [Part]
    package var positions: [PositionUpdate]

    package typealias Part = (partition: Partition, batches: [EncodedBatch])

    package init(pipeline: String, parts: [Part] = [], positions: [PositionUpdate] = []) {
        self.pipeline = pipeline
        self.parts = parts
        self.positions = positions
    }
}

/// One source position that a round changes.
package struct PositionUpdate: Hashable, Sendable {
    /// The source's name within the pipeline.
    package var source: String
    package var position: SourcePosition
    /// The file is done with: its position is forgotten.
    package var remove: Bool

    package init(source: String, position: SourcePosition, remove: Bool = false) {
        self.source = source
        self.position = position
        self.remove = remove
    }
}

/// A place in the history of a data directory: everything up to it is written, and durable once it is synced.
package struct CommitTicket: Comparable, Hashable, Sendable {
    var number: UInt64

    package static func < (a: CommitTicket, b: CommitTicket) -> Bool { a.number < b.number }

    /// Before anything.
    package static let none = CommitTicket(number: 0)
}

/// What became of a client's batch.
package enum AppendResult: Hashable, Sendable {
    case appended(base: Offset, ticket: CommitTicket)
    /// It is there already: its first offset, and what must be synced for it to be durable.
    case duplicate(base: Offset, ticket: CommitTicket)
    case rejected(SequenceRejection)
}

/// Why a batch does not fit its producer's sequence (the table of Kafka's idempotent producers).
package enum SequenceRejection: Hashable, Sendable, CustomStringConvertible {
    /// OUT_OF_ORDER_SEQUENCE_NUMBER
    case outOfOrder(producer: Int64, expected: Int32, found: Int32)
    /// INVALID_PRODUCER_EPOCH
    case fenced(producer: Int64, current: Int16, found: Int16)
    /// The producer id belongs to the pipelines: INVALID_PRODUCER_ID_MAPPING, or INVALID_RECORD.
    case reservedProducer(Int64)
    /// Its transaction here must end before it writes without one: INVALID_TXN_STATE
    case openTransaction(producer: Int64)
    /// A later coordinator has ended a transaction of this producer here: TRANSACTION_COORDINATOR_FENCED
    case coordinatorFenced(producer: Int64, current: Int32, found: Int32)
    /// All producers that the partition can remember have a transaction open: THROTTLING_QUOTA_EXCEEDED
    case tooManyTransactions(limit: Int)

    package var description: String {
        switch self {
        case .outOfOrder(let producer, let expected, let found):
            "sequence \(found) of producer \(producer), expected \(expected)"
        case .fenced(let producer, let current, let found):
            "epoch \(found) of producer \(producer), which is at epoch \(current)"
        case .reservedProducer(let producer): "producer id \(producer) is reserved for pipelines"
        case .openTransaction(let producer):
            "producer \(producer) has a transaction open here, which must end before it writes without one"
        case .coordinatorFenced(let producer, let current, let found):
            "a marker for producer \(producer) of coordinator epoch \(found), which is at \(current)"
        case .tooManyTransactions(let limit):
            "the \(limit) producers that the partition can remember all have open transactions; try again later"
        }
    }
}

/// The identity under which a pipeline writes. Sequences go on where ``Partition/nextSequence(producerId:epoch:)`` says.
package struct PipelineProducer: Hashable, Sendable {
    /// 2^62 or more; see ``firstReserved``.
    package var id: Int64
    package var epoch: Int16

    package init(id: Int64, epoch: Int16) {
        self.id = id
        self.epoch = epoch
    }

    /// Producer ids from here on are never handed to clients: a batch that has one needs a commit record.
    package static let firstReserved: Int64 = 1 << 62
    /// Producer ids of clients begin here: above all that an adopted broker can have handed out, a thousand at a time, and
    /// all that older versions did.
    package static let firstOfClients: Int64 = 1 << 40
}
