import Glibc
import Records

/// What is taken on trust, because a checkpoint says that it was durable.
extension PartitionScan {
    /// A segment's log, as the directory shows it.
    struct SegmentFile {
        var base: Offset
        var size: Int64
    }

    /// The segments' files, in order. Empty ones in the middle, which a failed roll left, are removed, and so are indexes
    /// without a log. An empty first one stays where the log was not durable yet: its records are missing, and what
    /// follows must not pass for a log that begins later.
    static func segmentFiles(
        _ names: [String], _ directory: String, _ disk: Disk, _ rules: Rules
    ) throws(DiskError) -> [SegmentFile] {
        var files: [SegmentFile] = []
        var parts: [(base: Offset, name: String)] = []
        for name in names {
            guard let part = SwapCompletion.part(name, ""), Segment.suffixes.contains(part.suffix) else { continue }
            guard part.suffix == ".log" else {
                parts.append((part.base, name))
                continue
            }
            let size = try disk.status("\(directory)/\(name)").size
            files.append(SegmentFile(base: part.base, size: size))
        }
        files.sort { $0.base < $1.base }
        let last = files.last
        let durable = rules.isStrict && !rules.isLenient ? max(rules.recoveryPoint, rules.adoptedEnd) : .max
        let first = files.first?.base
        for file in files.dropLast() where file.size == 0 && (file.base != first || file.base < durable) {
            try disk.removeIfThere(Segment.stem(directory, file.base) + ".log")
            files.removeAll { $0.base == file.base }
        }
        if let last, last.size == 0, files.count > 1, last.base < rules.recoveryPoint {
            // The log was known to reach beyond its base.
            try disk.removeIfThere(Segment.stem(directory, last.base) + ".log")
            files.removeLast()
        }
        let bases = Set(files.map(\.base))
        for part in parts where !bases.contains(part.base) && !part.name.hasSuffix(ProducerSnapshot.suffix) {
            try disk.removeIfThere("\(directory)/\(part.name)")
        }
        return files
    }

    /// Takes the segments that lie wholly below the recovery point as they are.
    /// - Returns: the place of the first that does not.
    mutating func trust(_ files: [SegmentFile], _ rules: Rules) -> Int {
        var place = 0
        while place + 1 < files.count, files[place + 1].size > 0, files[place + 1].base <= rules.recoveryPoint {
            var segment = ScannedSegment(files[place], directory, rules)
            segment.trust(upTo: files[place + 1].base, bytes: segment.fileSize)
            segments.append(segment)
            place += 1
        }
        return place
    }

    /// Finds the recovery point in the segment that holds it: from the last index entry below it on, or from the
    /// segment's beginning if the index does not lead there.
    /// - Returns: the segment, known up to the recovery point; nil if it is not there.
    func resume(_ file: SegmentFile, _ disk: Disk, _ rules: Rules) throws(DiskError) -> ScannedSegment? {
        guard file.base < rules.recoveryPoint, file.size > 0 else { return nil }
        var segment = ScannedSegment(file, directory, rules)
        if let index = try indexes(of: segment, disk, rules) {
            segment.builder = index.builder
            segment.validSize = index.position
            if try segment.walk(to: rules.recoveryPoint, disk) { return segment }
            segment = ScannedSegment(file, directory, rules)
        }
        return try segment.walk(to: rules.recoveryPoint, disk) ? segment : nil
    }

    /// An index that cannot be read is made again, as one that is missing.
    private func indexes(
        of segment: ScannedSegment, _ disk: Disk, _ rules: Rules
    ) throws(DiskError) -> IndexBuilder.Resumption? {
        do throws(DiskError) {
            return try IndexBuilder.resume(
                stem: segment.stem, base: segment.base, below: rules.recoveryPoint, size: segment.fileSize,
                interval: rules.settings.indexIntervalBytes, disk: disk)
        } catch {
            guard !error.isOfTheProcess else { throw error }
            return nil
        }
    }

