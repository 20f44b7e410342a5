import CommitLog
import Records

/// What must hold after every opening.
extension HistoryModel {
    /// Compares with what an opening found, then takes that for the truth.
    /// - Returns: what is wrong, nil if nothing.
    mutating func check(_ directory: DataDirectory, powerLost: Bool) throws -> String? {
        var kept: [Int: Set<Place>] = [:]
        for name in topics.keys.sorted() {
            guard let found = directory.topic(named: name) else {
                guard uncertain.contains(name) else { return "topic \(name) is gone" }
                forget(topic: name)
                continue
            }
            if let problem = settle(name, found) { return problem }
            for (index, partition) in found.partitions.enumerated() {
                let place = Place(topic: name, partition: index)
                if let problem = try check(partition, place, powerLost, &kept) { return "\(name)-\(index) \(problem)" }
            }
        }
        for topic in directory.topics() where topics[topic.name] == nil && !topic.name.hasPrefix("__penstock") {
            guard uncertain.contains(topic.name) else { return "topic \(topic.name) came back" }
            guard topic.partitions.allSatisfy({ $0.logEnd == 0 }) else {
                return "\(topic.name), half made, has records"
            }
            topics[topic.name] = TopicModel(partitions: topic.partitions.count, configuration: topic.configuration)
        }
        uncertain = []
        return try checkRounds(directory, kept)
    }

    /// A topic has the settings and the partitions of its last change, or of one that failed.
    private mutating func settle(_ name: String, _ found: Topic) -> String? {
        let count = found.partitions.count
        guard topics[name]!.counts.contains(count) else { return "\(name) has \(count) partitions" }
        guard topics[name]!.configurations.contains(found.configuration) else {
            return "\(name) is configured as \(found.configuration)"
        }
        topics[name]!.configurations = [found.configuration]
        topics[name]!.counts = [count]
        while topics[name]!.partitions.count < count { topics[name]!.partitions.append(PartitionModel()) }
        return nil
    }

    // MARK: - One partition

    private mutating func check(
        _ partition: Partition, _ place: Place, _ powerLost: Bool, _ kept: inout [Int: Set<Place>]
    ) throws -> String? {
        let topic = topics[place.topic]!
        var model = topic.partitions[place.partition]
        let (start, end) = (partition.logStart, partition.logEnd)
        let cleaned = topic.isCompacted ? model.cleaned : 0
        // A first segment of which a compaction left nothing goes with the next opening.
        let latest = topic.isTrimmed ? end : max(model.begins.upperBound, cleaned)
        guard start >= model.begins.lowerBound, start <= latest else {
            return "begins at \(start), not in \(model.begins)"
        }
        let lost = model.entries.drop { $0.end <= end }
        for entry in lost {
            if entry.isSynced { return "lost synced \(entry.values)" }
            if entry.answer != nil && !powerLost { return "lost answered \(entry.values)" }
        }
        let there = model.entries.dropLast(lost.count)
        let known = there.last?.end ?? model.entries.first?.base ?? model.end
        guard known == end else { return "ends at \(end), and its last append at \(known)" }
        if let problem = try compare(
            partition, there, start > model.begins.upperBound && cleaned > 0 ? model.begins.lowerBound : start, cleaned)
        {
            return problem
        }
        if let problem = checkProducers(partition, there, lost, model) { return problem }
        model.entries = []
        for entry in there {
            guard entry.end > start else {
                if entry.producer.id >= 0 { model.deletedProducers.insert(entry.producer.id) }
                if let round = entry.round { rounds[round]?.parts.remove(place) }
                continue
            }
            model.entries.append(entry)
            if let round = entry.round { kept[round, default: []].insert(place) }
        }
        model.end = end
        model.cleaned = min(model.cleaned, end)
        model.begins = start...start
        topics[place.topic]!.partitions[place.partition] = model
        return nil
    }

    /// Every record that can be read was written at its offset; and only what a compaction may take is missing.
    private func compare(
        _ partition: Partition, _ entries: ArraySlice<Entry>, _ start: Offset, _ cleaned: Offset
    ) throws -> String? {
        var written: [(offset: Offset, text: String)] = []
        var newest: [String: Offset] = [:]
        for entry in entries {
            for (number, text) in entry.values.enumerated() where entry.base + Offset(number) >= start {
                written.append((entry.base + Offset(number), text))
                if let key = HistoryRecord.key(text) { newest[key] = entry.base + Offset(number) }
            }
        }
        var found = try partition.texts()[...]
        var outdated: [String] = []
        var vanished: Set<String> = []
        for record in written {
            if let next = found.first, next.offset == record.offset {
                guard next.text == record.text else { return "has \(next.text) at \(next.offset), not \(record.text)" }
                found = found.dropFirst()
                if let key = HistoryRecord.key(record.text), newest[key] != record.offset { outdated.append(key) }
                continue
            }
            guard record.offset < cleaned, let key = HistoryRecord.key(record.text) else {
                return "lacks \(record.text) at \(record.offset)"
            }
            guard newest[key] == record.offset else { continue }
            guard HistoryRecord.isTombstone(record.text) else { return "lacks \(record.text), the newest of its key" }
            vanished.insert(key)
        }
        if let first = found.first { return "has \(first.text) at \(first.offset), which nobody wrote" }
        if let key = outdated.first(where: vanished.contains) { return "brings back \(key), which was deleted" }
        return nil
    }

    /// Each producer goes on behind its last batch that is there.
    private func checkProducers(
        _ partition: Partition, _ there: ArraySlice<Entry>, _ lost: ArraySlice<Entry>, _ model: PartitionModel
    ) -> String? {
        var next: [Int64: Int32] = [:]
        for entry in lost where !model.deletedProducers.contains(entry.producer.id) { next[entry.producer.id] = 0 }
        for entry in there {
            next[entry.producer.id] =
                entry.end > partition.logStart ? entry.producer.baseSequence + Int32(entry.values.count) : nil
        }
        for (id, sequence) in next.sorted(by: { $0.key < $1.key }) where id >= 0 {
            let found = partition.nextSequence(producerId: id, epoch: 0)
            if found != sequence { return "expects sequence \(found) of producer \(id), which comes with \(sequence)" }
        }
        return nil
    }

    // MARK: - Rounds

    /// Each is there whole or not at all, none without those before it, and the positions are those of the last.
    private mutating func checkRounds(_ directory: DataDirectory, _ kept: [Int: Set<Place>]) throws -> String? {
        var last: [String: Int64] = [:]
        var missing: Int?
        for (number, round) in rounds.sorted(by: { $0.key < $1.key }) {
            let there = kept[number] ?? []
            if there.isEmpty && !round.parts.isEmpty {
                if round.isSynced { return "round \(number) was synced and is gone" }
                missing = missing ?? number
                rounds[number] = nil
                continue
            }
            guard there == round.parts else {
                return "round \(number) is there in part: \(there), not in \(round.parts)"
            }
            if round.parts.isEmpty {
                // Its records are gone with their topics or segments: the position alone tells whether it counts.
                let found = directory.positions(pipeline: round.pipeline).map(\.position.offset).max() ?? -1
                if found < round.offset {
                    if round.isSynced { return "the position of round \(number) was synced and is gone" }
                    rounds[number] = nil
                    continue
                }
            } else if let missing {
                return "round \(number) is there, but round \(missing) before it is not"
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
}
