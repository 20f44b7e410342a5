import CommitLog
import Records
import TestSupport
import Testing

private let noVectors = Comment(rawValue: Shared.missing)

/// `penstock log dump`, below its command.
@Suite struct DumpTests {
    @Test("tells every record of a generated log at its offset, and what stands beside it", arguments: Seeds.some(6))
    func model(seed: UInt64) throws {
        let log = try GeneratedLog(seed: seed)
        try log.directory.close()
        for (place, values) in log.values.enumerated() {
            let items = try Inspection.dump("/d/t-\(place)", log.memory.disk)
            #expect(!items.contains { $0.kind == .damage })
            let records = items.filter { $0.kind == .record }
            #expect(records.map { $0.text("value") } == values)
            #expect(records.compactMap { $0.integer("offset") } == Array(0..<Int64(values.count)))
            #expect(items.filter { $0.kind == .batch }.reduce(0) { $0 + ($1.integer("records") ?? 0) } == values.count)
            let batches = Set(items.filter { $0.kind == .batch }.compactMap { $0.integer("last_offset") })
            let entries = items.filter { $0.kind == .offset || $0.kind == .time }.compactMap { $0.integer("offset") }
            #expect(values.isEmpty || !entries.isEmpty)
            #expect(batches.isSuperset(of: entries))
        }
        let all = try Inspection.dump("/d", log.memory.disk)
        #expect(!all.contains { $0.kind == .damage })
        let files = all.filter { $0.kind == .file }.compactMap { $0.text("path") }
        for name in ["meta.properties", "recovery-point-offset-checkpoint", "t-0/partition.metadata"] {
            #expect(files.contains("/d/\(name)"), "\(name)")
        }
    }

    @Test("tells what Penstock's own records mean", arguments: Seeds.some(3))
    func meanings(seed: UInt64) throws {
        let log = try GeneratedLog(seed: seed)
        let positions = try Inspection.dump("/d/__penstock_positions-0", log.memory.disk)
        var last: [Int64: Int64] = [:]
        var commits = 0
        for item in positions where item.kind == .record {
            guard case .fields(let fields)? = item["means"] else {
                Issue.record("no meaning: \(item)")
                continue
            }
            let means = InspectedItem(.record, fields)
            if means.text("commit_of") == "p" {
                commits += 1
            } else if let inode = means.integer("inode"), let offset = means.integer("offset") {
                #expect(means.text("position_of") == "p" && means.text("path") == "/var/log/x")
                last[inode] = offset
            }
        }
        #expect(last == Dictionary(uniqueKeysWithValues: log.positions.map { (Int64($0.key), $0.value) }))
        #expect(commits >= log.positions.count)
        let registry = try Inspection.dump("/d/__penstock_topics-0", log.memory.disk)
        let names = registry.compactMap { item -> String? in
            guard case .fields(let fields)? = item["means"] else { return nil }
            return InspectedItem(.record, fields).text("topic")
        }
        #expect(names == ["t"])
    }

    @Test("tells only what lies in a range of offsets")
    func range() throws {
        let log = try GeneratedLog(seed: 3)
        var options = LogDump.Options()
        (options.from, options.until) = (10, 20)
        let items = try Inspection.dump("/d/t-0", log.memory.disk, options: options)
        #expect(items.filter { $0.kind == .record }.compactMap { $0.integer("offset") } == Array(10..<20))
        for batch in items where batch.kind == .batch {
            let (first, last) = (batch.integer("base_offset") ?? -1, batch.integer("last_offset") ?? -1)
            #expect(first < 20 && last >= 10)
        }
        options.records = false
        #expect(try !Inspection.dump("/d/t-0", log.memory.disk, options: options).contains { $0.kind == .record })
    }

    @Test("tells every file that Kafka wrote", .enabled(if: Shared.directory != nil, noVectors))
    func kafkaDirectory() throws {
        let memory = MemoryDisk()
        try Inspection.copy("vectors/partition-dir/t1-0", to: "/k/t1-0", on: memory)
        let items = try Inspection.dump("/k/t1-0", memory.disk)
        #expect(!items.contains { $0.kind == .damage })
        #expect(items.filter { $0.kind == .record }.compactMap { $0.integer("offset") } == Array(0..<45))
        let aborted = items.filter { $0.kind == .aborted }
        #expect(aborted.map { [$0.integer("first_offset"), $0.integer("last_offset")] } == [[39, 41]])
        #expect(
            items.filter { $0.kind == .epoch }.map { [$0.integer("epoch"), $0.integer("start_offset")] } == [
                [0, 0], [1, 36],
            ])
        #expect(items.filter { $0.text("marker") != nil }.map { $0.text("marker") } == ["abort", "commit"])
        #expect(
            Set(items.filter { $0.kind == .producer }.compactMap { $0.integer("producer_id") }) == [4242, 5000, 9999])
        try Inspection.copy("vectors/index-files", to: "/k/i", on: memory)
        let entries = try Inspection.dump("/k/i/00000000000000001000.index", memory.disk).dropFirst()
        #expect(
            entries.map { [$0.integer("offset"), $0.integer("position")] } == [
                [1009, 0], [1019, 4200], [1033, 8500],
            ])
        let times = try Inspection.dump("/k/i/00000000000000001000.timeindex", memory.disk).dropFirst()
        #expect(times.map { $0.integer("offset") } == [1009, 1019, 1033])
        #expect(try Inspection.dump("/k/i/00000000000000001000.txnindex", memory.disk).count == 3)
        #expect(try Inspection.dump("/k/i/00000000000000001040.snapshot", memory.disk).count == 3)
    }

    @Test("goes on behind a damaged place, and says where it is and why")
    func damage() throws {
        let log = try GeneratedLog(seed: 1)
        let whole = try Inspection.dump("/d/t-0", log.memory.disk).filter { $0.kind == .batch }
        let batch = try #require(whole.first { ($0.integer("bytes") ?? 0) > 100 && $0.integer("position") ?? 0 > 0 })
        let path = "/d/t-0/00000000000000000000.log"
        let position = try #require(batch.integer("position"))
        try log.memory.disk.open(path, .readWrite).write([0xff, 0xff], at: position + 70)
        let items = try Inspection.dump("/d/t-0", log.memory.disk)
        let found = try #require(items.first { $0.kind == .damage })
        #expect(found.text("path") == path && found.integer("position") == position)
        #expect(found.text("reason")?.contains("checksum mismatch") == true)
        #expect(items.count { $0.kind == .batch } == whole.count - 1)
    }
}
