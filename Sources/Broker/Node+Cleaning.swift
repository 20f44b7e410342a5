import CommitLog
import Platform

extension Node {
    /// Compacts whatever needs it, again and again, on a thread of its own: a large log takes a while.
    func startCleaner() {
        cleaner.add("compaction", every: options.cleanerInterval, on: scheduler, clock) {
            [directory, options, clock, log, weak cleaner] () throws(StorageError) in
            let pace = CleanerPace(bytesPerSecond: options.cleanerBytesPerSecond, clock: clock) {
                [weak cleaner] deadline in
                cleaner?.rest(until: deadline) ?? false
            }
            while let done = try directory.clean(now: clock.wallMilliseconds(), pace: pace.spend) {
                guard let objection = done.objection else { continue }
                log("\(done.partition) is not compacted any more, until the next start: \(objection)")
            }
        }
        cleaner.start()
    }
}
