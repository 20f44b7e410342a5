import TestSupport
import Testing

@testable import CommitLog

/// What a file is by its name.
@Suite struct InspectedFileTests {
    private static let base = "00000000000000000010"

    @Test(
        "what a deletion or a compaction left is called so by the whole of its name",
        arguments: ["log", "index", "timeindex", "txnindex", "snapshot"], ["deleted", "cleaned", "swap"])
    func leftovers(kind: String, ending: String) throws {
        for name in ["\(Self.base).\(kind)", "\(Self.base).\(kind).unreadable"] {
            let isGiven = name.hasSuffix(".\(kind)") || kind != "snapshot"
            let file = InspectedFile("/d/t-0/\(name).\(ending)")
            #expect(file?.isLeftover == isGiven, "\(name).\(ending)")
            #expect(file?.isSetAside == false && file?.isSegment == false)
            #expect(file?.kind.rawValue == kind && file?.offset == (isGiven ? 10 : nil))
        }
    }

    @Test(
        "a stranger's file is neither a leftover nor set aside, whatever its name ends with",
        arguments: ["deleted", "cleaned", "swap", "unreadable", "misnamed"])
    func strangers(ending: String) throws {
        for name in ["mine.log", "\(Self.base).mine.log", "\(Self.base)0.index", "-000000000000000010.log"] {
            let file = try #require(InspectedFile("/d/t-0/\(name).\(ending)"), "\(name).\(ending)")
            #expect(!file.isLeftover && !file.isSetAside && !file.isSegment && file.offset == nil, "\(name).\(ending)")
        }
        for name in [
            "mine", "\(Self.base).mine", "leader-epoch-checkpoint", "partition.metadata", "meta.properties",
            "recovery-point-offset-checkpoint",
        ] {
            #expect(InspectedFile("/d/t-0/\(name).\(ending)") == nil, "\(name).\(ending)")
        }
    }

    @Test("what an opening set aside is known by the whole of its name", arguments: ["unreadable", "misnamed"])
    func setAside(ending: String) throws {
        let file = try #require(InspectedFile("/d/t-0/\(Self.base).log.\(ending)"))
        #expect(file.isSetAside && !file.isLeftover && !file.isSegment && file.offset == 10)
    }

    @Test("copies that an operator made are named as not looked at, and nothing else is said of them")
    func copies() throws {
        let log = try GeneratedLog(seed: 1)
        try log.directory.close()
        let paths = [
            "/d/meta.properties.deleted", "/d/recovery-point-offset-checkpoint.swap",
            "/d/t-0/leader-epoch-checkpoint.deleted", "/d/t-0/mine.log.unreadable",
            "/d/t-0/\(Self.base).log.mine.swap", "/d/t-0/\(Self.base).mine.log.misnamed",
        ]
        for path in paths { try log.memory.disk.open(path, .create).write(Array("mine".utf8), at: 0) }
        let (findings, summary) = try Inspection.verify("/d", log.memory.disk)
        #expect(findings == [])
        #expect(Set(summary.skippedFirst) == Set(paths))
        let place = try InspectedPlace.at("/d", disk: log.memory.disk)
        let repair = LogRepair(place, disk: log.memory.disk, leave: { Issue.record("\($0)") }) { Issue.record("\($0)") }
        #expect(try repair.run() == 0)
    }
}
