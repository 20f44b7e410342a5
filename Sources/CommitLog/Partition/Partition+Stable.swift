import Platform
package import Records

/// What a reader is shown (Kafka's `isolation.level`).
package enum Isolation: Sendable {
    /// All up to the high watermark, records of open and of aborted transactions too.
    case uncommitted
    /// All up to the last stable offset. Who reads this leaves out what ``LogSlice/aborted`` names.
    case committed
}

extension Partition {
    /// The aborted transactions that have records in a range, in the order of their markers.
    ///
    /// No more than one for each batch in the range and one for each producer that the partition remembers: who had a
    /// transaction open at its beginning.
    /// - Parameters:
    ///   - offset: where the range begins: markers below it end nothing in it.
    ///   - end: where it ends; at most the last stable offset.
    package func abortedTransactions(from offset: Offset, upTo end: Offset) throws(StorageError) -> [AbortedTransaction]
    {
        try reading { (view) throws(StorageError) in
            try storing("look for aborted transactions in \(name)") { () throws(DiskError) in
                try view.abortedTransactions(from: offset, upTo: end)
            }
        }
    }
}

extension Partition.View {
    /// Where what a reader is shown ends.
    func end(_ isolation: Isolation) -> Offset {
        isolation == .committed ? min(highWatermark, max(lastStable, logStart)) : highWatermark
    }

    /// The view of a reader who is shown no more than what lies below an offset, which is a batch border.
    func cut(at end: Offset) throws(DiskError) -> Partition.View {
        guard end < highWatermark else { return self }
        var view = self
        let place = place(of: end)
        let limit = limit(of: place)
        let position = try segments[place].batch(reaching: end, limit: limit)?.position ?? limit
        view.visible = Partition.Place(segment: segments[place].base, bytes: position)
        view.segments.removeLast(segments.count - place - 1)
        return view
    }

    func abortedTransactions(from offset: Offset, upTo end: Offset) throws(DiskError) -> [AbortedTransaction] {
        var found: [AbortedTransaction] = []
        // The marker stands in the segment of the first record or in any later one.
        for segment in segments[place(of: offset)...] {
            let goesOn = try segment.aborted.forEach { entry in
                if entry.lastOffset >= offset && entry.firstOffset < end { found.append(entry) }
                // All that were open when this one ended began at or behind that offset.
                return entry.lastStable < end
            }
            if !goesOn { break }
        }
        return found
    }
}
