import Records

/// What a partition remembers of each producer, so that a batch sent twice is stored once (KIP-98).
///
/// | batch arriving | result |
/// |---|---|
/// | next in sequence | appended |
/// | exact copy of one of the last five batches | duplicate: its old offset |
/// | older copy, partial overlap, gap | out of order |
/// | unknown producer, any sequence | appended: its state was lost, and starts here |
/// | higher epoch, sequence 0 | appended, older batches forgotten |
/// | higher epoch, other sequence | out of order |
/// | lower epoch | fenced |
struct ProducerTable {
    enum Verdict: Equatable {
        case append
        case duplicate(base: Offset)
        case reject(SequenceRejection)
    }

    struct Batch: Equatable {
        var firstSequence: Int32
        var lastSequence: Int32
        var baseOffset: Offset
        var lastOffset: Offset
    }

    struct Entry: Equatable {
        var epoch: Int16
        /// Oldest first, at most ``ProducerTable/remembered``. Empty after a marker that raised the epoch.
        var batches: [Batch]
        /// Of the last batch or marker.
        var lastOffset: Offset
    }

    /// Clients have at most five requests under way.
    static let remembered = 5

    private(set) var entries: [Int64: Entry] = [:]
    private let limit: Int

    init(limit: Int) { self.limit = max(1, limit) }

    /// What is to be done with a batch that has a producer and a sequence.
    func judge(_ header: BatchHeader) -> Verdict {
        guard header.hasProducer, !header.isControl, let entry = entries[header.producerId] else { return .append }
        guard header.producerEpoch >= entry.epoch else {
            return .reject(
                .fenced(producer: header.producerId, current: entry.epoch, found: header.producerEpoch))
        }
        guard header.producerEpoch == entry.epoch, let last = entry.batches.last else {
            guard header.baseSequence != 0 else { return .append }
            // The same epoch without batches: a marker came first, any sequence may follow only from 0.
            return outOfOrder(header, expected: 0)
        }
        let copy = entry.batches.first {
            $0.firstSequence == header.baseSequence && $0.lastSequence == header.lastSequence
        }
        if let copy { return .duplicate(base: copy.baseOffset) }
        let expected = Self.following(last.lastSequence)
        guard header.baseSequence == expected else { return outOfOrder(header, expected: expected) }
        return .append
    }

    /// Takes note of a batch that was appended at its header's offsets.
    mutating func record(_ header: BatchHeader) {
        guard header.hasProducer else { return }
        if header.isControl {
            recordMarker(header)
            return
        }
        let batch = Batch(
            firstSequence: header.baseSequence, lastSequence: header.lastSequence, baseOffset: header.baseOffset,
            lastOffset: header.lastOffset)
        makeRoom(for: header.producerId)
        let fresh = Entry(epoch: header.producerEpoch, batches: [], lastOffset: header.lastOffset)
        // In place: this runs once a batch.
        modify(&entries[header.producerId, default: fresh]) { entry in
            if entry.epoch != header.producerEpoch {
                entry.epoch = header.producerEpoch
                entry.batches.removeAll(keepingCapacity: true)
            }
            if entry.batches.count == Self.remembered { entry.batches.removeFirst() }
            entry.batches.append(batch)
            entry.lastOffset = batch.lastOffset
        }
    }

    /// The sequence number that a producer must use next; 0 if nothing is known of it in this epoch.
    func nextSequence(_ producer: Int64, epoch: Int16) -> Int32 {
        guard let entry = entries[producer], entry.epoch == epoch, let last = entry.batches.last else { return 0 }
        return Self.following(last.lastSequence)
    }

    func lastSequence(_ producer: Int64) -> Int32? { entries[producer]?.batches.last?.lastSequence }

    /// 2147483647 is followed by 0.
    static func following(_ sequence: Int32) -> Int32 { sequence == .max ? 0 : sequence + 1 }

    private func outOfOrder(_ header: BatchHeader, expected: Int32) -> Verdict {
        .reject(.outOfOrder(producer: header.producerId, expected: expected, found: header.baseSequence))
    }

    private mutating func recordMarker(_ header: BatchHeader) {
        guard var entry = entries[header.producerId] else { return }
        if header.producerEpoch > entry.epoch {
            entry.epoch = header.producerEpoch
            entry.batches.removeAll()
        }
        entry.lastOffset = header.lastOffset
        entries[header.producerId] = entry
    }

    /// Drops the tenth that was silent longest when the table is full.
    private mutating func makeRoom(for producer: Int64) {
        guard entries.count >= limit, entries[producer] == nil else { return }
        let byAge = entries.map { (id: $0.key, last: $0.value.lastOffset) }.sorted { $0.last < $1.last }
        for old in byAge.prefix(max(1, limit / 10)) { entries[old.id] = nil }
    }

    private func modify(_ entry: inout Entry, _ body: (inout Entry) -> Void) { body(&entry) }
}
