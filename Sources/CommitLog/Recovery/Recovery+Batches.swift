import Records

/// Reads our own topics, which must be read from their beginning: also what lies below the recovery point, and may have
/// rotted there.
extension Recovery {
    /// Decodes the batches of a partition of ours that begin at or after an offset, in order.
    /// - Returns: what of them cannot be read, if there is such. What cannot be told apart behind it is left out.
    func forEachBatch(
        _ key: Key, from offset: Offset, _ body: (BatchHeader, [Record]) throws(DiskError) -> Void
    ) throws(DiskError) -> String? {
        guard let scan = found[key]?.scan else { return nil }
        var damage: String?
        for segment in scan.segments where segment.nextOffset > offset {
            let start = offset >= scan.trusted ? segment.trustedSize : 0
            let found = try forEachBatch(segment, from: start) { (header, records) throws(DiskError) in
                if header.baseOffset >= offset { try body(header, records) }
            }
            damage = damage ?? found
        }
        return damage
    }

    private func forEachBatch(
        _ segment: ScannedSegment, from start: Int64, _ body: (BatchHeader, [Record]) throws(DiskError) -> Void
    ) throws(DiskError) -> String? {
        let file = try disk.open(segment.stem + ".log", .read)
        var scanner = BatchScanner(file, from: start, to: segment.validSize, checksCRC: false)
        var damage: String?
        var next = segment.base
        while true {
            let place = "\(file.path), byte \(scanner.position)"
            switch try scanner.next() {
            case .end: return damage
            case .bad(let reason): return damage ?? "\(place): \(reason)"
            case .batch(let batch):
                let bytes = try file.readBytes(at: batch.position, count: batch.size)
                switch Self.decode(bytes, within: next..<segment.nextOffset) {
                case .failure(let error): damage = damage ?? "\(place): \(error)"
                case .success(let (header, records)):
                    next = header.nextOffset
                    try body(header, records)
                }
            }
        }
    }

    private static func decode(
        _ bytes: [UInt8], within offsets: Range<Offset>
    ) -> Result<(BatchHeader, [Record]), RecordError> {
        do throws(RecordError) {
            let (header, records) = try RecordBatch.decode(bytes.rawSpan, limit: 128 << 20)
            // They stand outside of the checksum.
            guard header.baseOffset >= offsets.lowerBound, header.nextOffset <= offsets.upperBound else {
                throw .corrupt("offsets \(header.baseOffset) to \(header.lastOffset), not within \(offsets)")
            }
            return .success((header, records))
        } catch {
            return .failure(error)
        }
    }

    /// Takes what rotted below the recovery point out of a partition of ours, so that it is met once.
    mutating func bridgeRot(_ key: Key) throws(DiskError) {
        guard var partition = found[key] else { return }
        partition.known = max(partition.known, partition.scan.logEnd)
        partition.rules.recoveryPoint = 0
        partition.rules.isStrict = true
        // Compaction works here, and everything was read once.
        partition.rules.isLenient = true
        let candidate = Candidate(place: partition.place, rules: partition.rules)
        var lost: [RecoveryReport.Damage] = []
        partition.scan = try Self.scan(candidate, disk, &lost)
        tell(partition.scan, lost)
        found[key] = partition
        _ = try repairDamage(key)
        try makeDurable(key)
    }
}
