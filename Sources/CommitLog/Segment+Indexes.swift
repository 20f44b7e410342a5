import Platform
import Records

/// The index files of a segment: who writes them, and what they say.
extension Segment {
    static let indexSuffix = ".index"
    static let timeIndexSuffix = ".timeindex"

    /// Appends the entries that the index files lack. Only for whoever holds the partition's writer.
    /// - Parameter isLast: with the last time entry, since nothing is appended for now.
    /// - Returns: the files, which have unsynced bytes.
    func writeIndexes(isLast: Bool) throws(DiskError) -> [any DiskFile] {
        let builder = state.withLock { state in
            if isLast { state.builder?.finish() }
            return state.builder
        }
        guard let builder else { return [] }
        let files = try Self.writeIndexes(builder, stem: stem, disk: disk)
        state.withLock { state in
            state.builder?.markWritten(IndexBuilder.Counts(offsets: builder.offsets.count, times: builder.times.count))
            // What was mapped ends before them.
            (state.offsets, state.times) = (nil, nil)
        }
        return files
    }

    /// Writes the entries that a builder has behind those that the files have, and nothing stays behind them.
    /// - Returns: the files, which have unsynced bytes.
    static func writeIndexes(
        _ builder: IndexBuilder, stem: String, disk: Disk
    ) throws(DiskError) -> [any DiskFile] {
        [
            try append(
                OffsetIndex.encode(builder.offsets), behind: builder.written.offsets * OffsetIndex.entrySize,
                to: stem + indexSuffix, disk),
            try append(
                TimeIndex.encode(builder.times), behind: builder.written.times * TimeIndex.entrySize,
                to: stem + timeIndexSuffix, disk),
        ]
    }

    private static func append(
        _ bytes: [UInt8], behind start: Int, to path: String, _ disk: Disk
    ) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, .create)
        try file.write(bytes, at: Int64(start))
        try file.truncate(to: Int64(start + bytes.count))
        return file
    }

    /// What is known about where batches begin.
    func offsetIndex() throws(DiskError) -> OffsetIndex {
        try state.withLock { (state) throws(DiskError) in
            let count = state.builder?.written.offsets
            let written =
                if let known = state.offsets { known } else {
                    try map(Self.indexSuffix, OffsetIndex.entrySize, count)
                }
            state.offsets = written
            return OffsetIndex(written: written, tail: state.builder?.offsets ?? [])
        }
    }

    /// What is known about when batches were made; for a segment that grows, up to its last batch.
    func timeIndex() throws(DiskError) -> TimeIndex {
        try state.withLock { (state) throws(DiskError) in
            let count = state.builder?.written.times
            let written =
                if let known = state.times { known } else {
                    try map(Self.timeIndexSuffix, TimeIndex.entrySize, count)
                }
            state.times = written
            var builder = state.builder
            builder?.finish()
            return TimeIndex(written: written, tail: builder?.times ?? [])
        }
    }

    /// - Parameter count: entries that the file has at least; nil takes all.
    private func map(_ suffix: String, _ entrySize: Int, _ count: Int?) throws(DiskError) -> MappedBytes {
        if count == 0 { return .empty }
        let file = try disk.open(stem + suffix, .read)
        let there = Int(try file.status().size) / entrySize
        return try file.map(length: min(there, count ?? there) * entrySize)
    }
}