    /// Reads what stands beside the log about everything below ``trusted``, and the headers from where that ends on.
    mutating func recall(_ known: ScannedSegment?, _ disk: Disk, _ rules: Rules) throws(DiskError) {
        let start = segments.first?.base ?? known?.base ?? trusted
        let epochsFrom = try recallEpochs(start, disk)
        var producersFrom = start
        let snapshot = try ProducerSnapshot.newest(
            of: snapshots, in: directory, atOrBelow: max(trusted, start), limit: rules.producersLimit, disk: disk)
        if let snapshot {
            producers = snapshot.table
            producersFrom = snapshot.offset
            snapshotEnd = snapshot.offset
        }
        let from = min(epochsFrom, producersFrom)
        guard from < trusted else { return }
        for segment in segments + (known.map { [$0] } ?? []) where segment.nextOffset > from {
            scannedBytes += try Self.walk(segment, from: from, disk) { batch in
                guard let header = batch.header else { return }
                if batch.baseOffset >= producersFrom {
                    _ = producers.record(header, batch.marker)
                    if header.hasProducer { snapshotEnd = nil }
                }
                if batch.baseOffset >= epochsFrom {
                    _ = epochs.note(header.partitionLeaderEpoch, at: batch.baseOffset)
                }
            }
        }
    }

    /// Finds the aborted transactions of the segments that lie below ``trusted`` and have no offset index. A transaction index
    /// that is missing means that there are none; but whoever took one took the other (Kafka reads such a segment again).
    mutating func recallAborted(
        _ known: inout ScannedSegment?, _ names: [String], _ disk: Disk, _ rules: Rules
    ) throws(DiskError) {
        let indexed = Set(names.compactMap { SwapCompletion.part($0, "") }.filter { $0.suffix == ".index" }.map(\.base))
        var below = segments + (known.map { [$0] } ?? [])
        guard let first = below.first(where: { !indexed.contains($0.base) }) else { return }
        let snapshot = try ProducerSnapshot.newest(
            of: snapshots, in: directory, atOrBelow: first.base, limit: rules.producersLimit, disk: disk)
        var table = snapshot?.table ?? ProducerTable(limit: rules.producersLimit)
        let from = snapshot?.offset ?? below[0].base
        for place in below.indices where below[place].nextOffset > from {
            var aborted: [AbortedTransaction] = []
            scannedBytes += try Self.walk(below[place], from: from, disk) { batch in
                guard let header = batch.header, let ended = table.record(header, batch.marker)?.aborted else { return }
                aborted.append(ended)
            }
            guard !indexed.contains(below[place].base) else { continue }
            below[place].aborted = aborted
            below[place].hasLostIndexes = true
        }
        if known != nil { known = below.removeLast() }
        segments = below
    }

    /// - Returns: from where on the epochs are not known; ``trusted`` if the file has them all.
    private mutating func recallEpochs(_ start: Offset, _ disk: Disk) throws(DiskError) -> Offset {
        guard trusted > start else { return trusted }
        let text = try disk.readFile("\(directory)/\(LeaderEpochs.fileName)", limit: 1 << 20)
        guard let text, let there = LeaderEpochs(text: String(decoding: text, as: UTF8.self)) else {
            epochsChanged = true
            return start
        }
        epochs = there
        epochs.cut(at: trusted)
        epochsChanged = epochs != there
        return trusted
    }

    /// Walks the headers of the batches from an offset on, up to where the segment is known. Damage ends the walk: who
    /// reads the batches will meet it.
    /// - Returns: how many bytes that were.
    private static func walk(
        _ segment: ScannedSegment, from offset: Offset, _ disk: Disk, _ body: (ScannedBatch) -> Void
    ) throws(DiskError) -> Int64 {
        let file = try disk.open(segment.stem + ".log", .read)
        var start: Int64 = 0
        if offset > segment.base {
            start =
                try IndexBuilder.resume(
                    stem: segment.stem, base: segment.base, below: offset, size: segment.fileSize, interval: 0,
                    disk: disk)?.position ?? 0
        }
        var scanner = BatchScanner(file, from: start, to: segment.validSize, checksCRC: false)
        while case .batch(let batch) = try scanner.next() {
            if batch.baseOffset >= offset { body(batch) }
        }
        return max(0, segment.validSize - start)
    }
}

extension DiskError {
    /// It says nothing about the file that was tried.
    var isOfTheProcess: Bool { isOutOfDescriptors || isFull || code == ENOMEM }
}
