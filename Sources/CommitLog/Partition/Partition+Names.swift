import Records

/// Readers go to a segment by its name. Where that leads to nothing, what stood there may have been compacted away; or it
/// stands in a segment whose file somebody gave another name, or behind that name in the one before.
extension Partition.View {
    /// Throws if a segment has batches in a gap that a reader met before the first batch of another.
    /// - Parameter found: the place of that other one; behind the last if there is none.
    func checkNames(_ gap: Range<Offset>, at found: Int) throws(DiskError) {
        guard !gap.isEmpty else { return }
        let starts = starts
        if let stray = starts.first(where: { $0.place != found && gap.contains($0.offset) }) { throw misnamed(stray) }
        guard let holder = starts.filter({ $0.offset < gap.lowerBound }).max(by: { $0.offset < $1.offset }),
            segments[holder.place].reaches(into: gap, limit: limit(of: holder.place))
        else { return }
        // Who was led to the other by its name should have been led to this one.
        let isTooLow = place(of: gap.lowerBound) == found
        throw misnamed(starts.first { isTooLow && $0.place == found } ?? holder)
    }

    /// Throws if what a reader looks for before the log's start may be in a segment with a name that is too high.
    func checkNames(before offset: Offset) throws(DiskError) {
        guard offset < logStart, let stray = starts.first(where: { $0.offset < segments[0].base }) else { return }
        throw misnamed(stray)
    }

    /// Where segments begin, whatever they are called. What the disk does not give is passed over: whoever reads it is told.
    private var starts: [(place: Int, offset: Offset)] {
        segments.enumerated().compactMap { place, segment in
            ((try? segment.first()) ?? nil).map { (place, $0.offset) }
        }
    }

    private func misnamed(_ start: (place: Int, offset: Offset)) -> DiskError {
        segments[start.place].misnamed(start.offset)
    }
}

extension Segment {
    /// Whether a batch has offsets in a range, whatever the file is called.
    fileprivate func reaches(into gap: Range<Offset>, limit: Int64) -> Bool {
        let entry = (try? bracket(of: gap.lowerBound - base))?.below
        guard var scanner = try? scanner(from: entry.map { Int64($0.position) } ?? 0, to: limit) else { return false }
        while case .batch(let batch)? = try? scanner.next(), batch.baseOffset < gap.upperBound {
            if batch.nextOffset > gap.lowerBound { return true }
        }
        return false
    }
}
