import CommitLog
import Records
import TestSupport
import Testing

/// One directory with a topic of three partitions and a round in it, ready for another.
struct Site {
    let memory = MemoryDisk()
    var directory: DataDirectory

    init(configuration: [String: String] = [:]) throws {
        directory = try DataDirectory.open("/d", disk: memory.disk)
        _ = try directory.createTopic("t", partitions: 3, configuration: configuration)
        try commit(1)
        try directory.sync()
    }

    var partitions: [Partition] { directory.topic(named: "t")?.partitions ?? [] }

    func round(_ number: Int64) throws -> Round {
        try directory.round(
            "p", partitions.map { ($0, [["r\(number)a\($0.index)"], ["r\(number)b\($0.index)"]]) },
            positions: [Make.position(number)])
    }

    func commit(_ number: Int64) throws { _ = try directory.append(round(number)) }

    /// The rounds that are there, which all partitions and the position must agree on.
    func rounds(sourceLocation: SourceLocation = #_sourceLocation) throws -> [Int64] {
        let found = try partitions.map { try $0.allValues().compactMap(Self.number) }
        #expect(Set(found).count == 1, "the partitions disagree: \(found)", sourceLocation: sourceLocation)
        var result: [Int64] = []
        for number in found[0] where result.last != number { result.append(number) }
        #expect(found[0].count == result.count * 2, "half a part: \(found)", sourceLocation: sourceLocation)
        let position = directory.positions(pipeline: "p").map(\.position.offset)
        #expect(position == result.last.map { [$0] } ?? [], sourceLocation: sourceLocation)
        return result
    }

    private static func number(_ value: String) -> Int64? {
        value.first == "r" ? Int64(value.dropFirst().prefix { $0.isNumber }) : nil
    }

    mutating func reopen() throws { directory = try DataDirectory.open("/d", disk: memory.disk) }
}

@Suite struct RoundTests {
    static let faults: [MemoryDisk.Fault] = [
        .fails(28), .fails(5), .fails(4), .isShort, .tears(28), .tears(5),
    ]

    @Test(
        "a round is whole or not there at all, whichever of its calls fails, and goes on afterwards", arguments: faults)
    func everyCallFails(fault: MemoryDisk.Fault) throws {
        let calls = try countCalls { try $0.commit(2) }
        #expect(calls >= 4)
        for number in 0..<calls {
            var site = try Site()
            let round = try site.round(2)
            site.memory.fail(call: number, with: fault)
            let isThere: Bool
            do {
                _ = try site.directory.append(round)
                isThere = true
            } catch {
                isThere = false
                #expect(try site.rounds() == [1], "call \(number)")
                // The very same round can be appended once the disk works again.
                _ = try site.directory.append(round)
            }
            #expect(try site.rounds() == [1, 2], "call \(number), \(isThere)")
            try site.commit(3)
            site.memory.kill()
            try site.reopen()
            #expect(try site.rounds() == [1, 2, 3], "call \(number)")
        }
    }

    @Test("a process that dies at any call of a round leaves it whole or not at all")
    func everyCallDies() throws {
        let calls = try countCalls { try $0.commit(2) }
        for number in 0...calls {
            var site = try Site()
            let round = try site.round(2)
            site.memory.die(after: number)
            _ = try? site.directory.append(round)
            site.memory.kill()
            try site.reopen()
            let found = try site.rounds()
            #expect(found == [1] || found == [1, 2], "call \(number): \(found)")
            try site.commit(3)
            #expect(try site.rounds() == found + [3])
        }
    }

