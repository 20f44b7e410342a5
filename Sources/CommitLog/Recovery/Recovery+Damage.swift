import Glibc
import Records

/// What was durable once and cannot be read any more.
extension Recovery {
    /// Bridges damage: the bad part is set aside, and an empty batch, as compaction leaves them, takes its offsets, so
    /// that readers go on behind it and no offset is given out twice.
    /// - Returns: whether there was any.
    mutating func repairDamage(_ key: Key) throws(DiskError) -> Bool {
        var isDamaged = false
        while let partition = found[key], let hole = try damagedHole(partition) {
            try bridge(partition, hole)
            isDamaged = true
            // There may be more damage behind the first.
            var partition = partition
            partition.scan = try PartitionScan(partition.scan.directory, disk: disk, rules: partition.rules)
            found[key] = partition
        }
        return isDamaged
    }

    struct Hole {
        /// nil if the partition has no segment at all.
        var segment: ScannedSegment?
        var from: Offset
        var to: Offset
        /// Where the segment's file goes on behind the damage; nil if nothing of it can be read from there.
        var resume: Int64?
        var reason: String
    }

    func damagedHole(_ partition: Found) throws(DiskError) -> Hole? {
        let scan = partition.scan
        guard let spot = scan.spots(partition.rules).first else {
            guard scan.logEnd < partition.known else { return nil }
            return Hole(
                segment: scan.segments.last, from: scan.logEnd, to: partition.known, resume: nil,
                reason: "the log ends at \(scan.logEnd)")
        }
        guard spot.offset < partition.known else { return nil }
        let segment = scan.segments[spot.segment]
        let following = spot.segment + 1 < scan.segments.count ? scan.segments[spot.segment + 1].base : nil
        var behind = try BatchesBehind(damageIn: segment, partition.rules, before: following ?? .max, disk: disk)
        if let next = try behind.next() {
            // Of an entry of an old message set only the last offset is known.
            let to = next.message == nil ? next.baseOffset : spot.offset
            return Hole(segment: segment, from: spot.offset, to: to, resume: next.position, reason: spot.reason)
        }
        let next = following ?? partition.known
        // Segments that overlap cannot be bridged: what follows is cut.
        guard next > spot.offset else { return nil }
        return Hole(segment: segment, from: spot.offset, to: next, resume: nil, reason: spot.reason)
    }

    /// Writes the segment anew: what is good before the damage, the empty batch, what is good behind it.
    private mutating func bridge(_ partition: Found, _ hole: Hole) throws(DiskError) {
        // An offset's distance from its segment's base has 31 bits. If nothing is left, the log may as well begin later.
        let base = hole.segment?.base ?? max(hole.from, hole.to - Int64(Int32.max))
        guard hole.to - base <= Int64(Int32.max) else { throw tooWide(partition, hole) }
        let stem = hole.segment?.stem ?? Segment.stem(partition.scan.directory, base)
        let good = hole.segment?.validSize ?? 0
        let size = hole.segment?.fileSize ?? 0
        let resume = hole.resume ?? size
        var copy: String?
        if good < resume {
            copy = try keep(partition.place.name, hole.from, [(stem, good, resume)])
            guard copy != nil else { throw noRoom(partition, hole, bytes: resume - good) }
        }
        let path = stem + ".log"
        let new = try disk.open(path + ".tmp", .create)
        try new.truncate(to: 0)
        var position = try Self.copy(path, 0..<good, to: new, at: 0, disk)
        let first = max(hole.from, base)
        // Before an entry of an old message set only bytes are missing.
        if first < hole.to {
            try new.write(Self.emptyBatch(from: first, to: hole.to), at: position)
            position += Int64(BatchHeader.size)
        }
        if let resume = hole.resume { position = try Self.copy(path, resume..<size, to: new, at: position, disk) }
        try new.syncWhole()
        // What is behind the damage lies elsewhere now: the indexes are made again.
        for suffix in [Segment.indexSuffix, Segment.timeIndexSuffix] { try disk.removeIfThere(stem + suffix) }
        try disk.syncDirectory(partition.scan.directory)
        try disk.rename(path + ".tmp", path)
        try disk.syncDirectory(partition.scan.directory)
        report.damage.append(
            RecoveryReport.Damage(
                partition: partition.place.name, offsets: hole.from..<hole.to, reason: hole.reason, copy: copy))
    }

    /// What was durable is not taken away without a copy. (That the disk is full says nothing about other partitions.)
    private func noRoom(_ partition: Found, _ hole: Hole, bytes: Int64) -> DiskError {
        DiskError(
            operation: """
                copy what is damaged at offset \(hole.from) (\(hole.reason)) to \(path)/\(Self.copies), since the disk is \
                full: make room for \(bytes) bytes, and start again;
                """,
            path: partition.place.path, code: EBADMSG)
    }

    /// The partition goes offline, with all that it has.
    private func tooWide(_ partition: Found, _ hole: Hole) -> DiskError {
        DiskError(
            operation: """
                bridge offsets \(hole.from) to \(hole.to - 1), more than a segment has (\(hole.reason)): put the missing \
                files back, or, if \(hole.to) is wrong, the right offset into \
                \(path)/\(OffsetCheckpoint.Name.recoveryPoint.rawValue), in
                """,
            path: partition.place.path, code: EBADMSG)
    }

    /// Copies a range of a file.
    /// - Returns: where the copy ends.
    static func copy(
        _ path: String, _ range: Range<Int64>, to file: any DiskFile, at start: Int64, _ disk: Disk
    ) throws(DiskError) -> Int64 {
        guard !range.isEmpty else { return start }
        let source = try disk.open(path, .read)
        var position = range.lowerBound
        while position < range.upperBound {
            let bytes = try source.readBytes(at: position, count: Int(min(1 << 20, range.upperBound - position)))
            guard !bytes.isEmpty else { break }
            try file.write(bytes, at: start + position - range.lowerBound)
            position += Int64(bytes.count)
        }
        return start + position - range.lowerBound
    }

    /// A batch without records that takes the offsets from `base` up to, not including, `end`.
    static func emptyBatch(from base: Offset, to end: Offset) -> [UInt8] {
        var writer = ByteWriter(reserving: BatchHeader.size)
        writer.write(base)
        writer.write(Int32(BatchHeader.size - 12))
        writer.write(Int32(-1))  // leader epoch: none
        writer.write(Int8(2))
        writer.write(UInt32(0))  // CRC, below
        writer.write(Int16(0))
        writer.write(Int32(end - base - 1))
        writer.write(Int64(-1))  // base timestamp
        writer.write(Int64(-1))  // largest timestamp
        writer.write(Int64(-1))  // producer
        writer.write(Int16(-1))
        writer.write(Int32(-1))
        writer.write(Int32(0))  // records
        writer.patch(crc32c(writer.bytes.rawSpan.extracting(droppingFirst: 21)), at: 17)
        return writer.bytes
    }
}
