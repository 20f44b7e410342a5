import CommitLog
import Platform
import Records
import TestSupport

/// What `penstock log dump`, `verify` and `repair` do, over a stopped data directory.
struct FuzzTools {
    private let memory: MemoryDisk

    init(_ memory: MemoryDisk) { self.memory = memory }

    /// - Parameter mustMend: nothing may be left to find in any partition after a repair.
    /// - Parameter mayRefuse: what says whose directory it is may say that it is nobody's or somebody else's.
    /// - Throws: what the tools must tell as damage instead.
    func complaint(mustMend: Bool, mayRefuse: Bool) throws -> String? {
        let place = try InspectedPlace.at(FuzzSite.root, disk: memory.disk)
        var dump = LogDump(disk: memory.disk) { _ in }
        try dump.tell(place)
        _ = try findings(place)
        do throws(StorageError) { _ = try repair(place) } catch {
            guard mayRefuse else { throw error }
            return nil
        }
        guard mustMend else { return nil }
        let isInPartition = { (finding: LogFinding) in finding.path.dropFirst(FuzzSite.root.count + 1).contains("/") }
        if let left = try findings(place).first(where: isInPartition) { return "after a repair: \(left)" }
        return try repair(place) == 0 ? nil : "a second repair finds more to do"
    }

    private func findings(_ place: InspectedPlace) throws -> [LogFinding] {
        let found = Lock<[LogFinding]>([])
        var options = LogVerification.Options()
        options.isDeep = true
        options.batchLimit = 1 << 20
        let verification = LogVerification(place, options, disk: memory.disk) { finding in
            found.withLock { $0.append(finding) }
        }
        _ = try verification.run()
        return found.withLock { $0 }
    }

    /// - Returns: how many things were done.
    private func repair(_ place: InspectedPlace) throws(StorageError) -> Int {
        var options = LogRepair.Options()
        options.verification.isDeep = true
        options.verification.batchLimit = 1 << 20
        return try LogRepair(place, options, disk: memory.disk) { _ in }.run()
    }
}
