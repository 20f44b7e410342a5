import Records
import TestSupport
import Testing

@testable import CommitLog

/// Kafka's load rules for what a cleaning leaves behind.
@Suite struct SwapCompletionTests {
    private static func name(_ base: Int, _ suffix: String) -> String {
        let digits = "\(base)"
        return String(repeating: "0", count: 20 - digits.count) + digits + suffix
    }

    private static func batch(_ base: Offset, _ count: Int) throws -> [UInt8] {
        let batch = try Make.batch((0..<count).map { "\($0)" })
        batch.stamp(baseOffset: base, leaderEpoch: 0)
        return batch.bytes.withUnsafeBytes { Array($0) }
    }

    private struct Site {
        let memory = MemoryDisk()

        init(_ files: [String: [UInt8]]) throws {
            try memory.disk.makeDirectory("/t-0")
            for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
                try memory.disk.open("/t-0/\(name)", .create).write(bytes, at: 0)
            }
            memory.syncAll()
        }

        func run() throws -> [String] {
            try SwapCompletion.run("/t-0", memory.disk.list("/t-0"), disk: memory.disk)
        }

        var names: [String] { memory.files.map { String($0.dropFirst("/t-0/".count)) } }
    }

    @Test("what was deleted, being written or not all there goes, and the segments stay")
    func leftovers() throws {
        let plain = [Self.name(0, ".log"), Self.name(0, ".index"), Self.name(5, ".log"), Self.name(5, ".snapshot")]
        let rest = [
            Self.name(0, ".log.swap"), Self.name(0, ".index.cleaned"), Self.name(0, ".timeindex.cleaned"),
            Self.name(9, ".log.deleted"), "leader-epoch-checkpoint.tmp", Self.name(5, ".index.swap"),
        ]
        let site = try Site(Dictionary(uniqueKeysWithValues: (plain + rest + ["notes.txt"]).map { ($0, [1]) }))
        #expect(try site.run() == (plain + ["notes.txt"]).sorted())
        #expect(site.names == (plain + ["notes.txt"]).sorted())
    }

    @Test("what only begins and ends like a file of Kafka's or ours stays as it is")
    func strangers() throws {
        let plain = [Self.name(0, ".log"), Self.name(5, ".log")]
        let strange = [".mybackup.tmp", ".old.deleted", ".backup.cleaned", ".mine.swap", ".log.old.deleted", ".tmp"]
            .map { Self.name(0, $0) }
        let ours =
            Segment.suffixes.flatMap { [Self.name(5, $0 + ".tmp"), Self.name(5, $0 + ".deleted")] }
            + [Self.name(5, ".log.unreadable.deleted"), "partition.metadata.tmp"]
        let site = try Site(Dictionary(uniqueKeysWithValues: (plain + strange + ours).map { ($0, [1]) }))
        #expect(try site.run() == (plain + strange).sorted())
        #expect(site.names == (plain + strange).sorted())
    }

    @Test("a swap that is all there replaces the segments that its batches span, but for their snapshots")
    func completes() throws {
        let merged = try Self.batch(0, 3) + Self.batch(7, 2)
        let site = try Site([
            Self.name(0, ".log"): Self.batch(0, 4), Self.name(0, ".txnindex"): [1], Self.name(4, ".log"): [2],
            Self.name(4, ".snapshot"): [3], Self.name(4, ".timeindex"): [4], Self.name(9, ".log"): [5],
            Self.name(0, ".log.swap"): merged, Self.name(0, ".index.swap"): [6],
        ])
        let left = [
            Self.name(0, ".index"), Self.name(0, ".log"), Self.name(4, ".snapshot"), Self.name(9, ".log"),
        ]
        #expect(try site.run() == left)
        #expect(site.names == left)
        #expect(site.memory.bytes(of: "/t-0/" + Self.name(0, ".log")) == merged)
        #expect(site.memory.bytes(of: "/t-0/" + Self.name(0, ".index")) == [6])
    }

    @Test("an empty swap replaces the segment at its base only")
    func empty() throws {
        let site = try Site([
            Self.name(3, ".log"): [1], Self.name(3, ".log.swap"): [], Self.name(5, ".log"): [2],
        ])
        #expect(try site.run() == [Self.name(3, ".log"), Self.name(5, ".log")])
        #expect(site.memory.bytes(of: "/t-0/" + Self.name(3, ".log")) == [])
    }

    @Test("however often it is interrupted, by a kill or a power loss, the end is the same", arguments: Seeds.some(40))
    func interrupted(seed: UInt64) throws {
        let merged = try Self.batch(0, 3) + Self.batch(7, 2)
        for hasMark in [false, true] {
            var files: [String: [UInt8]] = [
                Self.name(0, ".log"): try Self.batch(0, 4), Self.name(0, ".txnindex"): [1],
                Self.name(4, ".log"): try Self.batch(4, 5), Self.name(9, ".log"): [],
                Self.name(0, ".log.swap"): merged, Self.name(0, ".index.swap"): [6],
                Self.name(0, ".txnindex.swap"): [7],
            ]
            if hasMark { files[Self.name(0, ".timeindex.cleaned")] = [8] }
            let calm = try Site(files)
            let expected = try calm.run()
            for deaths in 0..<10 {
                var random = SeededGenerator(seed: seed &+ UInt64(deaths))
                let site = try Site(files)
                // Later each time, so that it ends.
                for attempt in 0... {
                    site.memory.die(after: attempt / 4 + Int.random(in: 1...20, using: &random))
                    if let left = try? site.run(), !site.memory.isDead {
                        #expect(left == expected)
                        break
                    }
                    if Bool.random(using: &random) { site.memory.losePower(&random) } else { site.memory.kill() }
                }
                #expect(site.names == expected)
                for name in expected {
                    #expect(site.memory.bytes(of: "/t-0/\(name)") == calm.memory.bytes(of: "/t-0/\(name)"), "\(name)")
                }
            }
        }
    }
}
