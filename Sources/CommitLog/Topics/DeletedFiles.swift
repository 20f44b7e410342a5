import Platform

/// Files of deleted segments that still stand under their `.deleted` names, as Kafka leaves them for a while.
///
/// The names alone say what is to go: whatever is forgotten here is removed by the next opening.
final class DeletedFiles: Sendable {
    static let suffix = ".deleted"

    /// What one segment left.
    struct Entry {
        var paths: [String]
        var bytes: Int64
        /// `file.delete.delay.ms`
        var delay: Int64
        /// Milliseconds since 1970; nil until someone with a clock has looked.
        var due: Int64?
    }

    private struct State {
        /// The oldest first.
        var entries: [Entry] = []
        var bytes: Int64 = 0
    }

    private let state = Lock(State())
    private let maxBytes: Int64
    private let maxSegments: Int

    init(maxBytes: Int64, maxSegments: Int) {
        self.maxBytes = maxBytes
        self.maxSegments = maxSegments
    }

    /// - Returns: paths to remove at once, since all together would be more than may wait.
    func add(_ entry: Entry) -> [String] {
        state.withLock { state in
            state.entries.append(entry)
            state.bytes += entry.bytes
            var surplus = 0
            while surplus < state.entries.count,
                state.bytes > maxBytes || state.entries.count - surplus > maxSegments
            {
                state.bytes -= state.entries[surplus].bytes
                surplus += 1
            }
            defer { state.entries.removeFirst(surplus) }
            return state.entries[..<surplus].flatMap(\.paths)
        }
    }

    /// Takes out what is to be removed now.
    /// - Parameter now: milliseconds since 1970; nil takes everything.
    func take(now: Int64?) -> [String] {
        state.withLock { state in
            guard let now else {
                defer { state = State() }
                return state.entries.flatMap(\.paths)
            }
            var paths: [String] = []
            var kept: [Entry] = []
            for var entry in state.entries {
                let (due, overflow) = now.addingReportingOverflow(entry.delay)
                // A clock that was set back makes nobody wait longer than the delay.
                entry.due = min(entry.due ?? .max, overflow ? .max : due)
                if let due = entry.due, due > now {
                    kept.append(entry)
                } else {
                    paths += entry.paths
                    state.bytes -= entry.bytes
                }
            }
            state.entries = kept
            return paths
        }
    }

    /// Segments that wait.
    var count: Int { state.withLock { $0.entries.count } }
}

extension DataDirectory {
    /// Takes the names of segments away that the log no longer has: at once, or after `file.delete.delay.ms`.
    ///
    /// A crash leaves whole names or `.deleted` ones, of the oldest segments first.
    /// - Parameter segments: the oldest first; those that are done are taken out.
    /// - Returns: bytes of their records.
    @discardableResult
    func discard(
        _ segments: inout [Segment], of partition: Partition, now: Int64?,
        parts: [String] = Segment.suffixes + SwapCompletion.parts.map { $0 + UnreadableSegment.suffix }
    ) throws(DiskError) -> Int64 {
        guard !segments.isEmpty else { return 0 }
        defer { ledger.touch(directory: partition.directory) }
        let delay = partition.settings.fileDeleteDelayMilliseconds
        var freed: Int64 = 0
        while let segment = segments.first {
            try discard(segment, delay: delay, now: now, parts)
            freed += segment.size
            segments.removeFirst()
        }
        return freed
    }

    private func discard(_ segment: Segment, delay: Int64, now: Int64?, _ parts: [String]) throws(DiskError) {
        var paths: [String] = []
        for suffix in parts {
            let path = segment.stem + suffix + DeletedFiles.suffix
            if try disk.exists(segment.stem + suffix) { try disk.rename(segment.stem + suffix, path) }
            paths.append(path)
        }
        let (due, overflow) = (now ?? 0).addingReportingOverflow(delay)
        let entry = DeletedFiles.Entry(
            paths: paths, bytes: segment.size, delay: delay, due: now == nil ? nil : overflow ? .max : due)
        // One that stays is removed by the next opening.
        for path in delay == 0 ? paths : deletedFiles.add(entry) { try? disk.removeIfThere(path) }
    }

    /// Removes the files of deleted segments whose time has come. To be called every few seconds.
    /// - Parameter now: milliseconds since 1970; nil removes all of them.
    package func removeDeletedFiles(now: Int64?) throws(StorageError) {
        var failure: DiskError?
        for path in deletedFiles.take(now: now) {
            // One that stays is removed by the next opening.
            do throws(DiskError) { try disk.removeIfThere(path) } catch { failure = failure ?? error }
        }
        if let failure { throw StorageError("remove the files of deleted segments", failure) }
    }
}
