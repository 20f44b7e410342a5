import Records

/// Which batches belong to aborted transactions, and which markers still end something: told by walking along a log, in
/// the order of offsets (`CleanedTransactionMetadata` in Kafka).
struct CleanedTransactions {
    private struct Aborted {
        var entry: AbortedTransaction
        /// A batch of it was seen.
        var hasBatches = false
    }

    /// Not begun yet; the next is the last.
    private var coming: [AbortedTransaction] = []
    /// Under way, by producer.
    private var aborted: [Int64: Aborted] = [:]
    /// Producers of which a batch was seen that no aborted transaction takes in.
    private var committed: Set<Int64> = []
    /// Those that were aborted and had batches: what the index of the new segment needs.
    private var kept: [AbortedTransaction] = []

    /// Takes note of aborted transactions, each once, before its first batch or marker is walked past.
    mutating func add(_ more: [AbortedTransaction]) {
        coming += more
        coming.sort { ($0.firstOffset, $0.lastOffset) > ($1.firstOffset, $1.lastOffset) }
    }

    /// - Returns: whether a batch of records belongs to an aborted transaction.
    mutating func isAborted(_ header: BatchHeader) -> Bool {
        begin(header)
        guard header.isTransactional else { return false }
        if aborted[header.producerId] != nil {
            aborted[header.producerId]?.hasBatches = true
            return true
        }
        committed.insert(header.producerId)
        return false
    }

    /// - Parameter outcome: nil for a control batch that ends no transaction.
    /// - Returns: whether no batch is left of the transaction that a marker ends.
    mutating func isNeedless(_ header: BatchHeader, _ outcome: TransactionMarker.Outcome?) -> Bool {
        begin(header)
        switch outcome {
        case .abort:
            guard let ended = aborted.removeValue(forKey: header.producerId), ended.hasBatches else { return true }
            kept.append(ended.entry)
            return false
        case .commit: return committed.remove(header.producerId) == nil
        // An emptied one has nothing to say any more; others stay.
        case nil: return header.recordsCount == 0
        }
    }

    /// What was kept since the last call, in the order of the markers.
    mutating func takeKept() -> [AbortedTransaction] {
        defer { kept = [] }
        return kept
    }

    /// Lets transactions begin, and end, up to a batch or marker.
    private mutating func begin(_ header: BatchHeader) {
        // Its marker was cleaned away.
        if let current = aborted[header.producerId], current.entry.lastOffset < header.baseOffset {
            aborted[header.producerId] = nil
        }
        while let next = coming.last, next.firstOffset <= header.lastOffset {
            coming.removeLast()
            if next.lastOffset >= header.lastOffset { aborted[next.producerId] = Aborted(entry: next) }
        }
    }
}
