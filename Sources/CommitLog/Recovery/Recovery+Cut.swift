import Records

/// The hands of recovery: copies what goes, then takes it away.
extension Recovery {
    /// Cuts a partition at the first place where it does not go on.
    mutating func cutTears(_ key: Key) throws(DiskError) {
        guard let partition = found[key],
            let spot = partition.scan.spots(partition.rules).first
        else { return }
        try cut(key, at: spot.offset, reason: spot.reason)
    }

    /// Takes away everything from a batch border on. A copy is kept first.
    mutating func cut(_ key: Key, at offset: Offset, reason: String) throws(DiskError) {
        guard let partition = found[key] else { return }
        let segments = partition.scan.segments
        guard let place = segments.lastIndex(where: { $0.base <= offset }) else { return }
        let first = segments[place]
        let position = try border(in: first, at: offset)
        let tail = segments[(place + 1)...]
        guard position < first.fileSize || !tail.isEmpty else { return }
        var pieces = [(first.stem, position, first.fileSize)]
        pieces += tail.map { ($0.stem, 0, $0.fileSize) }
        let copy = try keep(partition.place.name, offset, pieces)
        // What tells of batches that go must not outlive them.
        if try ProducerSnapshot.remove(in: partition.scan.directory, above: offset, disk: disk) {
            try disk.syncDirectory(partition.scan.directory)
        }
        // Later segments go first and durably: else one of them could come back behind a hole.
        for segment in tail.reversed() { try removeSegment(segment.stem) }
        if !tail.isEmpty { try disk.syncDirectory(partition.scan.directory) }
        let file = try disk.open(first.stem + ".log", .readWrite)
        try file.truncate(to: position)
        try file.syncWhole()
        report.cuts.append(
            RecoveryReport.Cut(
                partition: partition.place.name, offset: offset,
                bytes: first.fileSize - position + tail.reduce(0) { $0 + $1.fileSize }, reason: reason, copy: copy))
        try rescan(key)
    }

    private mutating func rescan(_ key: Key) throws(DiskError) {
        guard var partition = found[key] else { return }
        var rules = partition.rules
        // What is left has been read already.
        rules.isStrict = false
        partition.scan = try PartitionScan(partition.scan.directory, disk: disk, rules: rules)
        found[key] = partition
    }

    private func removeSegment(_ stem: String) throws(DiskError) {
        for suffix in Segment.suffixes { try disk.removeIfThere(stem + suffix) }
    }

    /// Where the batch that begins at or after an offset lies; the end of what can be read if there is none.
    private func border(in segment: ScannedSegment, at offset: Offset) throws(DiskError) -> Int64 {
        let file = try disk.open(segment.stem + ".log", .read)
        // Nothing is cut below the recovery point.
        var scanner = BatchScanner(file, from: segment.trustedSize, to: segment.validSize, checksCRC: false)
        while case .batch(let batch) = try scanner.next() {
            if batch.baseOffset >= offset { return batch.position }
        }
        return segment.validSize
    }

    // MARK: - Copies

    /// Where copies of what was cut are kept.
    static let copies = "penstock-cut"

    /// Copies pieces of files, one after the other, into one file, and syncs it.
    /// - Returns: its path, nil if the disk is full, even with the reserve: what is cut was never acknowledged as durable.
    mutating func keep(
        _ partition: String, _ offset: Offset, _ pieces: [(stem: String, from: Int64, to: Int64)]
    ) throws(DiskError) -> String? {
        let directory = "\(path)/\(Self.copies)"
        let name = "\(directory)/\(partition).\(offset).\(pieces.reduce(0) { $0 + $1.to - $1.from }).log"
        do throws(DiskError) {
            if !(try disk.exists(directory)) {
                try disk.makeDirectory(directory, syncing: path)
            }
            // Once, so that none goes that this opening made.
            if !hasTrimmedCopies { trimCopies(directory) }
            hasTrimmedCopies = true
            let copy = try disk.open(name, .create)
            try copy.truncate(to: 0)
            var end: Int64 = 0
            for piece in pieces {
                end = try Self.copy(piece.stem + ".log", piece.from..<piece.to, to: copy, at: end, disk)
            }
            try copy.syncWhole()
            try disk.syncDirectory(directory)
            return name
        } catch {
            guard error.isFull else { throw error }
            try disk.removeIfThere(name)
            guard Reserve.release(in: path, disk: disk) else { return nil }
            return try keep(partition, offset, pieces)
        }
    }

    /// Removes the oldest copies beyond the limit, of those that openings made: whatever else lies there is not ours to
    /// remove. Whether that succeeds decides nothing.
    private mutating func trimCopies(_ directory: String) {
        do throws(DiskError) {
            var copies: [(path: String, status: FileStatus)] = []
            for name in try disk.list(directory) where Self.isCopy(name) {
                let path = "\(directory)/\(name)"
                let status = try disk.status(path)
                if status.kind == .file { copies.append((path, status)) }
            }
            copies.sort { $0.status.modified < $1.status.modified }
            var total = copies.reduce(0) { $0 + $1.status.size }
            for copy in copies where total > options.cutCopiesBytes {
                try disk.removeIfThere(copy.path)
                total -= copy.status.size
            }
        } catch {
            report.ignored.append("\(directory), of which the oldest copies should have gone: \(error)")
        }
    }

