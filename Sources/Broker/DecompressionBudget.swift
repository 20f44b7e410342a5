import KafkaProtocol
import Records

/// What the compressed batches of one Produce request may still decompress to while they are checked.
///
/// A few kilobytes can become a hundred megabytes, and a request may carry hundreds of batches: a bound of each alone
/// would let one request keep a worker busy for a minute. After the first batch that is too large, none is looked into.
struct DecompressionBudget {
    let perBatch: Int
    private(set) var left: Int

    /// - Parameter total: for the whole request; one batch always has as much as it may use.
    init(perBatch: Int, total: Int) {
        self.perBatch = perBatch
        left = max(perBatch, total)
    }

    /// `RecordBatch.validate`, paid for from here.
    ///
    /// A batch that is refused for what others used is told to come again, since alone it may be fine.
    mutating func validate(_ batch: EncodedBatch) throws(ClientBatch.Refusal) -> RecordBatch.Validated {
        let isCompressed = batch.header.codec != .none
        guard !isCompressed || left > 0 else { throw Self.usedUp }
        let limit = isCompressed ? min(perBatch, left) : perBatch
        var spent = 0
        defer { left -= spent }
        do throws(RecordError) { return try RecordBatch.validate(batch.bytes, limit: limit, spent: &spent) } catch {
            guard case .tooLarge = error, isCompressed else { throw ClientBatch.Refusal(error) }
            spent = left
            throw limit < perBatch ? Self.usedUp : ClientBatch.Refusal(error)
        }
    }

    private static let usedUp = ClientBatch.Refusal(
        code: .requestTimedOut,
        message: "the batches before it decompress to as much as one request may: send it again, with fewer others")
}
