import Platform
import Records

/// How cleaned segments take the place of others, so that a crash between any two calls leaves what an opening completes
/// or undoes (``SwapCompletion``): `.cleaned` is synced, all of it becomes `.swap`, the names are synced, readers go over,
/// the old ones become `.deleted`, and `.swap` goes from the names.
extension DataDirectory {
    /// - Parameters:
    ///   - old: in a row.
    ///   - suffixes: of the output's files, which are durable but for their names; the log's first.
    func swap(
        _ old: [Segment], _ output: CleanerOutput, _ suffixes: [String], in partition: Partition, _ now: Int64
    ) throws(CleanerFailure) {
        try partition.housekeeping.run { () throws(CleanerFailure) in
            guard (try? ledger.check("compact \(partition.name)")) != nil else { throw .stopped }
            guard partition.holds(old) else { throw .overtaken }
            let new = try offer(output, suffixes, like: old, partition)
            // Deletions and retention wait their turn, so this cannot fail.
            guard partition.writer.withLock({ $0.replace(old, with: [new]) }) else {
                try withdraw(output, suffixes, partition)
                throw .overtaken
            }
            do throws(DiskError) {
                var replaced = old
                try discard(&replaced, of: partition, now: now, parts: SwapCompletion.parts)
                for suffix in suffixes {
                    try disk.rename(output.stem + suffix + SwapCompletion.swap, output.stem + suffix)
                }
                try syncNames(of: partition.directory)
            } catch {
                // Everything is there, but not under its names: an opening puts that right.
                stop(
                    reasonToStop(
                        "the compaction of \(partition.name) was interrupted: \(error)",
                        next: "the next start completes it"))
                throw .disk(error)
            }
            new.settle()
        }
    }

    /// Gives an output the names that an opening would take it over from, durably.
    private func offer(
        _ output: CleanerOutput, _ suffixes: [String], like old: [Segment], _ partition: Partition
    ) throws(CleanerFailure) -> Segment {
        do throws(DiskError) {
            // In this order also on the disk, should the power go.
            try output.discardOthers(besides: suffixes)
            for suffix in suffixes {
                let path = output.stem + suffix
                try disk.rename(path + SwapCompletion.cleaned, path + SwapCompletion.swap)
            }
            try syncNames(of: partition.directory)
            let new = Segment(
                closed: output.base, in: partition.directory, size: output.size,
                nextOffset: old[old.count - 1].nextOffset, indexInterval: partition.settings.indexIntervalBytes,
                files: partition.files, suffix: SwapCompletion.swap)
            try new.hold()
            return new
        } catch {
            // After a failed sync nothing more is changed: an opening completes or undoes what it finds.
            if stopReason == nil { try withdraw(output, suffixes, partition) }
            throw .disk(error)
        }
    }

    /// Takes back what ``offer`` did. The log last: an index alone would be another log's, but is never trusted.
    private func withdraw(
        _ output: CleanerOutput, _ suffixes: [String], _ partition: Partition
    ) throws(CleanerFailure) {
        do throws(DiskError) {
            for suffix in suffixes.reversed() { try disk.removeIfThere(output.stem + suffix + SwapCompletion.swap) }
            try output.discard()
            try syncNames(of: partition.directory)
        } catch {
            // A later opening would take it for the newest.
            stop(
                reasonToStop(
                    "what a compaction of \(partition.name) left cannot be taken away: \(error)",
                    next: "the next start puts that right"))
            throw .disk(error)
        }
    }
}

extension Partition {
    /// Whether these segments are part of it, in a row, and it is there.
    fileprivate func holds(_ old: [Segment]) -> Bool {
        let view = self.view.withLock { $0 }
        guard !view.isDeleted, let start = view.segments.firstIndex(where: { $0 === old[0] }) else { return false }
        let end = start + old.count
        return end < view.segments.count && view.segments[start..<end].elementsEqual(old, by: ===)
    }
}

/// Lets one at a time give names to a partition's files, change them or take them away, appends and rolls left out.
final class Housekeeping: Sendable {
    private struct State {
        var isBusy = false
        var leftovers: [Segment] = []
    }

    private let state = Lock(State())

    /// Segments that the log no longer has and whose names could not be taken away, oldest first. Changed by whoever is
    /// at it.
    var leftovers: [Segment] {
        get { state.withLock { $0.leftovers } }
        set { state.withLock { $0.leftovers = newValue } }
    }

    /// Waits until nobody else is at it.
    func run<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        _ = state.wait { state -> Bool? in
            guard !state.isBusy else { return nil }
            state.isBusy = true
            return true
        }
        defer { state.withLockNotifying { $0.isBusy = false } }
        return try body()
    }

    /// - Returns: nil if somebody is at it.
    func runIfFree<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result? {
        let isFree = state.withLock { state in
            defer { state.isBusy = true }
            return !state.isBusy
        }
        guard isFree else { return nil }
        defer { state.withLockNotifying { $0.isBusy = false } }
        return try body()
    }
}