    /// Whether a file of that name is a copy that an opening made: `PARTITION.OFFSET.BYTES.log`.
    private static func isCopy(_ name: String) -> Bool {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 4, parts.last == "log" else { return false }
        let numbers = parts.suffix(3).dropLast()
        guard numbers.allSatisfy({ digits in Int64(digits).map { $0 >= 0 && String($0) == digits } ?? false }) else {
            return false
        }
        return PartitionPlace.parse(parts.dropLast(3).joined(separator: ".")) != nil
    }

    // MARK: - Durability

    /// Syncs what was kept of a partition.
    ///
    /// What lies past the recovery point is written again first, the same bytes in the same place: a sync may have failed
    /// whose process died before it could say so, and then the page cache takes for written what is not on the disk. A
    /// segment that was begun since becomes a new file: so may its name.
    func makeDurable(_ key: Key) throws(DiskError) {
        guard let partition = found[key] else { return }
        let scan = partition.scan
        for segment in scan.segments where !segment.isTrusted {
            let isNew = segment.base > 0 && segment.trustedSize == 0 && !partition.rules.isAdopted
            if isNew, try isRewritten(segment.stem + ".log") { continue }
            let file = try disk.open(segment.stem + ".log", .readWrite)
            try writeAgain(file, segment.trustedSize..<segment.validSize)
            try file.syncWhole()
        }
        try disk.syncDirectory(scan.directory)
    }

    /// - Returns: false if there is no room.
    private func isRewritten(_ path: String) throws(DiskError) -> Bool {
        do throws(DiskError) { try rewrite(path) } catch {
            guard error.isFull else { throw error }
            try disk.removeIfThere(path + ".tmp")
            return false
        }
        return true
    }

    private func writeAgain(_ file: any DiskFile, _ range: Range<Int64>) throws(DiskError) {
        var position = range.lowerBound
        while position < range.upperBound {
            let bytes = try file.readBytes(at: position, count: Int(min(1 << 20, range.upperBound - position)))
            guard !bytes.isEmpty else { return }
            do throws(DiskError) { try file.write(bytes, at: position) } catch {
                // A file system that never writes in place may have no room; the bytes are there all the same.
                guard error.isFull else { throw error }
                return
            }
            position += Int64(bytes.count)
        }
    }

    /// Syncs everything that was kept or cut. A partition that cannot be made durable is served to nobody.
    mutating func makeDurable() throws(DiskError) {
        for key in found.keys.sorted(by: order) where isStrict || found[key]?.rules.isAdopted == true {
            try attempt(key) { (recovery) throws(DiskError) in try recovery.makeDurable(key) }
        }
        if isStrict && !isForeign { try replaceRootFiles() }
        try disk.syncDirectory(path)
    }

    /// Gives the files of the root their names anew: a sync of these may have failed.
    private func replaceRootFiles() throws(DiskError) {
        let checkpoints = OffsetCheckpoint.Name.allCases.map(\.rawValue)
        let names = checkpoints + [MetaProperties.fileName, DataDirectory.positionsMark]
        let limit = OffsetCheckpoint.sizeLimit
        for file in names.map({ "\(path)/\($0)" }) {
            guard let bytes = try disk.readFile(file, limit: limit + 1), bytes.count <= limit else { continue }
            do throws(DiskError) { try disk.replaceFile(file, with: bytes) } catch {
                // Without room they stay as they are.
                guard error.isFull else { throw error }
                try disk.removeIfThere(file + ".tmp")
            }
        }
    }

    /// Removes what said that the last process stopped cleanly.
    func removeCleanMarker() throws(DiskError) {
        try disk.removeIfThere("\(path)/\(DataDirectory.cleanMarker)")
        try disk.syncDirectory(path)
    }

    /// A sync that failed says nothing about what the page cache still holds: the files it was for are written anew, in
    /// other places of the disk, so that what is read from here on is what is on the disk.
    ///
    /// Where that cannot be, what lies past the recovery point is written again in its own place once it has been read; what
    /// cannot be read is found there.
    mutating func rewriteAfterFailedSync() throws(DiskError) {
        guard let bytes = try disk.readFile("\(path)/\(DataDirectory.failureMarker)", limit: 16 << 20) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n").dropFirst() {
            let file = String(line)
            guard file.hasPrefix(path + "/"), file.hasSuffix(".log") else { continue }
            do throws(DiskError) { if try disk.exists(file) { try rewrite(file) } } catch {
                guard error.isFull || !error.isOfTheProcess else { throw error }
                try? disk.removeIfThere(file + ".tmp")
                report.ignored.append("\(file), of which a sync had failed, for another copy of it: \(error)")
            }
        }
    }

    private func rewrite(_ path: String) throws(DiskError) {
        let new = try disk.open(path + ".tmp", .create)
        try new.truncate(to: 0)
        _ = try Self.copy(path, 0..<disk.status(path).size, to: new, at: 0, disk)
        try new.syncWhole()
        try disk.rename(path + ".tmp", path)
        if let slash = path.lastIndex(of: "/") { try disk.syncDirectory(String(path[..<slash])) }
    }
}
