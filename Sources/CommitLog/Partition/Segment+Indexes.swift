import Glibc
import Platform
import Records

/// The index files of a segment: who writes them, and what they say.
extension Segment {
    static let indexSuffix = ".index"
    static let timeIndexSuffix = ".timeindex"

    enum IndexKind: CaseIterable, Sendable {
        case offsets, times

        var suffix: String { self == .offsets ? Segment.indexSuffix : Segment.timeIndexSuffix }
        var entrySize: Int { self == .offsets ? OffsetIndex.entrySize : TimeIndex.entrySize }
        var resource: FileCache.Resource { self == .offsets ? .offsetIndex : .timeIndex }
        var place: WritableKeyPath<State, Kept<MappedBytes>?> {
            switch self {
            case .offsets: \.offsets
            case .times: \.times
            }
        }

        func count(_ counts: IndexBuilder.Counts) -> Int { self == .offsets ? counts.offsets : counts.times }
    }

    // MARK: - Writing

    /// Appends the entries that the index files lack. Only for whoever holds the partition's writer.
    /// - Parameter isLast: with the last time entry, since nothing is appended for now.
    /// - Returns: the files, which have unsynced bytes, and one of which may have a new name.
    func writeIndexes(isLast: Bool) throws(DiskError) -> [any DiskFile] {
        let (found, repairs) = state.withLock { state in
            if isLast { state.builder?.finish() }
            return (state.builder, state.repairs)
        }
        guard let builder = found else { return [] }
        let files = try Self.writeIndexes(builder, stem: stem, disk: files.disk)
        state.withLock { state in
            // Made anew meanwhile: all of it is written the next time.
            guard state.repairs == repairs else { return }
            state.builder?.markWritten(IndexBuilder.Counts(offsets: builder.offsets.count, times: builder.times.count))
            // What was mapped ends before them.
            (state.offsets, state.times) = (nil, nil)
        }
        return files
    }

    /// Writes the entries that a builder has behind those that the files have, and nothing stays behind them.
    /// - Returns: the files, which have unsynced bytes and may have new names.
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
        // A file that somebody may have mapped does not get shorter: one without use for us makes way for another.
        let isNew = start == 0
        let file = try disk.open(isNew ? path + ".tmp" : path, .create)
        if isNew { try file.truncate(to: 0) }
        try file.write(bytes, at: Int64(start))
        if isNew { try disk.rename(path + ".tmp", path) } else { try file.truncate(to: Int64(start + bytes.count)) }
        return file
    }

    // MARK: - Looking

    /// Where to search for an offset: the last entry at or below it, nil for the beginning, and the one after that.
    /// - Throws: damage, if the index cannot be that of this segment.
    func bracket(of relativeOffset: Int64) throws(DiskError) -> OffsetIndex.Bracket {
        try bracket { entries in
            OffsetIndex.bracket(in: entries, of: relativeOffset)
        } inFile: { (index) throws(IndexFault) in
            try index.bracket(of: relativeOffset)
        }
    }

    /// The batch borders that are known around a position.
    func bracket(ofPosition position: Int64) throws(DiskError) -> OffsetIndex.Bracket {
        try bracket { entries in
            OffsetIndex.bracket(in: entries, ofPosition: position)
        } inFile: { (index) throws(IndexFault) in
            try index.bracket(ofPosition: position)
        }
    }

    private func bracket(
        inMemory: ([OffsetIndex.Entry]) -> OffsetIndex.Bracket,
        inFile: (OffsetIndex) throws(IndexFault) -> OffsetIndex.Bracket
    ) throws(DiskError) -> OffsetIndex.Bracket {
        let newest = state.withLock { inMemory($0.builder?.offsets ?? []) }
        if newest.below != nil { return newest }
        let index = OffsetIndex(bytes: try written(.offsets) { _ in }.bytes)
        var found = try search(.offsets) { () throws(IndexFault) in try inFile(index) }
        found.above = found.above ?? newest.above
        return found
    }

    /// Where a time comes between the time entries; the last one of a segment that grows is what it is so far.
    func timeStep(at timestamp: Int64) throws(DiskError) -> TimeIndex.Step {
        let (bytes, tail) = try written(.times) { builder in
            var step = TimeIndex.step(in: builder?.times ?? [], at: timestamp)
            if step.after == nil, let open = builder?.openTime, open.timestamp >= timestamp { step.after = open }
            return step
        }
        let index = TimeIndex(bytes: bytes)
        let step = try search(.times) { () throws(IndexFault) in try index.step(at: timestamp) }
        return TimeIndex.Step(before: tail.before ?? step.before, after: step.after ?? tail.after)
    }

    /// The last time entry below an offset, and the one after it.
    func timeStep(below relativeOffset: Int64) throws(DiskError) -> TimeIndex.Step {
        let (bytes, tail) = try written(.times) { TimeIndex.step(in: $0?.times ?? [], below: relativeOffset) }
        let step = TimeIndex.step(in: TimeIndex(bytes: bytes), below: relativeOffset)
        return TimeIndex.Step(before: tail.before ?? step.before, after: step.after ?? tail.after)
    }

    private func search<Result>(
        _ kind: IndexKind, _ body: () throws(IndexFault) -> Result
    ) throws(DiskError) -> Result {
        do throws(IndexFault) { return try body() } catch { throw damage(kind, error.reason) }
    }

    /// What is thrown when an index cannot be that of this segment.
    func damage(_ kind: IndexKind, _ reason: String) -> DiskError {
        DiskError(operation: "use (\(reason))", path: stem + kind.suffix, code: EBADMSG)
    }

    /// What stands in an index file, mapped, and what its builder says at the same moment.
    func written<Tail>(
        _ kind: IndexKind, _ tail: (IndexBuilder?) -> Tail
    ) throws(DiskError) -> (bytes: MappedBytes, tail: Tail) {
        while true {
            let (known, rest, counts, repairs) = state.withLock { state in
                let counts = state.builder?.written
                let isEmpty = counts.map { kind.count($0) == 0 } ?? false
                let bytes = isEmpty ? .empty : kind == .offsets ? state.offsets?.use() : state.times?.use()
                return (bytes, tail(state.builder), counts, state.repairs)
            }
            if let known { return (known, rest) }
            let bytes = try map(kind, counts)
            func isCurrent(_ state: State) -> Bool { state.builder?.written == counts && state.repairs == repairs }
            let kept = try keep(bytes, bytes.count, kind.resource, kind.place, if: isCurrent)
            // Else the writer has written more meanwhile, and the rest is not what comes behind this.
            if state.withLock({ isCurrent($0) }) { return (kept, rest) }
        }
    }

    /// - Parameter counts: how many entries the files have; nil takes all.
    private func map(_ kind: IndexKind, _ counts: IndexBuilder.Counts?) throws(DiskError) -> MappedBytes {
        let (path, _) = try name(kind.suffix)
        let file: any DiskFile
        do throws(DiskError) { file = try files.disk.open(path, .read) } catch {
            // If the log is there, the index is to be made again; if not, the segment was deleted.
            guard error.isMissing, try files.disk.exists(name(".log").0) else { throw error }
            throw damage(kind, "it is missing")
        }
        let size = Int(try file.status().size)
        let length = counts.map { kind.count($0) * kind.entrySize } ?? size
        guard size % kind.entrySize == 0 || counts != nil, size >= length else {
            throw damage(kind, "it has \(size) bytes")
        }
        return try file.map(length: length)
    }
}
