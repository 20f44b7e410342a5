import Records

/// Checkpoints and the other files of text.
extension LogDump {
    mutating func tellCheckpoint(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        guard let bytes = try text(file, open, size, limit: OffsetCheckpoint.sizeLimit) else { return }
        let checkpoint: OffsetCheckpoint
        do throws(RecordError) { checkpoint = try OffsetCheckpoint(text: bytes) } catch {
            return try damage(file.path, nil, "\(error)")
        }
        for (key, offset) in checkpoint.offsets.sorted(by: { $0.key < $1.key }) {
            try emit(
                InspectedItem(
                    .checkpoint,
                    [
                        InspectedField("topic", key.topic), InspectedField("partition", key.partition),
                        InspectedField("offset", offset),
                    ]))
        }
    }

    mutating func tellEpochs(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        guard let bytes = try text(file, open, size, limit: LeaderEpochs.sizeLimit) else { return }
        guard let epochs = LeaderEpochs(text: String(decoding: bytes, as: UTF8.self)) else {
            return try damage(file.path, nil, LeaderEpochs.complaint)
        }
        for entry in epochs.entries {
            try emit(
                InspectedItem(
                    .epoch, [InspectedField("epoch", entry.epoch), InspectedField("start_offset", entry.start)]))
        }
    }

    /// Lines of `name=value` or `name: value`; others are shown as they are.
    mutating func tellProperties(_ file: InspectedFile, _ open: any DiskFile, _ size: Int64) throws {
        guard let bytes = try text(file, open, size, limit: 1 << 20) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            try emit(InspectedItem(.property, Self.property(line, file.kind)))
        }
        if let complaint = file.complaint(about: bytes) { try damage(file.path, nil, complaint) }
    }

    private static func property(_ line: Substring, _ kind: InspectedFile.Kind) -> [InspectedField] {
        let separator: Character = kind == .metadata ? ":" : "="
        guard kind != .text, !line.hasPrefix("#"), let place = line.firstIndex(of: separator) else {
            return [InspectedField("line", String(line))]
        }
        let value = line[line.index(after: place)...].drop { $0 == " " }
        return [InspectedField("name", String(line[..<place])), InspectedField("value", String(value))]
    }

    private mutating func text(
        _ file: InspectedFile, _ open: any DiskFile, _ size: Int64, limit: Int
    ) throws -> [UInt8]? {
        guard size <= limit else {
            try damage(file.path, nil, "\(size) bytes are more than \(limit)")
            return nil
        }
        return try open.readBytes(at: 0, count: Int(size))
    }
}

extension InspectedFile {
    /// What is wrong with the text of a properties file, nil if nothing is.
    func complaint(about bytes: [UInt8]) -> String? {
        switch kind {
        case .metadata:
            let isKnown = String(decoding: bytes, as: UTF8.self).hasPrefix("version: 0\n")
            if isKnown, PartitionPlace.topicID(in: bytes) != nil { return nil }
            return "it is not a line `version: 0` and a line `topic_id:` with an id of 22 characters"
        case .properties:
            do throws(RecordError) {
                _ = try MetaProperties(text: String(decoding: bytes, as: UTF8.self))
                return nil
            } catch {
                return "\(error)"
            }
        case .log, .index, .timeindex, .txnindex, .snapshot, .checkpoint, .leaderEpochs, .text: return nil
        }
    }
}
