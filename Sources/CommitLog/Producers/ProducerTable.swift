import Records

/// What a partition remembers of each producer, so that a batch sent twice is stored once (KIP-98), and which
/// transactions are open.
///
/// ``judge(_:)`` says what is to be done with a batch, ``judge(_:of:epoch:)`` with a marker; ``record(_:_:)`` takes note of
/// what was appended. Reading the log back is ``record(_:_:)`` for each batch.
struct ProducerTable: Equatable {
    struct Batch: Equatable {
        var firstSequence: Int32
        var lastSequence: Int32
        var baseOffset: Offset
        var lastOffset: Offset
    }

    struct Entry: Equatable {
        var epoch: Int16
        /// Oldest first, at most ``ProducerTable/remembered``. Empty after a marker that raised the epoch. Only the newest
        /// if it was read from a snapshot.
        var batches: [Batch] = []
        /// The largest of the last batch, or of the last marker: milliseconds since 1970, by whoever wrote it.
        var timestamp: Int64 = -1
        /// Of the last marker; -1 before the first.
        var coordinatorEpoch: Int32 = -1
        /// Where its open transaction began in this partition.
        var transactionStart: Offset?

        init(epoch: Int16) { self.epoch = epoch }

        /// The end of the newest batch, -1 if none is known.
        var lastOffset: Offset { batches.last?.lastOffset ?? -1 }
    }

    /// Clients have at most five requests under way.
    static let remembered = 5

    private(set) var entries: [Int64: Entry] = [:]
    private(set) var transactions = OpenTransactions()
    let limit: Int

    init(limit: Int) { self.limit = max(1, limit) }

    /// - Parameter entries: beyond the limit the longest silent are left out.
    init(limit: Int, entries: [Int64: Entry]) {
        self.init(limit: limit)
        self.entries = entries
        if entries.count > self.limit { drop(entries.count - self.limit) }
        transactions = OpenTransactions(
            entries.lazy.compactMap { id, entry in entry.transactionStart.map { (id, $0) } })
    }

    /// Takes note of a batch that was appended at its header's offsets.
    /// - Parameter marker: what a control batch says, nil if it ends no transaction.
    /// - Returns: the transaction that it ended, if one was open.
    @discardableResult
    mutating func record(_ header: BatchHeader, _ marker: TransactionMarker?) -> EndedTransaction? {
        guard header.hasProducer else { return nil }
        guard !header.isControl else { return marker.flatMap { recordMarker(header, $0) } }
        let batch = Batch(
            firstSequence: header.baseSequence, lastSequence: header.lastSequence, baseOffset: header.baseOffset,
            lastOffset: header.lastOffset)
        makeRoom(for: header.producerId)
        // An emptied batch has no records that anyone could read too early, and its marker may be gone.
        let mayOpen = header.isTransactional && header.recordsCount > 0
        var opened = false
        // In place: this runs once a batch.
        modify(&entries[header.producerId, default: Entry(epoch: header.producerEpoch)]) { entry in
            if entry.epoch != header.producerEpoch {
                entry.epoch = header.producerEpoch
                entry.batches.removeAll(keepingCapacity: true)
            }
            if entry.batches.count == Self.remembered { entry.batches.removeFirst() }
            entry.batches.append(batch)
            entry.timestamp = header.maxTimestamp
            if mayOpen, entry.transactionStart == nil {
                entry.transactionStart = header.baseOffset
                opened = true
            }
        }
        if opened { transactions.begin(header.producerId, at: header.baseOffset) }
        return nil
    }

    /// What the marker in a control batch would end, nil if its producer has nothing open here.
    func ended(by header: BatchHeader, _ marker: TransactionMarker) -> EndedTransaction? {
        guard let start = entries[header.producerId]?.transactionStart else { return nil }
        return EndedTransaction(
            outcome: marker.outcome,
            range: AbortedTransaction(
                producerId: header.producerId, firstOffset: start, lastOffset: header.lastOffset,
                lastStable: transactions.first(besides: header.producerId) ?? header.nextOffset))
    }

    private mutating func recordMarker(_ header: BatchHeader, _ marker: TransactionMarker) -> EndedTransaction? {
        let ended = ended(by: header, marker)
        makeRoom(for: header.producerId)
        modify(&entries[header.producerId, default: Entry(epoch: header.producerEpoch)]) { entry in
            if header.producerEpoch > entry.epoch {
                entry.epoch = header.producerEpoch
                entry.batches.removeAll()
            }
            entry.timestamp = header.maxTimestamp
            entry.coordinatorEpoch = max(entry.coordinatorEpoch, marker.coordinatorEpoch)
            entry.transactionStart = nil
        }
        if let ended { transactions.end(header.producerId, from: ended.range.firstOffset) }
        return ended
    }

    /// The sequence number that a producer must use next; 0 if nothing is known of it in this epoch.
    func nextSequence(_ producer: Int64, epoch: Int16) -> Int32 {
        guard let entry = entries[producer], entry.epoch == epoch, let last = entry.batches.last else { return 0 }
        return Self.following(last.lastSequence)
    }

    func lastSequence(_ producer: Int64) -> Int32? { entries[producer]?.batches.last?.lastSequence }

    /// 2147483647 is followed by 0.
    static func following(_ sequence: Int32) -> Int32 { sequence == .max ? 0 : sequence + 1 }

    // MARK: - What is forgotten

    /// Whether a producer may be forgotten: pipelines' sequences decide what is exactly once, and an open transaction
    /// holds back who reads what is committed.
    private static func isForgettable(_ id: Int64, _ entry: Entry) -> Bool {
        entry.transactionStart == nil && id < PipelineProducer.firstReserved
    }

    /// Whether a producer that is not known yet can be remembered, possibly in place of others.
    var hasRoom: Bool { entries.count < limit || entries.contains { Self.isForgettable($0.key, $0.value) } }

    /// Forgets producers whose newest timestamp is before a time.
    /// - Returns: how many went.
    @discardableResult
    mutating func expire(before time: Int64) -> Int {
        let gone = entries.filter { $0.value.timestamp < time && Self.isForgettable($0.key, $0.value) }
        for id in gone.keys { entries[id] = nil }
        return gone.count
    }

    /// Drops the tenth that was silent longest when the table is full.
    private mutating func makeRoom(for producer: Int64) {
        guard entries.count >= limit, entries[producer] == nil else { return }
        drop(max(1, limit / 10))
    }

    private mutating func drop(_ count: Int) {
        let byAge = entries.filter { Self.isForgettable($0.key, $0.value) }
            // Without a batch since a marker raised its epoch, nothing else keeps out who still writes with the old one.
            .map { (last: $0.value.batches.last?.lastOffset ?? .max, id: $0.key) }.sorted { $0 < $1 }
        for old in byAge.prefix(count) { entries[old.id] = nil }
    }

    private func modify(_ entry: inout Entry, _ body: (inout Entry) -> Void) { body(&entry) }
}

/// A transaction that a marker ended.
struct EndedTransaction: Equatable {
    var outcome: TransactionMarker.Outcome
    /// From its first batch to its marker.
    var range: AbortedTransaction

    /// What belongs into the index of the segment that holds the marker.
    var aborted: AbortedTransaction? { outcome == .abort ? range : nil }
}
