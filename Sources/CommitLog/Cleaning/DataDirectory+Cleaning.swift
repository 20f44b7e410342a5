import Platform
package import Records

/// Compaction: of the records with one key, the newest stays. In the background, and beside everyone who appends and reads.
extension DataDirectory {
    /// What is known of cleanings, beside ``cleanedEnds``.
    struct CleaningState {
        /// Partitions that are not cleaned until the next opening.
        var objections: Set<CleanedKey> = []
    }

    struct CleanedKey: Hashable {
        var topic: TopicID
        var partition: Int32

        init(_ partition: Partition) {
            topic = partition.topicID
            self.partition = partition.index
        }
    }

    /// Cleans the compacted partition that needs it most, if any is due. One cleaning runs at a time.
    ///
    /// Only what lies below the recovery point, the last stable offset and the active segment is touched.
    /// - Parameters:
    ///   - now: milliseconds since 1970.
    ///   - pace: told of bytes as they are read and written; may wait, and ends the cleaning by returning false. What it
    ///     has swapped by then stays; the next one begins again.
    /// - Returns: nil if there is nothing to do, or nothing more could be done now.
    /// - Throws: a full disk, for example: the same may succeed later.
    package func clean(now: Int64, pace: @escaping (Int) -> Bool) throws(StorageError) -> Cleaning? {
        try cleaning.withLock { (state) throws(StorageError) -> Cleaning? in
            try ledger.check("compact \(path)")
            try loadCleanedEnds()
            var overtaken: Set<CleanedKey> = []
            while true {
                switch try dirtiest(&state, besides: overtaken, now) {
                case nil: return nil
                case .objected(let result): return result
                case .found(let partition, let plan):
                    switch try clean(partition, plan, &state, now, pace) {
                    case .done(let result): return result
                    case .stopped: return nil
                    // Somebody else was there; the others need not wait for its next turn.
                    case .overtaken: overtaken.insert(CleanedKey(partition))
                    }
                }
            }
        }
    }

    /// Cleans one partition, due or not.
    /// - Parameter start: where its dirty part begins; nil is where the last cleaning ended.
    /// - Returns: as ``clean(now:pace:)``; nil also if nothing of it can be cleaned.
    package func clean(
        _ partition: Partition, from start: Offset? = nil, now: Int64, pace: @escaping (Int) -> Bool = { _ in true }
    ) throws(StorageError) -> Cleaning? {
        try cleaning.withLock { (state) throws(StorageError) -> Cleaning? in
            try ledger.check("compact \(partition.name)")
            guard partition.offline == nil else { return nil }
            try loadCleanedEnds()
            let plan = try storing("look what there is to compact of \(partition.name)") { () throws(DiskError) in
                try self.plan(partition, start ?? cleanedEnd(partition), now)
            }
            guard !plan.segments.isEmpty else { return nil }
            guard case .done(let result) = try clean(partition, plan, &state, now, pace) else { return nil }
            return result
        }
    }

    // MARK: - What is due

    private enum Due {
        case found(Partition, CleanerPlan)
        /// A partition of which nobody can say what there is to clean.
        case objected(Cleaning)
    }

    private func dirtiest(
        _ state: inout CleaningState, besides overtaken: Set<CleanedKey>, _ now: Int64
    ) throws(StorageError) -> Due? {
        var dirtiest: (partition: Partition, plan: CleanerPlan)?
        for topic in topics() where topic.settings.cleanupPolicy.contains(.compact) {
            for partition in topic.partitions {
                let key = CleanedKey(partition)
                guard !partition.isDeleted, partition.offline == nil, !state.objections.contains(key),
                    !overtaken.contains(key)
                else { continue }
                let plan: CleanerPlan
                do throws(DiskError) { plan = try self.plan(partition, cleanedEnd(partition), now) } catch {
                    // Retention or a deletion was here.
                    if error.isMissing { continue }
                    var result = Cleaning()
                    result.partition = partition.name
                    return .objected(try object(partition, result, error, &state))
                }
                guard plan.isDue(partition.settings) else { continue }
                if let known = dirtiest, known.plan.dirtyRatio >= plan.dirtyRatio { continue }
                dirtiest = (partition, plan)
            }
        }
        return dirtiest.map { .found($0.partition, $0.plan) }
    }

    private func plan(_ partition: Partition, _ checkpoint: Offset?, _ now: Int64) throws(DiskError) -> CleanerPlan {
        try CleanerPlan(partition.view.withLock { $0 }, checkpoint: checkpoint, now: now)
    }

    // MARK: - One partition

    private enum Outcome {
        case done(Cleaning)
        case stopped
        case overtaken
    }

    private func clean(
        _ partition: Partition, _ plan: CleanerPlan, _ state: inout CleaningState, _ now: Int64,
        _ pace: @escaping (Int) -> Bool
    ) throws(StorageError) -> Outcome {
        var cleaner = Cleaner(
            plan, of: partition, partition.settings, options.cleaner, now: now,
            pace: { bytes in pace(bytes) && self.isWritable && !partition.isDeleted },
            swap: { (old, output, suffixes) throws(CleanerFailure) in
                try self.swap(old, output, suffixes, in: partition, now)
            })
        do throws(CleanerFailure) {
            let end = try cleaner.run()
            do throws(DiskError) { try noteCleaned(partition, up: end) } catch { throw .disk(error) }
            return .done(cleaner.result)
        } catch {
            switch error {
            case .stopped: return .stopped
            case .overtaken: return .overtaken
            case .disk(let failure): return .done(try object(partition, cleaner.result, failure, &state))
            case .damage(let reason): return .done(object(partition, cleaner.result, reason, &state))
            }
        }
    }

    private var isWritable: Bool { (try? ledger.check("compact")) != nil }

    /// - Throws: what says nothing about the partition.
    private func object(
        _ partition: Partition, _ result: Cleaning, _ failure: DiskError, _ state: inout CleaningState
    ) throws(StorageError) -> Cleaning {
        guard !failure.isOfTheProcess else { throw StorageError("compact \(partition.name)", failure) }
        return object(partition, result, "\(failure)", &state)
    }

    private func object(
        _ partition: Partition, _ result: Cleaning, _ reason: String, _ state: inout CleaningState
    ) -> Cleaning {
        state.objections.insert(CleanedKey(partition))
        var result = result
        result.objection = reason
        return result
    }
}
