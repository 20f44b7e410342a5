import Records

/// The transactions that are open in a partition, by where they began.
struct OpenTransactions: Equatable {
    private struct Open: Equatable {
        var first: Offset
        var producer: Int64
    }

    /// In order of `first`, which rises as they are opened.
    private var open: [Open] = []

    var count: Int { open.count }
    /// Where the one that has been open longest began: nothing from there on is stable.
    var first: Offset? { open.first?.first }

    init() {}

    init(_ transactions: some Sequence<(producer: Int64, first: Offset)>) {
        open = transactions.map { Open(first: $0.first, producer: $0.producer) }
        open.sort { ($0.first, $0.producer) < ($1.first, $1.producer) }
    }

    mutating func begin(_ producer: Int64, at first: Offset) { open.append(Open(first: first, producer: producer)) }

    /// - Parameter first: where it began.
    mutating func end(_ producer: Int64, from first: Offset) {
        var place = lowest(first)
        while place < open.count, open[place].first == first {
            if open[place].producer == producer {
                open.remove(at: place)
                return
            }
            place += 1
        }
    }

    /// Where the first that is not this producer's began.
    func first(besides producer: Int64) -> Offset? { open.first { $0.producer != producer }?.first }

    private func lowest(_ first: Offset) -> Int {
        var low = 0
        var high = open.count
        while low < high {
            let middle = (low + high) / 2
            if open[middle].first < first { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

/// Up to where a partition is stable: below the first batch of every transaction that is open, or whose marker is not
/// visible yet.
struct StableOffset: Equatable {
    /// Transactions that have ended, whose markers were not visible when last asked.
    private var unseen: [AbortedTransaction] = []

    mutating func note(_ ended: EndedTransaction) { unseen.append(ended.range) }

    /// - Returns: the last stable offset for a high watermark, which must not move back.
    mutating func offset(highWatermark: Offset, open: OpenTransactions) -> Offset {
        unseen.removeAll { $0.lastOffset < highWatermark }
        let first = unseen.reduce(highWatermark) { min($0, $1.firstOffset) }
        return min(first, open.first ?? first)
    }
}