    @Test("when what a failed round wrote cannot be cut back, all writing stops, and the next opening takes it away")
    func cutBackFails() throws {
        var site = try Site()
        let round = try site.round(2)
        site.memory.fail { call in
            switch call.operation {
            case .write: call.path.contains("positions") ? .tears(5) : nil
            case .truncate: .fails(5)
            default: nil
            }
        }
        #expect(throws: StorageError.self) { _ = try site.directory.append(round) }
        let reason = try #require(site.directory.stopReason)
        for word in WayOut.words + ["the next start takes it away", "/d/t-0/"] {
            #expect(reason.contains(word), "\(reason)")
        }
        site.memory.fail(when: nil)
        let error = #expect(throws: StorageError.self) { _ = try site.directory.append(round) }
        guard case .stopped? = error?.cause else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try site.rounds() == [1])
        site.memory.kill()
        try site.reopen()
        #expect(try site.rounds() == [1])
        #expect(!site.directory.recovery.cuts.isEmpty)
    }

    @Test("a full disk is said, costs nothing that was there, and is over when there is space")
    func fullDisk() throws {
        var site = try Site()
        var number: Int64 = 2
        site.memory.capacity = site.memory.used + 3000
        var full: StorageError?
        while full == nil && number < 100 {
            let round = try site.round(number)
            do {
                _ = try site.directory.append(round)
                number += 1
            } catch { full = error }
        }
        #expect(full?.isFull == true)
        #expect(full?.description.contains("No space left on device") == true)
        #expect(site.directory.stopReason == nil)
        #expect(try site.rounds() == Array(1..<number))
        site.memory.capacity = nil
        try site.commit(number)
        #expect(try site.rounds() == Array(1...number))
        site.memory.kill()
        try site.reopen()
        #expect(try site.rounds() == Array(1...number))
    }

    @Test("clients may write between rounds into the same partitions")
    func clientsBetweenRounds() throws {
        var site = try Site()
        _ = try site.directory.append(Make.batch(["c1"]), to: site.partitions[0])
        try site.commit(2)
        _ = try site.directory.append(Make.batch(["c2"]), to: site.partitions[0])
        site.memory.kill()
        try site.reopen()
        #expect(
            try site.partitions[0].allValues() == ["r1a0", "r1b0", "c1", "r2a0", "r2b0", "c2"])
        #expect(site.directory.recovery.cuts.isEmpty)
    }

    @Test("a commit record that names a deleted topic counts")
    func deletedTopic() throws {
        var site = try Site()
        let other = try site.directory.createTopic("u", partitions: 1)
        _ = try site.directory.append(
            site.directory.round("p", [(other.partitions[0], [["x"]])], positions: [Make.position(2)]))
        try site.directory.deleteTopic("u")
        _ = try site.directory.append(
            site.directory.round("p", [(site.partitions[0], [["y"]])], positions: [Make.position(3)]))
        site.memory.kill()
        try site.reopen()
        #expect(site.directory.recovery.roundsRolledBack == 0)
        #expect(try site.partitions[0].allValues().last == "y")
        #expect(site.directory.positions(pipeline: "p").map(\.position.offset) == [3])
    }

    @Test("a position that a round removes is gone, and stays gone")
    func removedPosition() throws {
        var site = try Site()
        var update = Make.position(1)
        update.remove = true
        _ = try site.directory.append(
            Round(pipeline: "p", positions: [update, Make.position(9, inode: 2)]))
        #expect(site.directory.positions(pipeline: "p").map(\.position.inode) == [2])
        site.memory.kill()
        try site.reopen()
        #expect(site.directory.positions(pipeline: "p").map(\.position.inode) == [2])
        #expect(site.directory.positions(pipeline: "q").isEmpty)
    }

    @Test("a round whose batches do not go on in their producer's sequence is refused whole")
    func wrongSequence() throws {
        let site = try Site()
        let producer = try site.directory.producer(pipeline: "p")
        let batch = try Make.batch(
            ["x"], producer: ProducerStamp(id: producer.id, epoch: producer.epoch, baseSequence: 7))
        let error = #expect(throws: StorageError.self) {
            _ = try site.directory.append(Round(pipeline: "p", parts: [(site.partitions[0], [batch])]))
        }
        #expect(error?.cause == .sequence(.outOfOrder(producer: producer.id, expected: 2, found: 7)))
        #expect(try site.rounds() == [1])
    }

    @Test("a round of eight partitions takes one write for each, and one for its commit record")
    func fewCalls() throws {
        let memory = MemoryDisk()
        let directory = try DataDirectory.open("/d", disk: memory.disk)
        let topic = try directory.createTopic("t", partitions: 8)
        for number in 1...2 {
            let round = try directory.round(
                "p", topic.partitions.map { ($0, [["a"], ["b"], ["c"]]) }, positions: [Make.position(Int64(number))])
            let before = memory.calls
            _ = try directory.append(round)
            // The first round writes each partition's leader epoch as well.
            if number == 2 { #expect(memory.calls - before == 9) }
        }
    }

    private func countCalls(_ body: (Site) throws -> Void) throws -> Int {
        let site = try Site()
        _ = try site.round(2)
        let before = site.memory.calls
        try body(site)
        return site.memory.calls - before
    }
}
