import Records

extension Segment {
    /// The first batch that reaches `offset` or lies beyond it.
    /// - Parameter limit: where the committed bytes end.
    func batch(reaching offset: Offset, limit: Int64) throws(DiskError) -> ScannedBatch? {
        let start = Int64(try offsetIndex().entry(atOrBefore: offset - base)?.position ?? 0)
        var scanner = BatchScanner(try file(), from: min(start, limit), to: limit, checksCRC: false)
        while case .batch(let batch) = try scanner.next() {
            if batch.lastOffset >= offset { return batch }
        }
        return nil
    }

    /// How far whole batches reach from `first` on without going past `position`; at least `first` itself.
    /// - Parameter limit: where the committed bytes end.
    /// - Returns: the byte after the last of them, and the offset a reader goes on with.
    func extent(
        from first: ScannedBatch, upTo position: Int64, limit: Int64
    ) throws(DiskError) -> (end: Int64, nextOffset: Offset) {
        let firstEnd = first.position + Int64(first.size)
        guard firstEnd < position else { return (firstEnd, first.nextOffset) }
        // Everything before a batch border that is known fits; only what follows it must be walked.
        let border = Int64(try offsetIndex().entry(atOrBeforePosition: position - 1)?.position ?? 0)
        var scanner = BatchScanner(try file(), from: max(border, firstEnd), to: limit, checksCRC: false)
        var result = (end: scanner.position, nextOffset: first.nextOffset)
        var isFirst = true
        while case .batch(let batch) = try scanner.next() {
            guard scanner.position <= position else {
                if isFirst { result.nextOffset = batch.baseOffset }
                break
            }
            result = (scanner.position, batch.nextOffset)
            isFirst = false
        }
        return result
    }

    /// The first batch with a record at or after a time, by the batches' largest timestamps.
    func batch(atOrAfter timestamp: Int64, limit: Int64) throws(DiskError) -> ScannedBatch? {
        // The batch that the first entry at or after the time names has such a record. None before the last offset entry
        // below that batch has one: when that offset entry was made, all timestamps were below.
        guard let time = try timeIndex().entry(atOrAfter: timestamp) else { return nil }
        let start = Int64(try offsetIndex().entry(atOrBefore: Int64(time.relativeOffset) - 1)?.position ?? 0)
        var scanner = BatchScanner(try file(), from: min(start, limit), to: limit, checksCRC: false)
        while case .batch(let batch) = try scanner.next() {
            if batch.maxTimestamp >= timestamp { return batch }
        }
        return nil
    }
}
