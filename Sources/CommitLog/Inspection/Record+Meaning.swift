import Records

extension Record {
    /// What a record of one of Penstock's own topics says.
    /// - Returns: nil for other topics.
    /// - Throws: if it does not say anything that this Penstock knows.
    func meaning(in topic: String) throws(RecordError) -> [InspectedField]? {
        switch topic {
        case DataDirectory.registryTopic:
            guard let key else { throw .corrupt("a registry record without key") }
            return try Registry.Change(key: key, value: value).inspected
        case DataDirectory.positionsTopic:
            guard let key else { throw .corrupt("a positions record without key") }
            return try Self.meaning(PositionsKey(decoding: key), value)
        default: return nil
        }
    }

    private static func meaning(
        _ key: PositionsKey, _ value: [UInt8]?
    ) throws(RecordError) -> [InspectedField] {
        switch key {
        case .position(let file) where file.isPassingOver:
            return [InspectedField("position_of", file.pipeline), InspectedField("passes_over", value != nil)]
        case .position(let file):
            let name = [
                InspectedField("position_of", file.pipeline), InspectedField("source", file.source),
                InspectedField("device", file.device), InspectedField("inode", file.inode),
                InspectedField("generation", file.generation),
            ]
            guard let value else { return name + [InspectedField("forgotten", true)] }
            return name + (try SourcePosition(decoding: value)).inspected
        case .commit(let pipeline):
            guard let value else { throw .corrupt("a commit record without value") }
            let record = try CommitRecord(pipeline: pipeline, decoding: value)
            return [
                InspectedField("commit_of", pipeline), InspectedField("synced", record.synced),
                InspectedField("ends", .list(record.ends.map { .fields($0.inspected) })),
            ]
        }
    }
}

extension CommitRecord.End {
    fileprivate var inspected: [InspectedField] {
        [
            InspectedField("topic_id", topic), InspectedField("partition", partition), InspectedField("end", end),
            InspectedField("crc", hexadecimal: crc),
        ]
    }
}

extension SourcePosition {
    /// What its key does not say already.
    fileprivate var inspected: [InspectedField] {
        var fields = [
            InspectedField("path", path), InspectedField("offset", offset), InspectedField("lines", lines),
            InspectedField("head_bytes", headLength), InspectedField("head_hash", String(headHash, radix: 16)),
            InspectedField("tail_bytes", tailLength), InspectedField("tail_hash", String(tailHash, radix: 16)),
            InspectedField("errors", errors), InspectedField("abandoned_bytes", abandonedBytes),
        ]
        if !abandoned.isEmpty {
            let ranges = abandoned.map { range in
                InspectedValue.fields([
                    InspectedField("from", range.from), InspectedField("to", range.to),
                    InspectedField("cause", range.cause),
                ])
            }
            fields.append(InspectedField("abandoned", .list(ranges)))
        }
        if !state.isEmpty { fields.append(InspectedField("state", state)) }
        return fields
    }
}

extension Registry.Change {
    fileprivate var inspected: [InspectedField] {
        switch self {
        case .topic(let id, let entry):
            let settings = entry.configuration.sorted { $0.key < $1.key }
            var fields = [
                InspectedField("topic", entry.name), InspectedField("topic_id", id),
                InspectedField("partitions", entry.partitions),
                InspectedField("settings", .fields(settings.map { InspectedField($0.key, $0.value) })),
            ]
            if entry.isInternal { fields.append(InspectedField("internal", true)) }
            if entry.isAdopted {
                let ends = entry.adoptedEnds.map { InspectedValue.integer($0) }
                fields.append(InspectedField("adopted_ends", .list(ends)))
            }
            return fields
        case .topicDeleted(let id): return [InspectedField("topic_deleted", id)]
        case .pipeline(let name, let producer):
            return [
                InspectedField("pipeline", name), InspectedField("producer_id", producer.id),
                InspectedField("producer_epoch", producer.epoch),
            ]
        case .producerIDs(let next): return [InspectedField("next_producer_id", next)]
        case .leaderEpoch(let epoch): return [InspectedField("leader_epoch", epoch)]
        }
    }
}
