import Records

/// What is to be done with what arrives.
///
/// | batch arriving | result |
/// |---|---|
/// | next in sequence | appended |
/// | exact copy of one of the last five batches | duplicate: its old offset |
/// | older copy, partial overlap, gap | out of order |
/// | unknown producer, any sequence | appended: its state was lost, and starts here |
/// | higher epoch, sequence 0 | appended, older batches forgotten |
/// | higher epoch, other sequence; not 0 after a marker that raised the epoch | out of order |
/// | lower epoch | fenced |
/// | not transactional while a transaction of its producer is open | open transaction |
/// | marker of a lower producer epoch | fenced |
/// | marker of a lower coordinator epoch than the last | coordinator fenced |
/// | other marker, also without open transaction | appended |
extension ProducerTable {
    enum Verdict: Equatable {
        case append
        case duplicate(base: Offset)
        case reject(SequenceRejection)
    }

    /// - Parameter batch: of a client, or a marker. Other control batches are appended as they are.
    func judge(_ batch: EncodedBatch) -> Verdict {
        guard batch.header.isControl else { return judge(batch.header) }
        guard let marker = TransactionMarker(batch) else { return .append }
        return judge(marker, of: batch.header.producerId, epoch: batch.header.producerEpoch)
    }

    func judge(_ header: BatchHeader) -> Verdict {
        guard header.hasProducer else { return .append }
        guard let entry = entries[header.producerId] else { return admitUnknown() }
        guard header.producerEpoch >= entry.epoch else {
            return .reject(
                .fenced(producer: header.producerId, current: entry.epoch, found: header.producerEpoch))
        }
        var expected: Int32 = 0
        if header.producerEpoch == entry.epoch, let last = entry.batches.last {
            let copy = entry.batches.first {
                $0.firstSequence == header.baseSequence && $0.lastSequence == header.lastSequence
            }
            if let copy { return .duplicate(base: copy.baseOffset) }
            expected = Self.following(last.lastSequence)
        }
        guard header.baseSequence == expected else {
            return .reject(
                .outOfOrder(producer: header.producerId, expected: expected, found: header.baseSequence))
        }
        guard header.isTransactional || entry.transactionStart == nil else {
            return .reject(.openTransaction(producer: header.producerId))
        }
        return .append
    }

    func judge(_ marker: TransactionMarker, of producer: Int64, epoch: Int16) -> Verdict {
        guard let entry = entries[producer] else { return admitUnknown() }
        guard epoch >= entry.epoch else {
            return .reject(.fenced(producer: producer, current: entry.epoch, found: epoch))
        }
        guard marker.coordinatorEpoch >= entry.coordinatorEpoch else {
            return .reject(
                .coordinatorFenced(
                    producer: producer, current: entry.coordinatorEpoch, found: marker.coordinatorEpoch))
        }
        return .append
    }

    private func admitUnknown() -> Verdict { hasRoom ? .append : .reject(.tooManyTransactions(limit: limit)) }
}
