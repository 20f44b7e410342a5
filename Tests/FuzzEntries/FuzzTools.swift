import CommitLog
import Platform
import Records
import TestSupport

/// What `penstock log dump`, `verify` and `repair` do, over a stopped data directory.
struct FuzzTools {
    private let memory: MemoryDisk

    init(_ memory: MemoryDisk) { self.memory = memory }

    /// - Parameter mustMend: nothing may be left to find in any partition after a repair, but for what only a look at every
    ///   record finds and the repair tells that it leaves.
    /// - Parameter mayRefuse: what says whose directory it is may say that it is nobody's or somebody else's.
    /// - Throws: what the tools must tell as damage instead.
    func complaint(mustMend: Bool, mayRefuse: Bool) throws -> String? {
        let place = try InspectedPlace.at(FuzzSite.root, disk: memory.disk)
        var dump = LogDump(disk: memory.disk) { _ in }
        try dump.tell(place)
        _ = try findings(place, isDeep: true)
        let left: Set<LogFinding>
        do throws(StorageError) { left = try repair(place).left } catch {
            guard mayRefuse else { throw error }
            return nil
        }
        guard mustMend else { return nil }
        if let finding = try findings(place, isDeep: false).first { return "after a repair: \(finding)" }
        let told = Set(left.map(Place.init))
        if let finding = try findings(place, isDeep: true).first(where: { !told.contains(Place($0)) }) {
            return "after a repair, which did not tell: \(finding)"
        }
        return try repair(place).count == 0 ? nil : "a second repair finds more to do"
    }

    /// Where something was found: the repair adds its advice to the reason.
    private struct Place: Hashable {
        let path: String
        let position: Int64?

        init(_ finding: LogFinding) {
            path = finding.path
            position = finding.position
        }
    }

    /// What is wrong in the partitions.
    private func findings(_ place: InspectedPlace, isDeep: Bool) throws -> [LogFinding] {
        let found = Lock<[LogFinding]>([])
        var options = LogVerification.Options()
        options.isDeep = isDeep
        options.batchLimit = 1 << 20
        let verification = LogVerification(place, options, disk: memory.disk) { finding in
            found.withLock { $0.append(finding) }
        }
        _ = try verification.run()
        return found.withLock { $0 }.filter { $0.path.dropFirst(FuzzSite.root.count + 1).contains("/") }
    }

    /// - Returns: how many things were done, and what was told to be left.
    private func repair(_ place: InspectedPlace) throws(StorageError) -> (count: Int, left: Set<LogFinding>) {
        var options = LogRepair.Options()
        options.verification.isDeep = true
        options.verification.batchLimit = 1 << 20
        var left: Set<LogFinding> = []
        let count = try LogRepair(place, options, disk: memory.disk, leave: { left.insert($0) }) { _ in }.run()
        return (count, left)
    }
}
