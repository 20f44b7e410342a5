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
        let epochsFrom = try recallEpochs(start, disk, rules)
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
                if batch.baseOffset >= epochsFrom { _ = noteEpoch(of: header, rules) }
            }
        }
    }

    /// Finds the aborted transactions of the segments that lie below ``trusted`` and have no offset index. A transaction index
    /// that is missing means that there are none; but whoever took one took the other (Kafka reads such a segment again).
    /// One that is there and cannot be read is made again after an unclean stop.
    mutating func recallAborted(
        _ known: inout ScannedSegment?, _ names: [String], _ disk: Disk, _ rules: Rules
    ) throws(DiskError) {
        let parts = names.compactMap { SwapCompletion.part($0, "") }
        let indexed = Set(parts.filter { $0.suffix == Segment.indexSuffix }.map(\.base))
        let aborting = rules.isStrict ? Set(parts.filter { $0.suffix == TransactionIndex.suffix }.map(\.base)) : []
        var below = segments + (known.map { [$0] } ?? [])
        var lost: [Int] = []
        for (place, segment) in below.enumerated() {
            if !indexed.contains(segment.base) {
                lost.append(place)
            } else if aborting.contains(segment.base), try Self.isRotten(segment, below: trusted, disk) {
                lost.append(place)
            }
        }
        guard let first = lost.first, let last = lost.last else { return }
        let snapshot = try ProducerSnapshot.newest(
            of: snapshots, in: directory, atOrBelow: below[first].base, limit: rules.producersLimit, disk: disk)
        var table = snapshot?.table ?? ProducerTable(limit: rules.producersLimit)
        let from = snapshot?.offset ?? below[0].base
        for place in below.indices.prefix(through: last) where below[place].nextOffset > from {
            var segment = below[place]
            let isLost = lost.contains(place)
            var end: Int64 = 0
            scannedBytes += try Self.walk(below[place], from: from, disk) { batch in
                end = batch.position + Int64(batch.size)
                if isLost && place < segments.count { segment.builder.take(batch) }
                guard let header = batch.header, let ended = table.record(header, batch.marker)?.aborted else { return }
                segment.aborted.append(ended)
            }
            // Behind damage there may be more.
            guard isLost, end == segment.validSize else { continue }
            segment.hasLostIndexes = true
            below[place] = segment
        }
        if known != nil { known = below.removeLast() }
        segments = below
    }

    /// Whether a transaction index cannot be read up to an offset.
    private static func isRotten(
        _ segment: ScannedSegment, below offset: Offset, _ disk: Disk
    ) throws(DiskError) -> Bool {
        let bytes = try disk.readFile(segment.stem + TransactionIndex.suffix, limit: Int(Int32.max)) ?? []
        return (try? TransactionIndex.entries(of: bytes, below: offset)) == nil
    }

    /// Takes note of a batch's epoch. It stands outside of the checksum: one that nobody was given is not believed.
    /// - Returns: whether it is new.
    mutating func noteEpoch(of header: BatchHeader, _ rules: Rules) -> Bool {
        guard header.partitionLeaderEpoch <= rules.highestEpoch || header.baseOffset < rules.adoptedEnd else {
            return false
        }
        return epochs.note(header.partitionLeaderEpoch, at: header.baseOffset)
    }

    /// - Returns: from where on the epochs are not known; ``trusted`` if the file has them all.
    private mutating func recallEpochs(
        _ start: Offset, _ disk: Disk, _ rules: Rules
    ) throws(DiskError) -> Offset {
        guard trusted > start else { return trusted }
        let text = try disk.readFile("\(directory)/\(LeaderEpochs.fileName)", limit: 1 << 20)
        guard let text, let there = LeaderEpochs(text: String(decoding: text, as: UTF8.self)),
            there.last ?? 0 <= rules.highestEpoch
        else {
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
