import CommitLog
import Records
import TestSupport
import Testing

/// What a data directory should hold, beside one that goes through a random history.
///
/// After a crash each partition must hold a prefix of what the model has, rounds whole or not at all and in their order,
/// and at least everything that was synced (a power loss) or everything that was answered (a kill).
struct HistoryModel {
    /// One append, to one partition or as part of a round.
    struct Entry {
        var values: [String]
        /// nil for a client's.
        var round: Int?
        /// Must survive a power loss.
        var isSynced = false
        /// When it was answered, among all answers: then it must survive a kill.
        var answer: Int?
    }

    struct TopicModel {
        var partitions: [[Entry]]
        /// By partition: records that retention took from the front, as the model knows them.
        var trimmed: [Int]

        init(partitions: Int) {
            self.partitions = Array(repeating: [], count: partitions)
            trimmed = Array(repeating: 0, count: partitions)
        }
    }

    struct RoundModel {
        var pipeline: String
        /// (topic, partition), as of the time of the round.
        var parts: [(topic: String, partition: Int)]
        var offset: Int64
        var isSynced = false
        var answer: Int?
    }

    var topics: [String: TopicModel] = [:]
    /// Names whose deletion, or creation, was under way when the process died.
    var uncertain: Set<String> = []
    var rounds: [Int: RoundModel] = [:]
    var nextRound = 0
    var nextValue = 0

    /// How many appends were answered so far: what a sync that begins now covers.
    private(set) var answers = 0

    /// The place of an answer among all of them.
    mutating func answer() -> Int {
        answers += 1
        return answers
    }

    /// A sync has succeeded that began after so many answers.
    mutating func sync(through covered: Int) {
        for name in topics.keys {
            for partition in topics[name]!.partitions.indices {
                for place in topics[name]!.partitions[partition].indices {
                    let answer = topics[name]!.partitions[partition][place].answer
                    if let answer, answer <= covered { topics[name]!.partitions[partition][place].isSynced = true }
                }
            }
        }
        for number in rounds.keys {
            if let answer = rounds[number]!.answer, answer <= covered { rounds[number]!.isSynced = true }
        }
    }

    /// Compares with what an opening found, then takes that for the truth.
    mutating func check(_ directory: DataDirectory, powerLost: Bool) throws -> String? {
        var kept: [Int: Set<String>] = [:]
        for (name, topic) in topics {
            guard let found = directory.topic(named: name) else {
                if uncertain.contains(name) {
                    forget(topic: name)
                    continue
                }
                return "topic \(name) is gone"
            }
            guard found.partitions.count == topic.partitions.count else { return "\(name) lost partitions" }
            for (index, partition) in found.partitions.enumerated() {
                let records = try partition.allRecords()
                let start = partition.logStart
                guard records.map(\.offset) == Array(start..<start + Int64(records.count)) else {
                    return "\(name)-\(index) has offsets \(records.map(\.offset))"
                }
                if let problem = trim(name, index, to: Int(start)) { return problem }
                var values = records.map { String(decoding: $0.value ?? [], as: UTF8.self) }[...]
                var entries: [Entry] = []
                for entry in topics[name]!.partitions[index] {
                    if values.prefix(entry.values.count) == entry.values[...] {
                        values = values.dropFirst(entry.values.count)
                        entries.append(entry)
                        if let round = entry.round { kept[round, default: []].insert("\(name)-\(index)") }
                        continue
                    }
                    if entry.isSynced { return "\(name)-\(index) lost synced \(entry.values)" }
                    if entry.answer != nil && !powerLost { return "\(name)-\(index) lost answered \(entry.values)" }
                    break
                }
                guard values.isEmpty else { return "\(name)-\(index) has more than was written: \(Array(values))" }
                topics[name]!.partitions[index] = entries
            }
        }
        for topic in directory.topics() where !topic.isInternal && topics[topic.name] == nil {
            guard uncertain.contains(topic.name) else { return "topic \(topic.name) came back" }
            guard try topic.partitions.allSatisfy({ try $0.allValues().isEmpty }) else {
                return "\(topic.name), half made, has records"
            }
            topics[topic.name] = TopicModel(partitions: topic.partitions.count)
        }
        uncertain = []
        return try checkRounds(directory, kept, powerLost)
    }

    /// Takes note that retention deleted what lies before an offset. Rounds lose that part.
    private mutating func trim(_ name: String, _ index: Int, to start: Int) -> String? {
        while topics[name]!.trimmed[index] < start {
            guard !topics[name]!.partitions[index].isEmpty else { return "\(name)-\(index) begins at \(start)" }
            let entry = topics[name]!.partitions[index].removeFirst()
            topics[name]!.trimmed[index] += entry.values.count
            guard let round = entry.round else { continue }
            rounds[round]?.parts.removeAll { $0.topic == name && $0.partition == index }
        }
        return topics[name]!.trimmed[index] == start ? nil : "\(name)-\(index) begins inside of an append"
    }

    private mutating func checkRounds(
        _ directory: DataDirectory, _ kept: [Int: Set<String>], _ powerLost: Bool
    ) throws -> String? {
        var last: [String: Int64] = [:]
        var ended = false
        for (number, round) in rounds.sorted(by: { $0.key < $1.key }) {
            let there = kept[number] ?? []
            let parts = round.parts.filter { topics[$0.topic] != nil && stillHas($0.topic, number) }
            if there.isEmpty && !parts.isEmpty {
                if round.isSynced { return "round \(number) was synced and is gone" }
                ended = true
                rounds[number] = nil
                continue
            }
            guard there.count == parts.count else { return "round \(number) is there in part: \(there.sorted())" }
            if parts.isEmpty {
                // Its records are gone with their topics or segments: the position alone tells whether it counts.
                let found = directory.positions(pipeline: round.pipeline).map(\.position.offset).max() ?? -1
                if found < round.offset {
                    if round.isSynced { return "the position of round \(number) was synced and is gone" }
                    rounds[number] = nil
                    continue
                }
            } else if ended {
                return "round \(number) is there, but one before it is not"
            }
            last[round.pipeline] = round.offset
        }
        for pipeline in ["p", "q"] {
            let found = directory.positions(pipeline: pipeline).map(\.position.offset)
            let expected = last[pipeline].map { [$0] } ?? []
            guard found == expected else { return "\(pipeline) is at \(found), its records are at \(expected)" }
        }
        return nil
    }

    /// Whether a topic of this name is the one that the round wrote to, not one made anew.
    private func stillHas(_ topic: String, _ round: Int) -> Bool { writtenTo[round]?.contains(topic) ?? false }

    /// By round: topics that have not been deleted since.
    var writtenTo: [Int: Set<String>] = [:]

    mutating func forget(topic: String) {
        topics[topic] = nil
        for round in writtenTo.keys { writtenTo[round]!.remove(topic) }
    }
}
